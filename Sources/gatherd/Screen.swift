import CPlatform
import EventLoop
import Glibc

/// Standard output as a terminal on which lines are drawn over those drawn before.
///
/// No mode of the terminal is changed, so that nothing has to be put back whenever the drawing ends.
struct Screen {
    let isTerminal = isatty(STDOUT_FILENO) == 1
    /// The lines that the next drawing goes over.
    private var drawn = 0

    private static let framesPerSecond = 20

    /// Whether what is drawn may have colours: no for those who have `NO_COLOR` set to anything (no-color.org).
    var hasColours: Bool { isTerminal && Console.environment["NO_COLOR", default: ""].isEmpty }

    /// Draws what a function makes for the terminal's width and height.
    mutating func draw(_ lines: (_ width: Int, _ height: Int) -> [String]) {
        let (columns, rows) = Self.size
        // The last column stays free, where some terminals go on to the next line, and a line for the cursor.
        let lines = lines(columns - 1, rows - 1)
        let up = drawn > 0 ? "\u{1B}[\(drawn)A\r" : ""
        write(up + lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J")
        drawn = lines.count
    }

    private static var size: (columns: Int, rows: Int) {
        let window = cp_window_size(STDOUT_FILENO)
        let columns = Int(window.ws_col)
        let rows = Int(window.ws_row)
        let told = Console.environment["COLUMNS"].flatMap { Int($0) } ?? 80
        return (columns > 0 ? columns : max(1, told), rows > 0 ? rows : 24)
    }

    /// Calls `draw` for each frame, until the task is cancelled.
    static func keepDrawing(on loop: isolated EventLoop, _ draw: () -> Void) async throws(CancellationError) {
        while true {
            draw()
            try await loop.sleep(for: .seconds(1) / framesPerSecond)
        }
    }

    func write(_ text: String) { Console.write(text, to: STDOUT_FILENO) }
}
