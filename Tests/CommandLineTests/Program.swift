import EventLoop
import EventLoopTesting
import Foundation
import Glibc
import TestSupport

/// The program as it was built with the tests, and what it prints.
enum Program {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    /// Tests and program are built into one directory.
    static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("gatherd").path

    struct Result: Equatable, Sendable {
        var exit: ChildProcess.Exit
        var output: String
        var errors: String
    }

    /// Runs it to its end, in the project's directory.
    static func run(_ arguments: [String]) throws -> Result {
        try shell(#"cd "$1" && shift && exec "$@""#, ["sh", root.path, path] + arguments)
    }

    /// Runs a shell's command to its end.
    static func shell(_ command: String, _ arguments: [String] = [], environment: [String: String]? = nil) throws
        -> Result
    {
        try EventLoop.run { loop in
            try await shell(command, arguments, environment: environment, on: loop)
        }
    }

    static func shell(
        _ command: String, _ arguments: [String] = [], environment: [String: String]? = nil, on loop: isolated EventLoop
    ) async throws -> Result {
        let shell = ChildCommand(
            "/bin/bash", ["-c", command] + arguments, environment: environment, standardOutput: .pipe,
            standardError: .pipe)
        return try await withChildProcess(shell, on: loop) { child, loop in
            guard let output = child.standardOutput, let errors = child.standardError else {
                preconditionFailure("both were asked for")
            }
            let limit = 64 << 20
            let (said, complained) = try await loop.gather(
                { try await output.readAll(atMost: limit, on: loop) },
                { try await errors.readAll(atMost: limit, on: loop) })
            return Result(
                exit: try await child.exit(on: loop), output: String(decoding: said, as: UTF8.self),
                errors: String(decoding: complained, as: UTF8.self))
        }
    }
}

/// The program while it serves a configuration on ports that the kernel chooses.
final class ServingProgram {
    let port: UInt16
    let adminPort: UInt16
    /// The path of its configuration, which is there while it runs.
    let file: String
    /// Its log so far.
    private(set) var log: String
    private let process: ChildProcess
    private let errors: PipeStream

    private init(
        _ process: ChildProcess, _ errors: PipeStream, log: String, port: UInt16, adminPort: UInt16, file: String
    ) {
        (self.process, self.errors, self.log, self.file) = (process, errors, log, file)
        (self.port, self.adminPort) = (port, adminPort)
    }

    struct NotServing: Error { let log: String }

    /// Serves a configuration while `body` runs; then stops it at once.
    /// - Parameter setup: what the shell does before, such as setting limits.
    static func run<Value: Sendable>(
        _ configuration: String, _ arguments: [String] = [], setup: String = "", environment: [String: String]? = nil,
        _ body: @escaping @Sendable (ServingProgram, isolated EventLoop) async throws -> Value
    ) throws -> Value {
        try TestLoop.runOnSystem { loop in
            try await run(configuration, arguments, setup: setup, environment: environment, on: loop, body)
        }
    }

    static func run<Value: Sendable>(
        _ configuration: String, _ arguments: [String] = [], setup: String = "", environment: [String: String]? = nil,
        on loop: isolated EventLoop,
        _ body: @escaping @Sendable (ServingProgram, isolated EventLoop) async throws -> Value
    ) async throws -> Value {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("gatherd-\(UUID()).yaml")
        try configuration.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let command = ChildCommand(
            "/bin/bash", ["-c", setup + #"exec "$@""#, "bash", Program.path, "serve", file.path] + arguments,
            environment: environment, standardError: .pipe)
        return try await withChildProcess(command, on: loop) { process, loop in
            guard let errors = process.standardError else { preconditionFailure("it was asked for") }
            var log = ""
            while !log.contains(" serving ") || log.last != "\n" {
                let piece = try await errors.read(atMost: 65536, on: loop)
                log += String(decoding: piece, as: UTF8.self)
                if piece.isEmpty { throw NotServing(log: log) }
            }
            guard let port = Self.port("listen", in: log), let adminPort = Self.port("admin", in: log) else {
                throw NotServing(log: log)
            }
            let program = ServingProgram(process, errors, log: log, port: port, adminPort: adminPort, file: file.path)
            return try await body(program, loop)
        }
    }

    private static func port(_ name: String, in log: String) -> UInt16? {
        log.firstRange(of: " \(name)=").flatMap { found in
            log[found.upperBound...].prefix { !$0.isWhitespace }.split(separator: ":").last.flatMap { UInt16($0) }
        }
    }

    func send(_ signal: CInt) throws { try process.send(signal: signal) }

    func get(_ target: String, on loop: isolated EventLoop) async throws -> Message {
        let client = try SocketEnd(port: port, on: loop)
        try client.send("GET \(target) HTTP/1.1\r\nHost: gatherd\r\nConnection: close\r\n\r\n")
        return try await client.message(on: loop)
    }

    /// Reads on until the log says something.
    func waitForLog(_ text: String, on loop: isolated EventLoop) async throws {
        while !log.contains(text) {
            let piece = try await errors.read(atMost: 65536, on: loop)
            log += String(decoding: piece, as: UTF8.self)
            if piece.isEmpty { throw NotServing(log: log) }
        }
    }

    /// How the program ends, while its log is not read.
    func exit(on loop: isolated EventLoop) async throws -> ChildProcess.Exit { try await process.exit(on: loop) }

    /// Reads the log to its end, and says how the program ended.
    func end(on loop: isolated EventLoop) async throws -> ChildProcess.Exit {
        log += String(decoding: try await errors.readAll(atMost: 64 << 20, on: loop), as: UTF8.self)
        return try await process.exit(on: loop)
    }
}
