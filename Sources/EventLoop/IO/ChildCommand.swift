import CPlatform
import Glibc

/// A program to start, with its arguments, environment and standard streams.
public struct ChildCommand: Sendable {
    /// What one of the program's standard streams is connected to.
    public enum Stream: Sendable {
        /// This program's own.
        case inherit
        /// Nothing to read, and nowhere to write to.
        case null
        /// A pipe, whose other end is the ``ChildProcess``'s.
        case pipe
    }

    /// A path, or a name that is looked up in PATH.
    public var executable: String
    /// The arguments after the program's name.
    public var arguments: [String]
    /// The variables; nil for this program's own.
    public var environment: [String: String]?
    public var standardInput = Stream.null
    public var standardOutput = Stream.inherit
    public var standardError = Stream.inherit

    public init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String]? = nil,
        standardInput: Stream = .null, standardOutput: Stream = .inherit, standardError: Stream = .inherit
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.standardInput = standardInput
        self.standardOutput = standardOutput
        self.standardError = standardError
    }
}

/// A process that was started, with this program's ends of its pipes.
struct ChildStart {
    private(set) var processID: pid_t = 0
    private(set) var input: CInt?
    private(set) var output: CInt?
    private(set) var error: CInt?

    /// The child gets the signals' default mask and actions, and of the descriptors its standard streams alone.
    init(_ command: ChildCommand) throws(StreamError) {
        let texts = [command.executable] + command.arguments + (command.environment ?? [:]).flatMap { [$0, $1] }
        guard !texts.contains(where: { $0.utf8.contains(0) }) else {
            throw .system(SystemError("posix_spawn", code: EINVAL))
        }
        var theirs: [CInt] = []
        defer { for fd in theirs where fd >= 0 { close(fd) } }
        do throws(StreamError) {
            input = try Self.open(command.standardInput, .reading, &theirs)
            output = try Self.open(command.standardOutput, .writing, &theirs)
            error = try Self.open(command.standardError, .writing, &theirs)
            let environment = command.environment.map { $0.map { "\($0)=\($1)" }.sorted() }
            let code = unsafe withCStrings([command.executable] + command.arguments) { arguments in
                guard let environment else {
                    return unsafe cp_spawn(&processID, arguments, nil, theirs[0], theirs[1], theirs[2])
                }
                return unsafe withCStrings(environment) { environment in
                    unsafe cp_spawn(&processID, arguments, environment, theirs[0], theirs[1], theirs[2])
                }
            }
            guard code == 0 else { throw StreamError("posix_spawn", code: code) }
        } catch {
            closePipes()
            throw error
        }
    }

    /// Kills a process that cannot be observed, and waits for its end.
    func abandon() {
        closePipes()
        kill(processID, SIGKILL)
        while waitpid(processID, nil, 0) < 0 && errno == EINTR {}
    }

    private func closePipes() {
        for case let fd? in [input, output, error] { close(fd) }
    }

    /// Appends the child's descriptor for a stream, and returns this program's end of a pipe.
    private static func open(
        _ stream: ChildCommand.Stream, _ end: PipeStream.End, _ theirs: inout [CInt]
    ) throws(StreamError) -> CInt? {
        switch stream {
        case .inherit:
            theirs.append(cp_SPAWN_INHERIT)
            return nil
        case .null:
            theirs.append(cp_SPAWN_NULL)
            return nil
        case .pipe:
            let (reading, writing) = try PipeStream.ends(blocking: end)
            theirs.append(end == .reading ? reading : writing)
            return end == .reading ? writing : reading
        }
    }
}

/// Calls `body` with the strings in C's form, a null pointer after the last; they live as long as the call.
package func withCStrings(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> CInt
) -> CInt {
    var pointers = unsafe strings.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return EINVAL }
        return unsafe body(base)
    }
}
