import Gather
import Rehearsal

/// The contents of a configuration file, validated.
public struct Configuration: Sendable {
    public var server: ServerSettings
    public var plan: Plan
    /// How clients are verified.
    public var access = AccessSettings()
    public var demo: DemoSettings?
    /// How requests are traced; nil if they are not.
    public var traces: TraceSettings?
    /// What `gatherd test` runs, in the order of the file.
    public var tests: [EndpointTest]
    /// What each part of the file declares, for comparisons with another configuration.
    public var declarations = Declarations()
    /// The files that it includes.
    public var includedFiles: [String] = []
    /// What probably does not do what the author meant, in the order of the file.
    public var warnings: [Diagnostic]

    /// Reads a configuration from YAML text, which cannot include files.
    /// - Parameters:
    ///   - file: what messages call the file.
    ///   - environment: the variables for `${NAME}` and `{env.NAME}`.
    ///   - checksFiles: whether the files that it names have to exist, with the contents that they are needed for.
    /// - Throws: ``ConfigurationErrors`` with every error that was found.
    public static func read(
        text: String, file: String, environment: [String: String] = [:], checksFiles: Bool = false
    ) throws(ConfigurationErrors) -> Configuration {
        try read(text, file, in: nil, environment, checksFiles)
    }

    private static func read(
        _ text: String, _ file: String, in path: String?, _ environment: [String: String], _ checksFiles: Bool
    ) throws(ConfigurationErrors) -> Configuration {
        // Editors on Windows put a byte order mark before the text.
        let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        let report = Report(file: file, text: text, checksFiles: checksFiles)
        let configuration = DocumentReader.read(text, environment: environment, report: report)
            .flatMap { RootReader(environment: environment, file: path).read($0) }
        return try ConfigurationErrors.check(configuration, report)
    }

    /// Reads a configuration from a file; `-` is standard input.
    public static func read(
        file: String, environment: [String: String], checksFiles: Bool = false
    ) throws(ConfigurationErrors) -> Configuration {
        let path = file == FileContents.standardInput.argument ? nil : file
        return try read(contents(of: file), name(of: file), in: path, environment, checksFiles)
    }

    /// The name of a file in messages.
    public static func name(of file: String) -> String {
        file == FileContents.standardInput.argument ? FileContents.standardInput.name : file
    }

    static func contents(of file: String) throws(ConfigurationErrors) -> String {
        func fail(_ problem: String, _ remedy: String) -> ConfigurationErrors {
            let report = Report(file: name(of: file), text: "")
            report.error(problem, remedy: remedy, at: .file)
            return ConfigurationErrors(diagnostics: report.diagnostics(.error))
        }
        let data: [UInt8]
        do throws(FileError) {
            // One byte more than the bound shows that the file is larger; a device or a pipe may have no end.
            data = try FileContents.read(file, atMost: DocumentReader.maxFileBytes + 1)
        } catch {
            throw fail("cannot be read: \(error)", "check the name and the permissions")
        }
        guard data.count <= DocumentReader.maxFileBytes else {
            throw fail("the file is larger than 2 MiB", "split it over several services")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw fail("the file is not UTF-8 text", "save it as UTF-8")
        }
        return text
    }
}
