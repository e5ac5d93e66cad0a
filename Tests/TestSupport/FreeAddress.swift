import Glibc
import HTTPServer
import Synchronization

/// An address of the loopback on which nothing listens until a test has something listen there.
///
/// A port of 127.0.0.1 that was closed may be another test's a moment later. The host of this address is that of no
/// other test, nor of another run of the tests, and connections go out from 127.0.0.1.
public struct FreeAddress: Sendable, CustomStringConvertible {
    public let host: String
    public let port: UInt16

    public init() throws {
        host = Self.freeHost()
        // Closed at once.
        port = try Listener("\(host):0").port
    }

    public var description: String { "\(host):\(port)" }

    /// A host of the loopback that is no other's, and all of whose ports are free.
    public static func freeHost() -> String {
        let (process, number) = (getpid(), hosts.add(1, ordering: .relaxed).oldValue)
        return "127.\(64 + number % 128).\(process >> 8 & 255).\(process & 255)"
    }

    private static let hosts = Atomic<Int>(0)
}
