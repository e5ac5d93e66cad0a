import CPlatform
import EventLoop
import Glibc

/// Says when a file may have been changed. Confined to its loop.
///
/// Its directory is watched and not the file: editors and Kubernetes put another file, or another link, in its place.
final class FileWatch {
    private let fd: CInt

    /// So long nothing must have happened: what is written in several steps is read once.
    private static let rest: Duration = .milliseconds(200)

    /// Nil if the system does not watch it.
    init?(_ path: String) {
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        // The path is a C string for the length of the call.
        fd = unsafe cp_watch_directory(directory)
        if fd < 0 { return nil }
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
