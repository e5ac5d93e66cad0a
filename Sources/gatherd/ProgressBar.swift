import Glibc

/// How far a simulation is, on standard error if that is a terminal.
struct ProgressBar {
    private static let width = 40
    private let total: Int
    private let isShown = isatty(STDERR_FILENO) == 1

    init(total: Int) { self.total = total }

    func show(_ done: Int) {
        let filled = done * Self.width / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        write("\r\(bar) \(done * 100 / total)%")
    }

    /// Leaves the line as it was.
    func clear() { write("\r" + String(repeating: " ", count: Self.width + 5) + "\r") }

    private func write(_ text: String) {
        if isShown { Console.write(text, to: STDERR_FILENO) }
    }
}
