// Asks a service for pages over keep-alive connections, in a closed or an open loop, and writes down how each request ended.
//
//   generate HOST PORT[,PORT...] CONNECTIONS MILLISECONDS RATE TIMEOUT_MILLISECONDS <requests >records
//
// SIGINT ends it before its time. A connection that is refused is tried at the next port, as a client does that knows several addresses of a service.
// Standard input has a line for each kind of request: its weight and its path. Closed loop (RATE 0): each connection asks again
// as soon as it has its answer. Open loop: requests are due at equal intervals, whether or not earlier ones have been answered;
// one that finds no idle connection waits, and its time runs from when it was due. Measured like this, a service that stands
// still for a second shows all requests that would have come in that second, not one for each connection (coordinated omission).
//
// Standard output has a record of 12 bytes for each request, in the machine's byte order: when it was due and how long it took,
// in µs (32 bits each), the kind's index and the result (16 bits each): the status, or one of the errors below.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT = 1, RESET, CLOSED, CUT_SHORT, TIMEOUT, MALFORMED, UNSENT };
enum { KINDS = 64, PORTS = 8, HEAD = 16384 };
enum phase { NONE, CONNECTING, IDLE, WAITING };

struct record { uint32_t due, took; uint16_t kind, result; };

struct connection {
    int fd;
    enum phase phase;
    // Which address it goes to, and how many have refused it in a row.
    int address, refused;
    bool asked_before;
    uint16_t kind;
    int64_t due, sent;
    // The head as far as it has come; then what is missing of the body, or the last bytes of a chunked one.
    char head[HEAD], last[5];
    size_t held;
    bool in_body, chunked, close_after, until_close;
    int64_t missing;
    int status;
};

static struct { int weight; char *request; size_t length; } kinds[KINDS];
static int kind_count, weights;
static struct sockaddr_in addresses[PORTS];
static int address_count;
static struct connection *connections;
static int *idle, idle_count, poller;
static int64_t began, until, timeout_us;
static volatile sig_atomic_t interrupted;
static uint64_t seed = 88172645463325252;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

static uint16_t choose_kind(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    int left = seed % weights, kind = 0;
    while (left >= kinds[kind].weight) left -= kinds[kind++].weight;
    return kind;
}

static void write_record(int64_t due, int64_t end, uint16_t kind, uint16_t result) {
    struct record record = {due - began, end - due, kind, result};
    fwrite(&record, sizeof record, 1, stdout);
}

static void open_connection(struct connection *c) {
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) perror("socket"), exit(1);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    c->phase = CONNECTING;
    c->asked_before = false;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
    connect(c->fd, (struct sockaddr *)&addresses[c->address], sizeof addresses[0]);
}

static void fail_request(struct connection *c, uint16_t result) {
    if (c->phase == WAITING) write_record(c->due, now(), c->kind, result);
    if (c->phase == IDLE)
        for (int i = 0; i < idle_count; i++)
            if (idle[i] == c - connections) {
                memmove(idle + i, idle + i + 1, (--idle_count - i) * sizeof *idle);
                break;
            }
    close(c->fd);
    c->phase = NONE;
}

static void ask(struct connection *c, uint16_t kind, int64_t due) {
    c->kind = kind, c->due = due, c->sent = now();
    memset(c->last, 0, sizeof c->last);
    c->held = 0, c->in_body = c->chunked = c->close_after = c->until_close = false, c->missing = 0;
    c->phase = WAITING;
    // A request is shorter than the socket's buffer, which is empty.
    if (send(c->fd, kinds[kind].request, kinds[kind].length, MSG_NOSIGNAL) != (ssize_t)kinds[kind].length)
        fail_request(c, RESET);
}

static void make_idle(struct connection *c) {
    c->phase = IDLE;
    idle[idle_count++] = c - connections;
}

static void end_request(struct connection *c) {
    write_record(c->due, now(), c->kind, c->status);
    c->asked_before = true;
    c->held = 0;
    if (c->close_after) close(c->fd), c->phase = NONE;
    else make_idle(c);
}

// Reads the head that is complete; false if it is no HTTP.
static bool read_head(struct connection *c, char *end) {
    if (strncmp(c->head, "HTTP/1.", 7) || (c->status = atoi(c->head + 9)) < 100 || c->status > 599) return false;
    bool length = false;
    for (char *line = strstr(c->head, "\r\n") + 2; line < end; line = strstr(line, "\r\n") + 2) {
        if (!strncasecmp(line, "Content-Length:", 15)) c->missing = atoll(line + 15), length = true;
        if (!strncasecmp(line, "Transfer-Encoding: chunked", 26)) c->chunked = true;
        if (!strncasecmp(line, "Connection: close", 17)) c->close_after = true;
    }
    c->until_close = !length && !c->chunked && c->status != 204 && c->status != 304;
    return true;
}

// Whether the body ends with these bytes. The last five of a chunked one are kept, for they may come in pieces.
static void take_body(struct connection *c, const char *bytes, size_t count) {
    if (c->phase != WAITING || count == 0) return;
    if (c->chunked) {
        for (size_t i = count > 5 ? count - 5 : 0; i < count; i++) {
            memmove(c->last, c->last + 1, 4);
            c->last[4] = bytes[i];
        }
        if (!memcmp(c->last, "0\r\n\r\n", 5)) end_request(c);
    } else if (!c->until_close && (c->missing -= count) <= 0) {
        if (c->missing < 0) fail_request(c, MALFORMED);
        else end_request(c);
    }
}

static void take(struct connection *c, const char *bytes, size_t count) {
    if (c->phase != WAITING || c->in_body) {
        if (c->phase != WAITING) fail_request(c, MALFORMED);
        return take_body(c, bytes, count);
    }
    size_t taken = count < HEAD - 1 - c->held ? count : HEAD - 1 - c->held;
    memcpy(c->head + c->held, bytes, taken);
    c->head[c->held += taken] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) {
        if (c->held == HEAD - 1) fail_request(c, MALFORMED);
        return;
    }
    if (!read_head(c, end)) return fail_request(c, MALFORMED);
    c->in_body = true;
    if (!c->missing && !c->chunked && !c->until_close) return end_request(c);
    take_body(c, end + 4, c->head + c->held - (end + 4));
    take_body(c, bytes + taken, count - taken);
}

static void handle(struct connection *c, uint32_t events) {
    static char buffer[262144];
    if (c->phase == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) {
            close(c->fd), c->phase = NONE;
            c->address = (c->address + 1) % address_count;
            if (++c->refused % address_count) return open_connection(c);
            write_record(now(), now(), 0, CONNECT);
            return;
        }
        if (!(events & EPOLLOUT)) return;
        c->refused = 0;
        make_idle(c);
    }
    while (c->phase == IDLE || c->phase == WAITING) {
        ssize_t count = recv(c->fd, buffer, sizeof buffer, 0);
        if (count > 0) {
            take(c, buffer, count);
            continue;
        }
        if (count < 0 && errno == EAGAIN) return;
        if (count == 0 && c->in_body && c->until_close) { c->close_after = true, end_request(c); return; }
        // A service may close an idle connection, but not by a reset.
        if (count < 0 && c->phase == IDLE) write_record(now(), now(), 0, RESET);
        // Before the first byte of an answer on a connection that has had others, a client may ask again elsewhere.
        fail_request(c, c->held || c->in_body ? CUT_SHORT : count == 0 && c->asked_before ? CLOSED : RESET);
    }
}

static void read_kinds(const char *host) {
    char path[8192];
    int weight;
    while (kind_count < KINDS && scanf("%d %8191s", &weight, path) == 2) {
        kinds[kind_count].weight = weight;
        int length = asprintf(&kinds[kind_count].request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
        kinds[kind_count++].length = length;
        weights += weight;
    }
    if (!weights) fprintf(stderr, "generate: no requests\n"), exit(2);
}

int main(int count, char **arguments) {
    if (count != 7) return fprintf(stderr, "see the head of generate.c\n"), 2;
    read_kinds(arguments[1]);
    for (char *port = strtok(arguments[2], ","); port && address_count < PORTS; port = strtok(NULL, ",")) {
        struct sockaddr_in *address = &addresses[address_count++];
        *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(port))};
        if (inet_pton(AF_INET, arguments[1], &address->sin_addr) != 1)
            return fprintf(stderr, "generate: no IPv4 address\n"), 2;
    }
    int connection_count = atoi(arguments[3]);
    double rate = atof(arguments[5]);
    timeout_us = atoll(arguments[6]) * 1000;
    connections = calloc(connection_count, sizeof *connections);
    idle = calloc(connection_count, sizeof *idle);
    poller = epoll_create1(EPOLL_CLOEXEC);

    signal(SIGINT, interrupt);
    began = now();
    until = began + atoll(arguments[4]) * 1000;
    int64_t issued = 0, checked = began, opened = 0;
    for (;;) {
        int64_t time = now();
        if (interrupted && until > time) until = time;
        int64_t next = rate > 0 ? began + (int64_t)(issued / rate * 1e6) : time;
        bool over = next >= until || time >= until + (rate > 0 ? timeout_us : 0);
        // Connections that are missing, at most every 10 ms, so that a service that is down is not flooded.
        if (!over && time >= opened + 10000) {
            opened = time;
            for (int i = 0; i < connection_count; i++) if (connections[i].phase == NONE) open_connection(connections + i);
        }
        while (!over && idle_count > 0 && next <= time && next < until) {
            issued++;
            // In turns: none is left idle for so long that the service may close it as it is used.
            struct connection *c = connections + idle[0];
            memmove(idle, idle + 1, --idle_count * sizeof *idle);
            ask(c, choose_kind(), next);
            if (rate > 0) next = began + (int64_t)(issued / rate * 1e6);
        }
        int busy = 0;
        if (over || time >= checked + 20000) {
            checked = time;
            for (int i = 0; i < connection_count; i++) {
                struct connection *c = connections + i;
                if (c->phase == WAITING && time - c->sent > timeout_us) fail_request(c, TIMEOUT);
                busy += c->phase == WAITING;
            }
        }
        if (over && !busy) break;
        int64_t wait = 5000;
        if (!over && rate > 0 && idle_count > 0 && next - time < wait) wait = next > time ? next - time : 0;
        struct pollfd readable = {poller, POLLIN, 0};
        ppoll(&readable, 1, &(struct timespec){wait / 1000000, wait % 1000000 * 1000}, NULL);
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 0);
        for (int i = 0; i < ready; i++) handle(events[i].data.ptr, events[i].events);
    }
    // What was due and found no connection in time.
    for (; rate > 0; issued++) {
        int64_t due = began + (int64_t)(issued / rate * 1e6);
        if (due >= until) break;
        write_record(due, now(), choose_kind(), UNSENT);
    }
    return fflush(stdout) ? 1 : 0;
}
