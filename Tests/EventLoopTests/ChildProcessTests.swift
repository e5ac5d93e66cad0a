import EventLoopTesting
import Glibc
import LoopTestSupport
import Synchronization
import Testing

@testable import EventLoop

struct ChildProcessTests {
    private static func shell(_ script: String, _ streams: (inout ChildCommand) -> Void = { _ in }) -> ChildCommand {
        var command = ChildCommand("/bin/sh", ["-c", script])
        streams(&command)
        return command
    }

    /// What a script writes, and how it ends.
    private static func output(
        of command: ChildCommand, on loop: isolated EventLoop
    ) async throws -> (text: String, exit: ChildProcess.Exit) {
        var command = command
        command.standardOutput = .pipe
        return try await withChildProcess(command, on: loop) { child, loop in
            let bytes = try await #require(child.standardOutput).readAll(atMost: 1 << 20, on: loop)
            return (String(decoding: bytes, as: UTF8.self), try await child.exit(on: loop))
        }
    }

    @Test(
        arguments: [
            ("exit 0", .exited(code: 0)), ("exit 7", .exited(code: 7)), ("kill -TERM $$", .signalled(number: SIGTERM)),
        ]
            as [(String, ChildProcess.Exit)])
    func `how a process ends is told, again and again`(_ script: String, _ expected: ChildProcess.Exit) throws {
        try TestLoop.runOnSystem { loop in
            try await withChildProcess(Self.shell(script), on: loop) { child, loop in
                #expect(try await child.exit(on: loop) == expected)
                #expect(try await child.exit(on: loop) == expected)
                // No process is left to be signalled.
                try child.send(signal: SIGTERM)
            }
        }
    }

    @Test func `arguments, environment and search path reach the program`() throws {
        try TestLoop.runOnSystem { loop in
            let command = ChildCommand(
                "sh", ["-c", "echo \"$0|$1|$A|$HOME\"", "one two", "three"], environment: ["A": "b=c"])
            let (text, _) = try await Self.output(of: command, on: loop)
            #expect(text == "one two|three|b=c|\n")
            let inherited = ChildCommand("sh", ["-c", "test -n \"$PATH\""])
            let (_, exit) = try await Self.output(of: inherited, on: loop)
            #expect(exit == .exited(code: 0))
        }
    }

    @Test func `pipes carry what a program reads and writes`() throws {
        try TestLoop.runOnSystem { loop in
            let command = Self.shell("cat; echo done >&2") {
                ($0.standardInput, $0.standardOutput, $0.standardError) = (.pipe, .pipe, .pipe)
            }
            try await withChildProcess(command, on: loop) { child, loop in
                let input = try #require(child.standardInput)
                let sent = [UInt8](repeating: 42, count: 1 << 20)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addImmediateTask {
                        try await input.write(sent, on: loop)
                        input.finishWriting()
                    }
                    let received = try await child.standardOutput?.readAll(atMost: .max, on: loop)
                    #expect(received == sent)
                    try await group.waitForAll()
                }
                let complaint = try await child.standardError?.readAll(atMost: 100, on: loop)
                #expect(complaint == Array("done\n".utf8))
                #expect(try await child.exit(on: loop) == .exited(code: 0))
            }
        }
    }

    @Test func `a null stream is empty, and takes all`() throws {
        try TestLoop.runOnSystem { loop in
            let command = Self.shell("cat && echo nobody reads this") { $0.standardOutput = .null }
            try await withChildProcess(command, on: loop) { child, loop in
                let hasPipes = child.standardInput != nil || child.standardOutput != nil
                let exit = try await child.exit(on: loop)
                #expect(!hasPipes)
                #expect(exit == .exited(code: 0))
            }
        }
    }

    @Test func `a program starts with the signals' defaults and without this one's descriptors`() throws {
        let descriptor = try Signals.block([SIGUSR1, SIGTERM])
        defer {
            close(descriptor)
            var set = sigset_t()
            unsafe sigemptyset(&set)
            for signal in [SIGUSR1, SIGTERM] { unsafe sigaddset(&set, signal) }
            unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        }
        // One that exec would leave open.
        let leak = unsafe open("/dev/null", O_RDONLY)
        defer { close(leak) }
        try TestLoop.runOnSystem { loop in
            // A pipe has this program ignore SIGPIPE, which is handed down unless it is reset.
            let script =
                "grep -E '^Sig(Blk|Ign):' /proc/self/status; test -e /proc/self/fd/\(leak) && echo leaked; true"
            let (text, exit) = try await Self.output(of: Self.shell(script), on: loop)
            let masks = text.split(separator: "\n").map {
                $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
            }
            // 32 and 33 are the C library's own.
            #expect(masks.map { $0.map { $0 & ~(3 << 31) } } == [0, 0])
            #expect(exit == .exited(code: 0))
        }
    }

    @Test func `a signal that is sent reaches the process`() throws {
        try TestLoop.runOnSystem { loop in
            try await withChildProcess(ChildCommand("sleep", ["60"]), on: loop) { child, loop in
                try child.send(signal: SIGTERM)
                #expect(try await child.exit(on: loop) == .signalled(number: SIGTERM))
            }
        }
    }

    // MARK: Ends of waits and scopes

    @Test func `deadline and cancellation end the wait, and leave the process alone`() throws {
        try TestLoop.runOnSystem { loop in
            try await withChildProcess(ChildCommand("sleep", ["60"]), on: loop) { child, loop in
                let deadline = loop.now.advanced(by: .milliseconds(1))
                await #expect(throws: StreamError.timedOut) { try await child.exit(until: deadline, on: loop) }
                await withTaskGroup(of: Void.self) { group in
                    group.addImmediateTask {
                        await #expect(throws: StreamError.cancelled) { try await child.exit(on: loop) }
                    }
                    await loop.settle()
                    group.cancelAll()
                }
                #expect(kill(child.processID, 0) == 0)
            }
        }
    }

    @Test(arguments: ["return", "throw", "cancel"])
    func `a scope that is left early kills the process and reaps it`(_ way: String) throws {
        struct Left: Error {}
        try TestLoop.runOnSystem { loop in
            let processID = Mutex<pid_t>(0)
            let start = loop.now
            await withTaskGroup(of: Void.self) { group in
                group.addImmediateTask {
                    try? await withChildProcess(ChildCommand("sleep", ["60"]), on: loop) { child, loop in
                        processID.withLock { $0 = child.processID }
                        if way == "throw" { throw Left() }
                        if way == "cancel" { _ = try await child.exit(on: loop) }
                    }
                }
                await loop.settle()
                if way == "cancel" { group.cancelAll() }
            }
            let process = processID.withLock { $0 }
            #expect(process > 0)
            #expect(start.duration(to: loop.now) < .seconds(10))
            // No child is left, not even as a zombie.
            let reaped = waitpid(process, nil, WNOHANG)
            let code = errno
            #expect(reaped == -1)
            #expect(code == ECHILD)
        }
    }

    @Test func `the scope's error is the body's`() throws {
        struct Left: Error {}
        try TestLoop.runOnSystem { loop in
            _ = await #expect(throws: Left.self) {
                try await withChildProcess(ChildCommand("true"), on: loop) { _, _ in throw Left() }
            }
        }
    }

    @Test func `a program that is not there is an error of the system`() throws {
        try TestLoop.runOnSystem { loop in
            for (name, code) in [("/no/such/program", ENOENT), ("/dev/null", EACCES), ("a\0b", EINVAL)] {
                var command = ChildCommand(name)
                command.standardOutput = .pipe
                await #expect(throws: StreamError.system(SystemError("posix_spawn", code: code))) {
                    try await withChildProcess(command, on: loop) { _, _ in }
                }
            }
        }
    }

    @Test func `no process leaves a descriptor behind, however it goes`() async {
        await #expect(processExitsWith: .success) {
            func round() throws {
                try TestLoop.runOnSystem { loop in
                    let piped = ChildProcessTests.shell("cat") {
                        ($0.standardInput, $0.standardOutput, $0.standardError) = (.pipe, .pipe, .pipe)
                    }
                    try await withChildProcess(piped, on: loop) { child, loop in
                        _ = try? await child.standardOutput?.read(
                            atMost: 1, until: loop.now.advanced(by: .milliseconds(1)), on: loop)
                    }
                    var missing = piped
                    missing.executable = "/no/such/program"
                    _ = try? await withChildProcess(missing, on: loop) { _, _ in }
                }
            }
            try round()
            let before = openDescriptors()
            for _ in 0..<5 { try round() }
            precondition(before >= 0 && openDescriptors() == before, "\(before) before, \(openDescriptors()) behind")
        }
    }

    @Test func `a program gets its streams where this one has closed its own`() async {
        await #expect(processExitsWith: .success) {
            for fd in CInt(0)...1 { close(fd) }
            let (text, _) = try TestLoop.runOnSystem { loop in
                var command = ChildProcessTests.shell("read line; echo got $line")
                (command.standardInput, command.standardOutput) = (.pipe, .pipe)
                return try await withChildProcess(command, on: loop) { child, loop in
                    try await child.standardInput?.write("it\n", on: loop)
                    let bytes = try await child.standardOutput?.readAll(atMost: 100, on: loop) ?? []
                    return (String(decoding: bytes, as: UTF8.self), try await child.exit(on: loop))
                }
            }
            precondition(text == "got it\n", text)
        }
    }
}
