import Glibc
import Testing

@testable import EventLoop

/// The processors that a control group has, from files as the kernel shows them.
struct CPUQuotaTests {
    /// The quota where these files, by their paths, are the whole file system.
    private func processors(_ files: [String: String]) throws -> Double? {
        let root = "/tmp/quota-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        let isMade = unsafe mkdir(root, 0o700) == 0
        #expect(isMade)
        var made: [String] = []
        defer {
            for path in made.reversed() { _ = unsafe remove(path) }
            _ = unsafe remove(root)
        }
        for (path, text) in files {
            var directory = root
            for part in path.split(separator: "/").dropLast() {
                directory += "/" + part
                if unsafe mkdir(directory, 0o700) == 0 { made.append(directory) }
            }
            let file = root + path
            let fd = unsafe creat(file, 0o600)
            #expect(fd >= 0)
            // The bytes are the array's.
            _ = unsafe Array(text.utf8).withUnsafeBytes { unsafe write(fd, $0.baseAddress, $0.count) }
            close(fd)
            made.append(file)
        }
        return CPUQuota.processors(root: root)
    }

    @Test func `without control groups there is no quota`() throws {
        #expect(try processors([:]) == nil)
        #expect(try processors(["/proc/self/cgroup": "0::/\n"]) == nil)
    }

    @Test(arguments: [("max 100000\n", nil), ("150000 100000\n", 1.5), ("50000 100000\n", 0.5), ("x\n", nil)])
    func `version 2 has quota and period in one file`(text: String, expected: Double?) throws {
        #expect(try processors(["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": text]) == expected)
    }

    @Test func `a group has no more than the groups above it`() throws {
        let files = [
            "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/cpu.max": "200000 100000\n",
            "/sys/fs/cgroup/a/b/cpu.max": "800000 100000\n",
        ]
        #expect(try processors(files) == 2)
    }

    @Test(arguments: [("-1\n", nil), ("300000\n", 3)])
    func `version 1 has them in two, below the controller's name`(quota: String, expected: Double?) throws {
        let directory = "/sys/fs/cgroup/cpu,cpuacct/docker/x"
        let files = [
            "/proc/self/cgroup": "12:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/\n",
            directory + "/cpu.cfs_quota_us": quota, directory + "/cpu.cfs_period_us": "100000\n",
        ]
        #expect(try processors(files) == expected)
    }
}
