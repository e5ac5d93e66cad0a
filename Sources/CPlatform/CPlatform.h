/* What Swift's Glibc module does not import, or imports in a shape that Swift cannot use. */
#ifndef GATHERD_CPLATFORM_H
#define GATHERD_CPLATFORM_H
#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Linux flag words as the types that the calls below take. */
static const uint32_t cp_EPOLLIN = EPOLLIN;
static const uint32_t cp_EPOLLOUT = EPOLLOUT;
static const uint32_t cp_EPOLLERR = EPOLLERR;
static const uint32_t cp_EPOLLHUP = EPOLLHUP;
static const uint32_t cp_EPOLLRDHUP = EPOLLRDHUP;
static const uint32_t cp_EPOLLET = 1u << 31;
static const uint32_t cp_EPOLLEXCLUSIVE = 1u << 28;

static inline int cp_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int cp_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/* struct epoll_event is packed with a union inside; this pair reads it for Swift. */
static inline uint64_t cp_epoll_token(struct epoll_event event) { return event.data.u64; }
static inline uint32_t cp_epoll_events(struct epoll_event event) { return event.events; }

static inline int cp_epoll_control(int epoll_fd, int operation, int fd, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll_fd, operation, fd, &event);
}

/* What each request needs calls the kernel directly: in a program with threads, the C library's functions that may wait
   take two atomic operations to let pthread_cancel end them, which happens to none of ours. */
static inline ssize_t cp_receive(int fd, void *bytes, size_t count) {
    return syscall(SYS_recvfrom, fd, bytes, count, MSG_DONTWAIT, (void *)0, (void *)0);
}

/* Waits with nanosecond resolution where the kernel has it (Linux 5.11), else rounded up to a millisecond.
   A negative timeout waits without limit. */
static inline int cp_epoll_wait(int epoll_fd, struct epoll_event *events, int capacity, int64_t nanoseconds) {
    if (nanoseconds <= 0)
        return (int)syscall(SYS_epoll_pwait, epoll_fd, events, capacity, nanoseconds < 0 ? -1 : 0, (void *)0, (size_t)0);
#ifdef SYS_epoll_pwait2
    struct timespec timeout = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    int count = (int)syscall(SYS_epoll_pwait2, epoll_fd, events, capacity, &timeout, (void *)0, (size_t)0);
    if (count >= 0 || errno != ENOSYS) return count;
#endif
    int64_t milliseconds = (nanoseconds + 999999) / 1000000;
    return epoll_wait(epoll_fd, events, capacity, milliseconds > INT32_MAX ? INT32_MAX : (int)milliseconds);
}

static inline int64_t cp_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t cp_unix_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The number of processors this process may run on. */
static inline int cp_processor_count(void) {
    unsigned long mask[128] = {0};
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    int count = 0;
    for (unsigned i = 0; bytes > 0 && i < (unsigned long)bytes / sizeof *mask; i++) count += __builtin_popcountl(mask[i]);
    return count > 0 ? count : 1;
}

/* The calling thread's identity as a number: unique among the threads that live. */
static inline uintptr_t cp_thread_identity(void) { return (uintptr_t)pthread_self(); }

/* What the calling thread's loop is, for loops that say so. */
static inline void **cp_loop_slot(void) {
    static _Thread_local void *loop;
    return &loop;
}
static inline void *cp_loop_of_thread(void) { return *cp_loop_slot(); }
static inline void cp_set_loop_of_thread(void *loop) { *cp_loop_slot() = loop; }

/* Swift's runtime calls this hook, if it is set, with each job for the global pool, and with what would hand it over. */
typedef __attribute__((swiftcall)) void (*cp_enqueue_global)(void *job);
extern __attribute__((swiftcall)) void (*swift_task_enqueueGlobal_hook)(void *job, cp_enqueue_global original);

/* Has `take` asked first: what it takes, by returning true, does not go to the global pool. To be called once. */
typedef bool (*cp_take_job)(void *job);
static inline cp_take_job *cp_job_taker(void) {
    static cp_take_job taker;
    return &taker;
}
static __attribute__((swiftcall)) void cp_enqueue_global_hook(void *job, cp_enqueue_global original) {
    if (!(*cp_job_taker())(job)) original(job);
}
static inline void cp_take_global_jobs(cp_take_job take) {
    *cp_job_taker() = take;
    swift_task_enqueueGlobal_hook = cp_enqueue_global_hook;
}

/* Blocks the signals for the calling thread and those it creates, and returns a descriptor that reads them. */
static inline int cp_signal_descriptor(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, signals[i]);
    if (pthread_sigmask(SIG_BLOCK, &set, (void *)0) != 0) return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static inline int cp_read_signal(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

/* Blocks, for the calling thread, all signals but those that a fault of its own causes and the one for profilers. */
static inline void cp_hold_signals(sigset_t *before) {
    static const int kept[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    sigset_t held;
    sigfillset(&held);
    for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++) sigdelset(&held, kept[i]);
    pthread_sigmask(SIG_BLOCK, &held, before);
}

static inline void cp_restore_signals(const sigset_t *mask) { pthread_sigmask(SIG_SETMASK, mask, (void *)0); }

static inline void cp_ignore_broken_pipe(void) { signal(SIGPIPE, SIG_IGN); }

/* The same, unless the program handles the signal. */
static inline void cp_ignore_unhandled_broken_pipe(void) {
    struct sigaction action;
    if (sigaction(SIGPIPE, (void *)0, &action) == 0 && action.sa_handler == SIG_DFL) cp_ignore_broken_pipe();
}

/* Raises the soft limit of descriptors to the hard one; each connection takes one. */
static inline void cp_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Makes the kernel's table of descriptors large enough for so many. It grows as they are opened otherwise, and holds the
   loop that opens one for 10 ms each time: the kernel waits until no other thread looks at the old table. */
static inline void cp_reserve_descriptors(int count) {
    int highest = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, count - 1);
    if (highest >= 0) close(highest);
}

/* How many descriptors the process may have: the limit that holds now, and the one that it may raise it to. */
static inline uint64_t cp_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

/* Opens /dev/null in place of each standard descriptor that is closed, so that no socket becomes one: what is written
   to standard error would go to a client. */
static inline void cp_open_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1) {
            int opened = open("/dev/null", O_RDWR);
            if (opened >= 0 && opened != fd) {
                dup2(opened, fd);
                close(opened);
            }
        }
}

/* Makes the allocator return blocks of 256 KiB or more to the kernel as soon as they are freed: otherwise it would begin
   to keep them, the larger ones of a burst in between smaller ones that are in use. */
static inline void cp_return_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 256 * 1024); }

/* Gives the kernel the pages that nothing allocated lies in. It takes milliseconds after a burst. */
static inline void cp_trim_heap(void) { malloc_trim(0); }

/* Has such a descriptor be readable for a directory as well; -1 with errno. */
static inline int cp_watch_also(int fd, const char *path) {
    return inotify_add_watch(fd, path, IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR) >= 0 ? 0 : -1;
}

/* A descriptor that is readable when a file of the directory was written, or another was put in its place; -1 with
   errno. */
static inline int cp_watch_directory(const char *path) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return -1;
    if (cp_watch_also(fd, path) == 0) return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

/* Takes the events that lie there, and returns their bytes. */
static inline long cp_discard_events(int fd) {
    char events[4096];
    long sum = 0;
    for (long count; (count = read(fd, events, sizeof events)) > 0;) sum += count;
    return sum;
}

/* The lines and columns of a terminal; none if the descriptor is something else. */
static inline struct winsize cp_window_size(int fd) {
    struct winsize size = {0};
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) size = (struct winsize){0};
    return size;
}

/* What every socket is made with. */
static const int cp_SOCK_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/* accept4 needs _GNU_SOURCE, under which glibc's types differ from those that Swift's Glibc module has. */
static inline int cp_accept(int fd) {
    return (int)syscall(SYS_accept4, fd, (void *)0, (void *)0, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* The same, with the address of the peer. */
static inline int cp_accept_from(int fd, struct sockaddr_storage *peer) {
    socklen_t size = sizeof *peer;
    peer->ss_family = AF_UNSPEC;
    return (int)syscall(SYS_accept4, fd, peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* The address of a connected socket's peer; AF_UNSPEC if it has none. */
static inline struct sockaddr_storage cp_peer(int fd) {
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof peer;
    getpeername(fd, (struct sockaddr *)&peer, &size);
    return peer;
}

/* Makes a listening socket drop what would begin a connection (SYN without ACK), and nothing else: handshakes that have
   begun may end. A filter of a TCP socket sees packets from the TCP header on; the flags are its byte 13 (RFC 9293
   §3.1). */
static inline int cp_drop_new_connections(int fd) {
    struct sock_filter program[] = {
        {BPF_LD | BPF_B | BPF_ABS, 0, 0, 13},
        {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x12},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0x02},
        {BPF_RET | BPF_K, 0, 0, 0},
        {BPF_RET | BPF_K, 0, 0, 0xFFFFFFFF},
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

/* Makes ready a listening socket that another process has opened, and says what it is bound to; -1 with errno if it is
   not one. */
static inline int cp_prepare_listener(int fd, struct sockaddr_storage *bound) {
    int listens = 0, type = 0;
    socklen_t size = sizeof listens, type_size = sizeof type, bound_size = sizeof *bound;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) != 0) return -1;
    if (!listens || type != SOCK_STREAM) {
        errno = EINVAL;
        return -1;
    }
    memset(bound, 0, sizeof *bound);
    if (getsockname(fd, (struct sockaddr *)bound, &bound_size) != 0) return -1;
    int on = 1;
    if (bound->ss_family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return -1;
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* The path of a Unix socket's address; it ends with a NUL, because the structure was zeroed and is larger. */
static inline const char *cp_socket_path(const struct sockaddr_storage *address) {
    return ((const struct sockaddr_un *)address)->sun_path;
}

/* Sends a datagram to a Unix socket, as service managers take them; '@' at the front of the path stands for the NUL of
   an abstract name. Returns 0, or -1 with errno. */
static inline int cp_notify(const char *path, const char *text, size_t count) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent = sendto(fd, text, count, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
    int code = errno;
    close(fd);
    errno = code;
    return sent < 0 ? -1 : 0;
}

/* The port that a socket is bound to, or -1. */
static inline int cp_bound_port(int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return -1;
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* The pending error of a socket, which is taken by asking: how a non-blocking connect ended. */
static inline int cp_socket_error(int fd) {
    int code = 0;
    socklen_t size = sizeof code;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

/* A pipe whose ends block or not, each for itself; neither is one of the three standard descriptors, which a child's
   are put in the place of. pipe2 needs _GNU_SOURCE. */
static inline int cp_pipe(int *reading, int *writing, bool reading_blocks, bool writing_blocks) {
    int ends[2];
    if (syscall(SYS_pipe2, ends, O_CLOEXEC) != 0) return -1;
    for (int i = 0; i < 2; i++) {
        bool blocks = i == 0 ? reading_blocks : writing_blocks;
        int moved = ends[i] > 2 ? ends[i] : fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
        if (moved < 0 || (!blocks && fcntl(moved, F_SETFL, fcntl(moved, F_GETFL) | O_NONBLOCK) != 0)) {
            int code = errno;
            close(ends[0]);
            close(ends[1]);
            errno = code;
            return -1;
        }
        if (moved != ends[i]) close(ends[i]);
        ends[i] = moved;
    }
    *reading = ends[0];
    *writing = ends[1];
    return 0;
}

/* This program's environment, as texts NAME=value up to a null pointer. */
static inline char **cp_environment(void) {
    extern char **environ;
    return environ;
}

/* In the place of a child's standard descriptor. */
static const int cp_SPAWN_INHERIT = -1;
static const int cp_SPAWN_NULL = -2;

/* Starts a program with the signals' default mask and actions, and with no descriptors but the three standard ones;
   without an environment it has this program's. Returns 0 or an error number. */
static inline int cp_spawn(
    pid_t *process, char *const *arguments, char *const *environment, int input, int output, int error) {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int code = posix_spawnattr_init(&attributes);
    if (code != 0) return code;
    code = posix_spawn_file_actions_init(&actions);
    if (code == 0) {
        sigset_t signals;
        sigemptyset(&signals);
        posix_spawnattr_setsigmask(&attributes, &signals);
        sigfillset(&signals);
        posix_spawnattr_setsigdefault(&attributes, &signals);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        const int streams[3] = {input, output, error};
        for (int i = 0; i < 3 && code == 0; i++) {
            if (streams[i] >= 0) code = posix_spawn_file_actions_adddup2(&actions, streams[i], i);
            if (streams[i] == cp_SPAWN_NULL) code = posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
        }
        if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
        if (code == 0)
            code = posix_spawnp(process, arguments[0], &actions, &attributes, arguments, environment ? environment : cp_environment());
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* Starts a program with the three standard descriptors and these as 3, 4 and so on, which are above 2 and no more than 16. The signals'
   mask and actions are the default. A sibling's parent is this process's own, unless that is in another namespace.
   Returns 0 or an error number. */
static inline int cp_spawn_successor(
    pid_t *process, const char *program, char *const *arguments, char *const *environment, const int *descriptors, int count,
    bool is_sibling) {
    const long clone_parent = is_sibling ? 0x8000 : 0; /* CLONE_PARENT, which needs _GNU_SOURCE */
    int moved[16], report[2], code = 0, made = 0, reporting;
    if (count > 16) return E2BIG;
    if (syscall(SYS_pipe2, report, O_CLOEXEC) != 0) return errno;
    /* Out of the way of the numbers that they get. */
    reporting = fcntl(report[1], F_DUPFD_CLOEXEC, 3 + count);
    if (reporting < 0) code = errno;
    for (; made < count && code == 0; made++) {
        moved[made] = fcntl(descriptors[made], F_DUPFD_CLOEXEC, 3 + count);
        if (moved[made] < 0) { code = errno; break; }
    }
    if (code == 0) {
        sigset_t all, before;
        pid_t child;
        sigfillset(&all);
        /* None of this process's handlers runs in the other. */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        /* clone(2) without a stack is a fork, after which a process with threads may call what signal handlers may. */
        child = (pid_t)syscall(SYS_clone, clone_parent | SIGCHLD, 0, 0, 0, 0);
        if (child < 0 && errno == EINVAL) child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            struct sigaction standard = {.sa_handler = SIG_DFL};
            for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
            for (int i = 0; i < count && code == 0; i++) if (dup2(moved[i], 3 + i) < 0) code = errno;
            sigemptyset(&all);
            sigprocmask(SIG_SETMASK, &all, NULL);
            if (code == 0) {
                /* The others are closed when it is loaded (CLOSE_RANGE_CLOEXEC, Linux 5.11), as ours are anyway. */
                syscall(SYS_close_range, 3 + count, ~0U, 4);
                execve(program, arguments, environment);
                code = errno;
            }
            (void)!write(reporting, &code, sizeof code);
            _exit(127);
        }
        if (child < 0) code = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        close(reporting);
        close(report[1]);
        reporting = report[1] = -1;
        if (child > 0) {
            int failure;
            ssize_t length;
            /* It ends when the program is loaded. */
            do length = read(report[0], &failure, sizeof failure);
            while (length < 0 && errno == EINTR);
            if (length == (ssize_t)sizeof failure) {
                code = failure;
                waitpid(child, NULL, 0);
            }
            *process = child;
        }
    }
    if (reporting >= 0) close(reporting);
    if (report[1] >= 0) close(report[1]);
    close(report[0]);
    for (int i = 0; i < made; i++) close(moved[i]);
    return code;
}

/* A descriptor that is readable when the process has ended. */
static inline int cp_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

static inline int cp_pidfd_send_signal(int fd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, (void *)0, 0);
}

/* Takes a child's end: 1 and its exit code or the signal's number, 0 if it has not come, -1 with errno. */
static inline int cp_reap(int fd, bool blocks, int *code, int *is_signal) {
    const idtype_t pidfd = (idtype_t)3; /* P_PIDFD, which older headers lack */
    siginfo_t info = {0};
    int result;
    do result = waitid(pidfd, (id_t)fd, &info, WEXITED | (blocks ? 0 : WNOHANG));
    while (result != 0 && errno == EINTR);
    if (result != 0) return -1;
    if (info.si_pid == 0) return 0;
    *code = info.si_status;
    *is_signal = info.si_code != CLD_EXITED;
    return 1;
}

/* writev as send: no SIGPIPE, never blocks. */
static inline ssize_t cp_send2(int fd, const void *head, size_t head_count, const void *body, size_t body_count) {
    struct iovec parts[2] = {{(void *)head, head_count}, {(void *)body, body_count}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = body_count ? 2 : 1};
    return syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}
#endif
