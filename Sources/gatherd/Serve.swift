import ArgumentParser
import GatherConfig
import GatherService
import Logging

/// `gatherd serve`
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a configuration until SIGTERM, SIGINT or SIGQUIT.",
        discussion: """
            The first signal drains the service: it accepts no more connections, and requests in progress finish. The second one \
            cancels them. Logs go to standard error.

            SIGHUP reloads the configuration, as does POST /-/reload on the admin listener; a file with an error changes nothing. \
            SIGUSR2 starts the program again, perhaps a newer version of it, which takes over the listening sockets; this process exits \
            once the new one is serving. Sockets that systemd opens must be named listen, admin and shop (FileDescriptorName=).

            An address is host:port, [v6]:port, :8080 for every IPv4 address of the machine, or 8080 for 127.0.0.1 only.

              gatherd serve config/gatherd.yaml --listen 8081 --admin off
            """)

    @Argument(help: "The configuration file.", completion: .yamlFile)
    var file: String?

    @Option(help: ArgumentHelp("The same, as an option.", valueName: "file"), completion: .yamlFile)
    var config: String?

    @Option(
        help: ArgumentHelp("The address for clients; overrides server.listen in the file.", valueName: "host:port"),
        transform: { try ListenAddress(argument: $0) })
    var listen: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "The address for health checks, metrics and reloads, or 'off'; overrides server.admin.",
            valueName: "host:port"),
        completion: .list(["off"]), transform: AdminAddress.init)
    var admin: AdminAddress?

    @Option(help: "The format of log lines.")
    var logFormat = LineLogHandler.Format.text

    @Option(help: "The least severe level to log.")
    var logLevel = Logger.Level.info

    @Option(
        help: ArgumentHelp(
            "Log every job that blocks a loop for longer than this.",
            valueName: "milliseconds"))
    var slowJobs: Int?

    @Flag(help: "Reload the configuration whenever its file changes.")
    var watch = false

    func validate() throws {
        guard file != nil || config != nil else {
            throw ValidationError("no configuration given; name a file, such as config/gatherd.yaml")
        }
        guard file == nil || config == nil else {
            throw ValidationError("both a file and --config are given; leave one out")
        }
        guard slowJobs ?? 1 > 0 else { throw ValidationError("--slow-jobs is a number of milliseconds above 0") }
    }

    func run() throws {
        let read = reader
        let configuration = try read.configurationOrExit()
        let log = LogWriter(logFormat, journalStream: read.environment["JOURNAL_STREAM"])
        // Its lines are worth waiting for, but not for ever: the reader may have stopped reading.
        defer { log.close(within: .seconds(1)) }
        var logger = Logger(label: "gatherd") { _ in LineLogHandler(log) }
        logger.logLevel = logLevel
        for warning in configuration.warnings { logger.warning("\(warning.message)") }
        var surroundings = Service.Surroundings()
        if read.isRepeatable { surroundings.source = { try read.configuration() } }
        surroundings.environment = read.environment
        surroundings.arguments = CommandLine.arguments
        surroundings.watchedFile = watch ? read.file : nil
        surroundings.log = log
        surroundings.slowJobs = slowJobs.map { .milliseconds($0) }
        let service = try Service(configuration, logger: logger, surroundings: surroundings)
        logger.notice(
            "serving \(counted(configuration.plan.endpoints.count + configuration.plan.proxies.count, "endpoint"))",
            metadata: ["listen": "\(service.address)", "admin": "\(service.adminAddress ?? "off")"])
        try service.run()
        logger.notice("stopped")
    }

    private var reader: ConfigurationReader {
        ConfigurationReader(
            file: file ?? config ?? "", environment: Console.environment, listen: listen, admin: admin)
    }
}

/// Reads the file with what the command line puts in the place of its values: at the start, and for each reload.
private struct ConfigurationReader: Sendable {
    let file: String
    let environment: [String: String]
    let listen: ListenAddress?
    let admin: AdminAddress?

    /// Whether there is anything to be read a second time: standard input and pipes have been read to their ends, and
    /// opening a pipe again would wait for a writer for ever.
    var isRepeatable: Bool { Console.isRegularFile(file) }

    func configuration() throws(ConfigurationErrors) -> Configuration {
        adapted(try Configuration.read(file: file, environment: environment, checksFiles: true))
    }

    func configurationOrExit() throws -> Configuration { adapted(try Configuration.reading(file, checksFiles: true)) }

    private func adapted(_ configuration: Configuration) -> Configuration {
        var configuration = configuration
        if let listen { configuration.server.listen = listen }
        if let admin { configuration.server.admin = admin.address }
        configuration.declarations.forgetDetails()
        return configuration
    }
}

extension ListenAddress {
    init(argument: String, or word: String = "") throws {
        guard let address = ListenAddress(argument) else {
            throw ValidationError("write host:port, [v6]:port, :port or a port alone\(word)")
        }
        self = address
    }
}

/// `host:port`, or `off`.
struct AdminAddress: Sendable {
    let address: ListenAddress?

    @Sendable init(_ argument: String) throws {
        address = argument == "off" ? nil : try ListenAddress(argument: argument, or: ", or off")
    }
}

extension LineLogHandler.Format: ExpressibleByArgument {}

extension Logger.Level: @retroactive ExpressibleByArgument {}
