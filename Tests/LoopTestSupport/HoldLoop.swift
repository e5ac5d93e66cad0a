import Glibc

/// Holds the loop for so long, as computing does, but without using a processor that other tests need.
public func holdLoop(for duration: Duration) {
    let end = ContinuousClock.now + duration
    while case let left = end - .now, left > .zero {
        let (seconds, attoseconds) = left.components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        unsafe nanosleep(&time, nil)
    }
}
