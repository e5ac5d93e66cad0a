import ArgumentParser
import GatherConfig

/// `gatherd schema`
struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the JSON Schema of the configuration.",
        discussion: """
            For editors, which complete and check a file by it. With the YAML language server (VS Code, Neovim, Emacs), a comment at the \
            head of the file names it: # yaml-language-server: $schema=gatherd.schema.json

              gatherd schema >gatherd.schema.json
            """)

    func run() { print(Configuration.schema) }
}
