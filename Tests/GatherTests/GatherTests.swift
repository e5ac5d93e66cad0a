import Testing

@testable import Gather
