import CPlatform
import Glibc

/// What the commands have of the system: their environment, the standard streams, and files that they write.
enum Console {
    /// The variables of the environment; of those with one name, the first.
    static var environment: [String: String] {
        var variables: [String: String] = [:]
        // The list ends with a null pointer. Nothing here changes the environment.
        guard var entry = unsafe cp_environment() else { return variables }
        while let text = unsafe entry.pointee {
            let parts = unsafe String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, variables[String(parts[0])] == nil { variables[String(parts[0])] = String(parts[1]) }
            unsafe entry += 1
        }
        return variables
    }

    /// Whether there is a file of this name that can be read from its beginning as often as is wanted.
    static func isRegularFile(_ path: String) -> Bool {
        var status = stat()
        // The path is a C string, and the structure the function's, for the length of the call.
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// Writes at once, past the buffer of `print`. What the reader of a pipe no longer wants is dropped.
    static func write(_ text: String, to descriptor: CInt) {
        try? write(Array(text.utf8), to: descriptor)
    }

    /// - Parameter replaces: whether a file that is there is overwritten; it is an error otherwise.
    static func write(_ text: String, toFile path: String, replaces: Bool = true) throws {
        // The path is a C string for the length of the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | (replaces ? O_TRUNC : O_EXCL) | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw cannotBeWritten(path) }
        defer { close(descriptor) }
        do throws(WriteError) { try write(Array(text.utf8), to: descriptor) } catch { throw cannotBeWritten(path) }
    }

    private struct WriteError: Error {}

    private static func write(_ bytes: [UInt8], to descriptor: CInt) throws(WriteError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // The pointer is to as many bytes as are named, for the length of the call.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw WriteError() }
            rest = rest.dropFirst(count)
        }
    }

    private static func cannotBeWritten(_ path: String) -> FileWriteError {
        // The system's text is a constant, or the thread's until its next call.
        FileWriteError(description: "\(path): cannot be written: \(unsafe String(cString: strerror(errno)))")
    }
}

/// Why a file was not written.
struct FileWriteError: Error, CustomStringConvertible {
    let description: String
}
