import EventLoop
import Glibc

/// A distribution of the time that an upstream takes to answer.
public enum Latency: Sendable, Equatable {
    case constant(Duration)
    case uniform(ClosedRange<Duration>)
    /// Log-normal: most answers near the median, and a long tail.
    case logNormal(p50: Duration, p99: Duration)
    case exponential(mean: Duration)

    /// The 99th percentile of the standard normal distribution.
    private static let normalP99 = 2.3263478740408408

    func draw(using generator: inout SplitMix64) -> Duration {
        switch self {
        case .constant(let duration): duration
        case .uniform(let range):
            .nanoseconds(
                Int64.random(
                    in: range.lowerBound.wholeNanoseconds...range.upperBound.wholeNanoseconds, using: &generator))
        case .logNormal(let p50, let p99):
            Self.duration(p50.seconds * exp(log(p99.seconds / p50.seconds) / Self.normalP99 * generator.normal()))
        case .exponential(let mean): Self.duration(mean.seconds * generator.exponential())
        }
    }

    /// Draws a duration of at most a day, so that no sum of durations overflows.
    private static func duration(_ seconds: Double) -> Duration { .nanoseconds(Int64(min(seconds, 86_400) * 1e9)) }
}

extension Duration {
    var seconds: Double { Double(wholeNanoseconds) / 1e9 }
}

extension SplitMix64 {
    /// Uniformly distributed over (0, 1].
    mutating func unit() -> Double { Double(next() >> 11 + 1) * 0x1p-53 }

    /// Exponentially distributed with mean 1.
    mutating func exponential() -> Double { -log(unit()) }

    /// Normally distributed with mean 0 and standard deviation 1.
    ///
    /// Source: G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", 1958.
    mutating func normal() -> Double { sqrt(2 * exponential()) * cos(2 * Double.pi * unit()) }
}
