import Gather

/// Reads the files that a configuration includes, and those that these include.
struct IncludedFiles {
    /// The bound on all files together: a file may include many.
    private static let mostBytes = 16 << 20
    private static let mostFiles = 1000

    /// The folder of the configuration's own file; nil if it is not in a file.
    private let folder: String?
    private let environment: [String: String]
    /// The root of each file, in the order of reading.
    private(set) var roots: [Node] = []
    /// Their paths.
    private(set) var files: [String] = []
    /// What messages call each file, by its real path.
    private var known: [String: String] = [:]
    /// The chain of files that are being read, which begins with the configuration's own.
    private var chain: [String] = []
    private var bytes = 0

    /// - Parameter file: the configuration's own, as it was named; nil for a text that is not in a file.
    init(of file: String?, environment: [String: String]) {
        folder = file.map { Self.folder(of: $0) }
        self.environment = environment
        if let file, let path = FileContents.realPath(file) {
            known[path] = file
            chain = [path]
        }
    }

    /// Reads the files that `include` lists.
    mutating func read(_ node: Node) { read(node, in: folder) }

    private mutating func read(_ node: Node, in folder: String?) {
        for (element, name) in node.texts("files") ?? [] {
            guard let folder, let root = self.folder else {
                element.error("only a file can include others", remedy: "save the configuration, and name its file")
                continue
            }
            let segments = name.split(separator: "/", omittingEmptySubsequences: false)
            guard !name.isEmpty, !name.hasPrefix("/"), !segments.contains("..") else {
                element.error(
                    "\(quoted(name)) is not in the configuration's folder",
                    remedy: "name a file there, or in a folder below")
                continue
            }
            let path = folder + name
            guard let real = FileContents.realPath(path) else {
                element.error("\(quoted(path)) cannot be read", remedy: "name a file that exists and that you can read")
                continue
            }
            guard let realRoot = FileContents.realPath(root), real.hasPrefix(realRoot == "/" ? "/" : realRoot + "/")
            else {
                element.error(
                    "\(quoted(path)) leads out of the configuration's folder", remedy: "move the file there")
                continue
            }
            read(element, path, real)
        }
    }

    private mutating func read(_ element: Node, _ path: String, _ real: String) {
        if let start = chain.firstIndex(of: real) {
            let names = chain[start...].map { known[$0] ?? $0 } + [path]
            return element.error(
                names.count == 2
                    ? "the file includes itself" : "files include each other: " + names.joined(separator: " → "),
                remedy: "remove one of these includes")
        }
        guard known.updateValue(path, forKey: real) == nil else {
            return element.error("\(quoted(path)) is already included", remedy: "keep one of them")
        }
        let text: String
        do throws(ConfigurationErrors) {
            text = try Configuration.contents(of: path)
        } catch {
            for problem in error.diagnostics {
                element.error("\(quoted(path)): \(problem.problem)", remedy: problem.remedy)
            }
            return
        }
        bytes += text.utf8.count
        guard bytes <= Self.mostBytes, files.count < Self.mostFiles else {
            return element.error(
                "there are more than 1000 files, or more than 16 MiB in total", remedy: "include fewer or smaller files"
            )
        }
        files.append(path)
        let report = Report(file: path, text: text, includedBy: element.report)
        guard let root = DocumentReader.read(text, environment: environment, report: report),
            let section = Section(root, keys: ["version", "include", "upstreams", "endpoints"])
        else { return }
        roots.append(root)
        RootReader.checkVersion(section["version"])
        chain.append(real)
        if let more = section["include"] { read(more, in: Self.folder(of: path)) }
        chain.removeLast()
    }

    /// The folder part of a path, with the slash at its end.
    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
    }
}
