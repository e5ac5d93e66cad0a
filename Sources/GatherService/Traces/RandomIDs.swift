/// Random numbers that name requests and spans: cheap, and as good as never the same twice, but no secret.
///
/// The generator is xoshiro256** (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", 2021): one
/// call of the system's generator for each of a request's numbers would be a system call each.
struct RandomIDs: RandomNumberGenerator {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init() {
        var system = SystemRandomNumberGenerator()
        // Not all 0, which it would never leave.
        state = (system.next() | 1, system.next(), system.next(), system.next())
    }

    mutating func next() -> UInt64 {
        let multiplied = state.1 &* 5
        let result = (multiplied << 7 | multiplied >> 57) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }

    /// A number that is not 0.
    mutating func nextID() -> UInt64 { max(1, next()) }
}
