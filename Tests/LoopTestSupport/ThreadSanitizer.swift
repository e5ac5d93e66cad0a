import Glibc

/// Whether the tests run under the thread sanitizer: its own work, and its waiting for that of other threads, is counted
/// as processor time of the threads that are watched, so that such times say nothing about the program then.
public let isThreadSanitized = unsafe dlsym(nil, "__tsan_init") != nil
