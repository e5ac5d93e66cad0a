/// Holds the loop for so long, as computing does.
public func spin(for duration: Duration) {
    let start = ContinuousClock.now
    while ContinuousClock.now - start < duration {}
}
