import Testing

@testable import GatherService
