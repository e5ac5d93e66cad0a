import CPlatform
import EventLoop
import Glibc

/// Tells when a file, or one that it includes, may have changed. Confined to its loop.
///
/// Directories are watched rather than files, since editors and Kubernetes replace a file, or a link to it, by another.
final class FileWatch {
    private let fd: CInt

    /// How long nothing must have happened before a change is reported: one written in several steps is read once.
    private static let rest: Duration = .milliseconds(200)

    /// Nil if the system cannot watch it.
    init?(_ path: String) {
        // The path is a C string for the duration of the call.
        fd = unsafe cp_watch_directory(Self.directory(of: path))
        if fd < 0 { return nil }
    }

    /// Watches more files. One whose directory is gone is left out: the file that includes it has an error then.
    func add(_ paths: [String]) {
        // The path is a C string for the duration of the call.
        for directory in Set(paths.map(Self.directory)) { _ = unsafe cp_watch_also(fd, directory) }
    }

    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    deinit { close(fd) }

    /// Waits until something changes in a directory, and then until nothing has changed for a moment.
    func change(on loop: isolated EventLoop) async throws {
        try await loop.waitUntilReadable(fd)
        repeat {
            _ = cp_discard_events(fd)
            try await loop.sleep(for: Self.rest)
        } while cp_discard_events(fd) > 0
    }
}
