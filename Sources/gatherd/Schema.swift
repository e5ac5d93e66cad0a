import ArgumentParser
import GatherConfig

/// `gatherd schema`
struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the JSON Schema of the configuration.",
        discussion: """
            Editors use it to complete and check a file. With the YAML language server (VS Code, Neovim, Emacs), a comment at the \
            head of the file names it: # yaml-language-server: $schema=gatherd.schema.json

              gatherd schema >gatherd.schema.json
            """)

    func run() { print(Configuration.schema) }
}
