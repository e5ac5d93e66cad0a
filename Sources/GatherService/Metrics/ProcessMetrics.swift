import Glibc

/// What the kernel says of this process: the metrics that Prometheus' clients have in common (`process_*`).
struct ProcessMetrics {
    /// User and system time.
    var cpuSeconds = 0.0
    /// Since 1970.
    var startTime = 0.0
    var residentBytes = 0
    var virtualBytes = 0
    var openDescriptors = 0
    /// Nil if there is no limit.
    var mostDescriptors: Int?

    /// Reads a few files in /proc, for a thread that may block.
    init() {
        let ticks = Double(max(1, sysconf(CInt(_SC_CLK_TCK))))
        // proc_pid_stat(5): after the command's name, which may hold anything but ends with the last parenthesis,
        // comes field 3.
        let stat = Self.text(of: "/proc/self/stat")
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ").dropFirst()
        func field(_ number: Int) -> Double {
            let index = fields.startIndex + number - 3
            return fields.indices.contains(index) ? Double(fields[index]) ?? 0 : 0
        }
        cpuSeconds = (field(14) + field(15)) / ticks
        startTime = Self.bootTime + field(22) / ticks
        virtualBytes = Int(field(23))
        residentBytes = Int(field(24)) * sysconf(CInt(_SC_PAGESIZE))
        openDescriptors = Self.countDescriptors()
        var limit = rlimit()
        // The pointer is used within the call.
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max {
            mostDescriptors = Int(clamping: limit.rlim_cur)
        }
    }

    private static var bootTime: Double {
        let line = text(of: "/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst(6)) } ?? 0
    }

    /// Without the one that they are counted with.
    private static func countDescriptors() -> Int {
        guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
        // The stream is this function's, and each entry is looked at before the next is read.
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        // The entries of the directory itself and of its parent, and the descriptor of the stream.
        return max(0, count - 3)
    }

    private static func text(of path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            // The buffer has as many bytes as are asked for.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return String(decoding: content, as: UTF8.self) }
            content += buffer[..<count]
        }
    }
}
