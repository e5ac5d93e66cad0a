import CPlatform
import EventLoop
import Glibc

/// Says when a file may have been changed, or one of those that it includes. Confined to its loop.
///
/// Their directories are watched and not the files: editors and Kubernetes put another file, or another link, in its
/// place.
final class FileWatch {
    private let fd: CInt

    /// So long nothing must have happened: what is written in several steps is read once.
    private static let rest: Duration = .milliseconds(200)

    /// Nil if the system does not watch it.
    init?(_ path: String) {
        // The path is a C string for the length of the call.
        fd = unsafe cp_watch_directory(Self.directory(of: path))
        if fd < 0 { return nil }
    }

    /// Watches more files as well. One whose directory is gone is not: the file that includes it has an error then.
    func add(_ paths: [String]) {
        // The path is a C string for the length of the call.
        for directory in Set(paths.map(Self.directory)) { _ = unsafe cp_watch_also(fd, directory) }
    }

    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    deinit { close(fd) }

    /// Waits until something has changed in the directory, and then for a moment in which nothing does.
    func change(on loop: isolated EventLoop) async throws {
        try await loop.waitUntilReadable(fd)
        repeat {
            _ = cp_discard_events(fd)
            try await loop.sleep(for: Self.rest)
        } while cp_discard_events(fd) > 0
    }
}
