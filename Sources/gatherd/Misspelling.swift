import ArgumentParser
import Gather

/// A command or an option that does not exist, with the nearest one that does.
struct Misspelling {
    private let message: String
    private let command: (any ParsableCommand.Type)?
    /// Whether help was asked for, which the parser gives for any name.
    let isOfHelp: Bool

    /// The first misspelling among the arguments; nil if there is none.
    init?(in arguments: [String]) {
        let commands = Gatherd.configuration.subcommands
        let names = commands.map { $0.name } + ["help"]
        let words = arguments.prefix { $0 != "--" }
        isOfHelp = words.first == "help"
        let name = (isOfHelp ? words.dropFirst() : words).first { !$0.hasPrefix("-") }
        command = name.flatMap { name in commands.first { $0.name == name } }
        if let name, !names.contains(name) {
            let remedy = NearestName.remedy(for: name, among: names) ?? ""
            message = "'\(name)' is not a command; \(remedy)"
            return
        }
        let known = ["--help", "--version"] + (command.map { Self.options(of: $0) } ?? [])
        let options = words.filter { $0.hasPrefix("--") }.map { String($0.prefix { $0 != "=" }) }
        guard let unknown = options.first(where: { !known.contains($0) }),
            let nearest = NearestName.of(unknown, among: known)
        else { return nil }
        message = "'\(unknown)' is not an option; did you mean '\(nearest)'?"
    }

    /// Says so, with the usage of the command that it was given to, and ends the program.
    func exit() -> Never {
        complain(message, usageOf: command ?? Gatherd.self)
        Gatherd.exit(withError: ExitCode.validationFailure)
    }

    /// The long options of a command, which are all in its usage.
    private static func options(of command: any ParsableCommand.Type) -> [String] {
        Gatherd.usageString(for: command).split { " []|".contains($0) }.filter { $0.hasPrefix("--") }.map(String.init)
    }
}

extension ParsableCommand {
    /// As it is written on the command line.
    fileprivate static var name: String { configuration.commandName ?? String(describing: self).lowercased() }
}
