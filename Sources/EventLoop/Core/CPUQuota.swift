import Glibc

/// How much processor time the kernel gives a process's control group: the limit of containers, which affinity does not
/// show.
enum CPUQuota {
    /// How many processors' time there is; nil without a quota, or where control groups are not mounted.
    ///
    /// Version 2 has `cpu.max` (`200000 100000`: microseconds of processor time in each period, or `max`), version 1
    /// `cpu.cfs_quota_us` and `cpu.cfs_period_us`. A group has no more than any group above it, as far up as they can
    /// be seen from inside a container.
    /// - Parameter root: where the file system begins, for tests.
    static func processors(root: String = "") -> Double? {
        guard let membership = contents(of: root + "/proc/self/cgroup") else { return nil }
        var quotas: [Double] = []
        for line in membership.split(separator: "\n") {
            // hierarchy:controllers:path
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[1].isEmpty {
                quotas += groups(below: root + "/sys/fs/cgroup", parts[2]).compactMap(quotaOfVersion2)
            } else if parts[1].split(separator: ",").contains("cpu") {
                quotas += groups(below: root + "/sys/fs/cgroup/" + parts[1], parts[2]).compactMap(quotaOfVersion1)
            }
        }
        return quotas.min()
    }

    /// The directories of a group and those above it; the first is the mount itself, which is the group where a
    /// container sees no other.
    private static func groups(below mount: String, _ path: Substring) -> [String] {
        var directories = [mount]
        for name in path.split(separator: "/") { directories.append(directories[directories.count - 1] + "/" + name) }
        return directories
    }

    private static func quotaOfVersion2(_ directory: String) -> Double? {
        let parts = contents(of: directory + "/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
        guard parts.count == 2 else { return nil }
        return ratio(Double(parts[0]), Double(parts[1]))
    }

    private static func quotaOfVersion1(_ directory: String) -> Double? {
        func number(_ name: String) -> Double? {
            contents(of: directory + "/" + name)?.split(whereSeparator: \.isWhitespace).first.flatMap { Double($0) }
        }
        return ratio(number("cpu.cfs_quota_us"), number("cpu.cfs_period_us"))
    }

    /// `max` and -1 stand for no quota.
    private static func ratio(_ quota: Double?, _ period: Double?) -> Double? {
        guard let quota, let period, quota > 0, period > 0 else { return nil }
        return quota / period
    }

    /// A small file's text; nil if it cannot be read.
    private static func contents(of path: String) -> String? {
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        // The buffer is as long as its count says.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(fd, $0.baseAddress, $0.count) }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
