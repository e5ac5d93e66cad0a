/* The floor: one send and one recv for a call, sockets stay in the epoll set, deadlines in one list. */
#define _GNU_SOURCE
#include "server.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct up {
    struct source src;
    int fd, connecting, reused;
    struct fetch *f;                /* NULL while idle */
    char *in;                       /* an incomplete answer */
    size_t in_len;
    struct up *prev, *next;         /* in the idle list, newest first */
};

static struct sockaddr_in addr;
static char wire[128], rbuf[65536];
static size_t wire_len;
static struct up *idle, *dead;
static struct fetch head = { .prev = &head, .next = &head };  /* by deadline */

static void idle_remove(struct up *u)
{
    if (u->prev) u->prev->next = u->next; else idle = u->next;
    if (u->next) u->next->prev = u->prev;
    u->prev = u->next = NULL;
}

static void up_close(struct up *u)
{
    close(u->fd);
    u->fd = -1;
    free(u->in);
    u->next = dead;                 /* freed in up_flush */
    dead = u;
}

static void finish(struct fetch *f, int status)
{
    f->prev->next = f->next;
    f->next->prev = f->prev;
    f->status = status;
    fetch_done(f);
}

static void fail(struct up *u)
{
    struct fetch *f = u->f;
    int again = u->reused && !u->in_len;
    up_close(u);
    if (!f) return;
    if (!again) { finish(f, 0); return; }
    f->prev->next = f->next;        /* the idle socket had gone stale */
    f->next->prev = f->prev;
    up_start(f);
}

static void up_send(struct up *u)
{
    if (send(u->fd, wire, wire_len, MSG_NOSIGNAL) != (ssize_t)wire_len) fail(u);
}

/* Is a whole answer in p? Then hand it over and free the socket. */
static int answer(struct up *u, const char *p, size_t n)
{
    const char *stop = memmem(p, n, "\r\n\r\n", 4);
    if (!stop) return 0;
    size_t length = 0;
    int close_it = 0;
    for (const char *l = memchr(p, '\n', (size_t)(stop - p)); l; l = memchr(l, '\n', (size_t)(stop - l)))
        if (!strncasecmp(++l, "content-length:", 15)) length = strtoul(l + 15, NULL, 10);
        else if (!strncasecmp(l, "connection: close", 17)) close_it = 1;
    stop += 4;
    if ((size_t)(p + n - stop) < length) return 0;
    struct fetch *f = u->f;
    u->f = NULL;
    u->in_len = 0;
    fetch_append(f, stop, length);
    if (close_it) up_close(u);
    else {
        u->reused = 1;
        u->next = idle;
        if (idle) idle->prev = u;
        idle = u;
    }
    finish(f, atoi(p + 9));
    return 1;
}

static void up_on(struct source *s, uint32_t events)
{
    struct up *u = (struct up *)s;
    if (u->fd < 0) return;
    if (u->connecting) {
        int err = 0;
        socklen_t k = sizeof err;
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) return;
        getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &err, &k);
        if (err) { fail(u); return; }
        u->connecting = 0;
        struct epoll_event e = { EPOLLIN, { .ptr = &u->src } };
        epoll_ctl(epfd, EPOLL_CTL_MOD, u->fd, &e);
        up_send(u);
        return;
    }
    ssize_t k = recv(u->fd, rbuf, sizeof rbuf, 0);
    if (k < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (k <= 0 || !u->f) {
        if (!u->f) idle_remove(u);
        fail(u);
        return;
    }
    if (!u->in_len && answer(u, rbuf, (size_t)k)) return;
    u->in = realloc(u->in, u->in_len + (size_t)k);
    if (!u->in) abort();
    memcpy(u->in + u->in_len, rbuf, (size_t)k);
    u->in_len += (size_t)k;
    if (u->in_len > (size_t)k) answer(u, u->in, u->in_len);
}

void up_init(int port)
{
    addr = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
    wire_len = (size_t)sprintf(wire, "GET /u/1KB HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
}

void up_start(struct fetch *f)
{
    struct up *u = idle;
    int one = 1;
    f->deadline = now_ms + UP_TIMEOUT_MS;
    f->prev = head.prev;
    f->next = &head;
    head.prev->next = f;
    head.prev = f;
    if (u) {
        idle_remove(u);
        u->f = f;
        f->up = u;
        up_send(u);
        return;
    }
    if (!(u = calloc(1, sizeof *u))) abort();
    u->src.on = up_on;
    u->f = f;
    f->up = u;
    u->connecting = 1;
    u->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(u->fd, (struct sockaddr *)&addr, sizeof addr) && errno != EINPROGRESS) { fail(u); return; }
    struct epoll_event e = { EPOLLIN | EPOLLOUT, { .ptr = &u->src } };
    epoll_ctl(epfd, EPOLL_CTL_ADD, u->fd, &e);
}

void up_flush(void)
{
    while (head.next != &head && head.next->deadline <= now_ms) {
        struct up *u = head.next->up;
        u->reused = 0;              /* late is late: no second try */
        fail(u);
    }
    while (dead) {
        struct up *u = dead;
        dead = u->next;
        free(u);
    }
}

int up_timeout(void)
{
    if (head.next == &head) return -1;
    return head.next->deadline <= now_ms ? 0 : (int)(head.next->deadline - now_ms);
}
