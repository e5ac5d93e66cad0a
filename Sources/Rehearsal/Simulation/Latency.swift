import EventLoop
import Glibc

/// How long an upstream takes to answer, as a distribution to draw from.
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
            Self.duration(
                Self.seconds(p50)
                    * exp(log(Self.seconds(p99) / Self.seconds(p50)) / Self.normalP99 * generator.normal()))
        case .exponential(let mean): Self.duration(Self.seconds(mean) * generator.exponential())
        }
    }

    private static func seconds(_ duration: Duration) -> Double { Double(duration.wholeNanoseconds) / 1e9 }

    /// A drawn duration; a day stands for what is longer, so that no sum of them overflows.
    private static func duration(_ seconds: Double) -> Duration { .nanoseconds(Int64(min(seconds, 86_400) * 1e9)) }
}

extension SplitMix64 {
    /// A number above 0 and up to 1.
    mutating func unit() -> Double { Double(next() >> 11 + 1) * 0x1p-53 }

    /// Exponentially distributed with the mean 1.
    mutating func exponential() -> Double { -log(unit()) }

    /// Normally distributed with the mean 0 and the deviation 1.
    ///
    /// Source: G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", 1958.
    mutating func normal() -> Double { sqrt(2 * exponential()) * cos(2 * Double.pi * unit()) }
}
