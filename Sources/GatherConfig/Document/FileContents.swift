import Glibc

/// Reads files that the command line or a configuration names.
enum FileContents {
    /// The argument that means standard input, and its name in messages.
    static let standardInput = (argument: "-", name: "standard input")

    /// The path of a file with symbolic links, dots and double slashes resolved; nil if the file does not exist.
    static func realPath(_ file: String) -> String? {
        // The path is a C string for the duration of the call; the result is ours to free.
        guard let path = unsafe realpath(file, nil) else { return nil }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    /// Reads a file or standard input, up to a limit.
    static func read(_ file: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        let isStandardInput = file == standardInput.argument
        // The path is a C string for the duration of the call.
        let descriptor = isStandardInput ? STDIN_FILENO : unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(errno) }
        defer { if !isStandardInput { close(descriptor) } }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while content.count < limit {
            let wanted = min(buffer.count, limit - content.count)
            // The buffer has room for `wanted` bytes.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, wanted) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw FileError(errno)
            }
            if count == 0 { break }
            content += buffer[..<count]
        }
        return content
    }
}

extension Node {
    /// The content of a file that this value names; nil, and reported, if it cannot be read.
    func content(of path: String, atMost limit: Int) -> [UInt8]? {
        do throws(FileError) {
            return try FileContents.read(path, atMost: limit)
        } catch {
            return self.error(
                "\(quoted(path)) cannot be read: \(error)", remedy: "name a file that the service can read")
        }
    }
}

/// Why a file cannot be read.
struct FileError: Error, CustomStringConvertible {
    private let code: CInt

    init(_ code: CInt) { self.code = code }

    var description: String {
        switch code {
        case ENOENT: "there is no such file"
        case EISDIR: "it is a directory"
        case EACCES: "permission denied"
        default: unsafe String(cString: strerror(code))
        }
    }
}
