import Glibc

/// Reads a file that the command line names.
enum FileContents {
    /// What stands for standard input in place of a file's name, and what messages call it.
    static let standardInput = (argument: "-", name: "standard input")

    /// The path of a file without links, dots and doubled slashes; nil if there is none.
    static func realPath(_ file: String) -> String? {
        // The path is a C string for the length of the call, and what comes is ours to free.
        guard let path = unsafe realpath(file, nil) else { return nil }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    /// The first bytes of a file or of standard input, or all.
    static func read(_ file: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        let isStandardInput = file == standardInput.argument
        // The path is a C string for the length of the call.
        let descriptor = isStandardInput ? STDIN_FILENO : unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(errno) }
        defer { if !isStandardInput { close(descriptor) } }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while content.count < limit {
            let wanted = min(buffer.count, limit - content.count)
            // The buffer has at least as many bytes as are wanted.
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

/// Why the system does not give a file.
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
