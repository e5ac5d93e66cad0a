import EventLoop
import Glibc

/// A socket that takes messages as a service manager does (sd_notify(3)).
///
/// `@unchecked Sendable`: nothing of it changes, and one task at a time waits for messages.
public final class ManagerSocket: @unchecked Sendable {
    public let path: String
    private let fd: CInt

    /// The socket could not be made.
    public struct Failure: Error { public let code: CInt }

    public init() throws {
        var template = Array("/tmp/gatherd-notify-XXXXXX".utf8CString)
        // The call changes the characters in place.
        guard unsafe mkdtemp(&template) != nil else { throw Failure(code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/socket"
        fd = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // The path is shorter than the array, whose last byte stays NUL; the structure's size says how much of it is
        // there.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw Failure(code: errno) }
    }

    deinit {
        close(fd)
        unsafe unlink(path)
        unsafe rmdir(String(path.dropLast("/socket".count)))
    }

    /// The next message as its lines, if it has come.
    public func received() -> [String]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // The call writes at most as much as the buffer has.
        let count = unsafe recv(fd, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Waits for a message that has a line which begins so; those before it are left out.
    public func message(_ line: String, on loop: isolated EventLoop) async throws -> [String] {
        while true {
            while let message = received() {
                if message.contains(where: { $0.hasPrefix(line) }) { return message }
            }
            try await loop.waitUntilReadable(fd, until: loop.now.advanced(by: .seconds(10)))
        }
    }
}
