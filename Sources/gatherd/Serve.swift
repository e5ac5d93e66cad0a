import ArgumentParser
import GatherConfig
import GatherService
import Logging

/// `gatherd serve`
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a configuration until SIGTERM, SIGINT or SIGQUIT.",
        discussion: """
            The first signal drains: no new connections, running requests end. The second cancels what is running. Logs go to \
            standard error.

            An address is host:port, [v6]:port, :8080 for every IPv4 address of the machine, or 8080 for 127.0.0.1 only.

              gatherd serve config/gatherd.yaml --listen 8081 --admin off
            """)

    @Argument(help: "The configuration file.", completion: .yamlFile)
    var file: String?

    @Option(help: ArgumentHelp("The same, as an option.", valueName: "file"), completion: .yamlFile)
    var config: String?

    @Option(
        help: ArgumentHelp("Where clients connect, in place of the file's server.listen.", valueName: "host:port"),
        transform: { try ListenAddress(argument: $0) })
    var listen: ListenAddress?

    @Option(
        help: ArgumentHelp("Where health checks connect, in place of server.admin; or off.", valueName: "host:port"),
        completion: .list(["off"]), transform: AdminAddress.init)
    var admin: AdminAddress?

    @Option(help: "How log lines look: text or json.")
    var logFormat = LineLogHandler.Format.text

    @Option(help: "The least severe level that is logged: trace, debug, info, notice, warning, error.")
    var logLevel = Logger.Level.info

    @Option(
        help: ArgumentHelp(
            "Log every job that holds a loop for longer than this.",
            valueName: "milliseconds"))
    var slowJobs: Int?

    func validate() throws {
        guard file != nil || config != nil else {
            throw ValidationError("which configuration? Name a file, such as config/gatherd.yaml")
        }
        guard file == nil || config == nil else {
            throw ValidationError("a file and --config say the same; leave one out")
        }
        guard slowJobs ?? 1 > 0 else { throw ValidationError("--slow-jobs is a number of milliseconds above 0") }
    }

    func run() throws {
        var configuration = try Configuration.reading(file ?? config ?? "")
        if let listen { configuration.server.listen = listen }
        if let admin { configuration.server.admin = admin.address }
        let log = LogWriter(logFormat, journalStream: Console.environment["JOURNAL_STREAM"])
        // Its lines are worth waiting for, but not for ever: the reader may take none any more.
        defer { log.close(within: .seconds(1)) }
        var logger = Logger(label: "gatherd") { _ in LineLogHandler(log) }
        logger.logLevel = logLevel
        for warning in configuration.warnings { logger.warning("\(warning.message)") }
        let service = try Service(
            configuration, logger: logger, slowJobs: slowJobs.map { .milliseconds($0) },
            droppedLogLines: { log.droppedLines })
        logger.notice(
            "serving \(counted(configuration.plan.endpoints.count + configuration.plan.proxies.count, "endpoint"))",
            metadata: ["listen": "\(service.address)", "admin": "\(service.adminAddress ?? "off")"])
        try service.run()
        logger.notice("stopped")
    }
}

extension ListenAddress {
    fileprivate init(argument: String, or word: String = "") throws {
        guard let address = ListenAddress(argument) else {
            throw ValidationError("write host:port, [v6]:port, :port or a port alone\(word)")
        }
        self = address
    }
}

/// `host:port`, or `off`.
struct AdminAddress {
    let address: ListenAddress?

    @Sendable init(_ argument: String) throws {
        address = argument == "off" ? nil : try ListenAddress(argument: argument, or: ", or off")
    }
}

extension LineLogHandler.Format: ExpressibleByArgument {}

extension Logger.Level: @retroactive ExpressibleByArgument {}
