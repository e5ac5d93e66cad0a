import Glibc

/// How many sockets, pipes and processes the process has descriptors of; of use where nothing else runs, as in an exit
/// test.
///
/// Others are not counted: the system's libraries open some when they like.
public func openDescriptors() -> Int {
    guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
    defer { unsafe closedir(directory) }
    var count = 0
    while let entry = unsafe readdir(directory) {
        // Both texts end with a NUL: the name by itself, the target because the buffer has room for one more.
        var target = [CChar](repeating: 0, count: 64)
        let kind = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
            unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                unsafe readlinkat(dirfd(directory), name, &target, target.count - 1)
            }
        }
        let text = String(decoding: target.prefix(max(0, kind)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if ["socket:", "pipe:", "anon_inode:[pidfd]", "pidfd:"].contains(where: text.hasPrefix) { count += 1 }
    }
    return count
}
