/* The least server that does the job: one thread, epoll. Its client is linked in: floor.c, or curl.c. */
#define _GNU_SOURCE
#include "server.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAXN = 32, RECV_MAX = 65536 };

struct conn {
    struct source src;
    int fd, closing, want_out;
    struct gather *busy;            /* at most one request in progress */
    char *in;                       /* bytes of an incomplete request */
    size_t in_len;
    char *out;                      /* answer under way */
    size_t out_len, out_off, out_cap;
    struct conn *next_dead;
};

struct gather {
    struct conn *conn;              /* NULL once the caller went away */
    int n, left;
    struct fetch f[MAXN];
    struct gather *next_free;
};

int epfd;
uint64_t now_ms;
static char rbuf[RECV_MAX];
static struct conn *dead;
static struct gather *free_gathers;

static void conn_close(struct conn *c)
{
    if (c->fd < 0) return;
    close(c->fd);
    c->fd = -1;
    if (c->busy) c->busy->conn = NULL;
    c->next_dead = dead;            /* freed after this batch of events */
    dead = c;
}

static void conn_flush(struct conn *c)
{
    while (c->out_off < c->out_len) {
        ssize_t k = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
        if (k < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) { conn_close(c); return; }
            if (!c->want_out) {
                struct epoll_event e = { EPOLLIN | EPOLLOUT, { .ptr = &c->src } };
                epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &e);
                c->want_out = 1;
            }
            return;
        }
        c->out_off += (size_t)k;
    }
    c->out_len = c->out_off = 0;
    if (c->want_out) {
        struct epoll_event e = { EPOLLIN, { .ptr = &c->src } };
        epoll_ctl(epfd, EPOLL_CTL_MOD, c->fd, &e);
        c->want_out = 0;
    }
    if (c->closing) conn_close(c);
}

static char *conn_room(struct conn *c, size_t n)
{
    if (c->out_cap < c->out_len + n) {
        c->out_cap = (c->out_len + n) * 2;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out) abort();
    }
    return c->out + c->out_len;
}

static void conn_text(struct conn *c, const char *s, size_t n)
{
    memcpy(conn_room(c, n), s, n);
    c->out_len += n;
}
#define LIT(c, s) conn_text(c, s, sizeof(s) - 1)

void fetch_append(struct fetch *f, const char *p, size_t n)
{
    if (f->cap < f->len + n) {
        f->cap = (f->len + n) * 2;
        f->body = realloc(f->body, f->cap);
        if (!f->body) abort();
    }
    memcpy(f->body + f->len, p, n);
    f->len += n;
}

static void conn_input(struct conn *c, const char *p, size_t n);

void fetch_done(struct fetch *f)
{
    struct gather *g = f->owner;
    if (--g->left) return;
    struct conn *c = g->conn;
    if (c) {
        size_t total = 1;
        int ok = 1;
        for (int i = 0; i < g->n; i++) {
            if (g->f[i].status != 200) ok = 0;
            total += g->f[i].len + (i < 10 ? 6 : 7);    /* {"k0": or ,"k10": */
        }
        if (!ok) {
            LIT(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        } else {
            char *p = conn_room(c, total + 128), *p0 = p;
            p += sprintf(p, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", total);
            for (int i = 0; i < g->n; i++) {
                *p++ = i ? ',' : '{';
                *p++ = '"';
                *p++ = 'k';
                if (i >= 10) *p++ = (char)('0' + i / 10);
                *p++ = (char)('0' + i % 10);
                *p++ = '"';
                *p++ = ':';
                memcpy(p, g->f[i].body, g->f[i].len);
                p += g->f[i].len;
            }
            *p++ = '}';
            c->out_len += (size_t)(p - p0);
        }
        c->busy = NULL;
    }
    g->next_free = free_gathers;
    free_gathers = g;
    if (c) {
        conn_flush(c);
        if (c->fd >= 0 && c->in_len) {                  /* a pipelined request */
            char *in = c->in;
            size_t n = c->in_len;
            c->in = NULL;
            c->in_len = 0;
            conn_input(c, in, n);
            free(in);
        }
    }
}

static void gather_start(struct conn *c, int n)
{
    struct gather *g = free_gathers;
    if (g) free_gathers = g->next_free;
    else if (!(g = calloc(1, sizeof *g))) abort();
    g->conn = c;
    g->n = g->left = n;
    c->busy = g;
    for (int i = 0; i < n; i++) {
        g->f[i].owner = g;
        g->f[i].status = 0;
        g->f[i].len = 0;
        up_start(&g->f[i]);
    }
}

/* Takes whole requests off p; what is left over is kept in c->in. */
static void conn_input(struct conn *c, const char *p, size_t n)
{
    const char *end = p + n;
    while (p < end && !c->busy && c->fd >= 0) {
        const char *stop = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        if (!stop) {
            if (end - p > 16384) { conn_close(c); return; }
            break;
        }
        for (const char *l = memchr(p, '\n', (size_t)(stop - p)); l; l = memchr(l, '\n', (size_t)(stop - l)))
            if (!strncasecmp(++l, "connection: close", 17)) c->closing = 1;
            else if (!strncasecmp(l, "content-length:", 15) || !strncasecmp(l, "transfer-encoding:", 18)) {
                conn_close(c);                          /* no bodies here */
                return;
            }
        const char *path = p + 4;
        if (!memcmp(p, "GET ", 4) && !memcmp(path, "/hello ", 7))
            LIT(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!");
        else if (!memcmp(p, "GET ", 4) && !memcmp(path, "/gather8 ", 9)) gather_start(c, 8);
        else if (!memcmp(p, "GET ", 4) && !memcmp(path, "/gather1 ", 9)) gather_start(c, 1);
        else if (!memcmp(p, "GET ", 4) && !memcmp(path, "/gather32 ", 10)) gather_start(c, 32);
        else LIT(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        p = stop + 4;
        if (!c->busy) conn_flush(c);
    }
    if (c->fd >= 0 && p < end) {
        c->in = memcpy(malloc((size_t)(end - p)), p, (size_t)(end - p));
        c->in_len = (size_t)(end - p);
    }
}

static void conn_on(struct source *s, uint32_t events)
{
    struct conn *c = (struct conn *)s;
    if (c->fd < 0) return;
    if (events & EPOLLOUT) conn_flush(c);
    if (c->fd < 0 || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t k = recv(c->fd, rbuf, sizeof rbuf, 0);
    if (k < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (k <= 0) { conn_close(c); return; }
    if (!c->in_len && !c->busy) { conn_input(c, rbuf, (size_t)k); return; }
    if (c->in_len + (size_t)k > RECV_MAX) { conn_close(c); return; }
    char *in = realloc(c->in, c->in_len + (size_t)k);
    if (!in) abort();
    memcpy(in + c->in_len, rbuf, (size_t)k);
    size_t n = c->in_len + (size_t)k;
    if (c->busy) { c->in = in; c->in_len = n; return; }
    c->in = NULL;
    c->in_len = 0;
    conn_input(c, in, n);
    free(in);
}

static int listen_fd;

static void listen_on(struct source *s, uint32_t events)
{
    int fd, one = 1;
    (void)s, (void)events;
    while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        if (!c) abort();
        c->src.on = conn_on;
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event e = { EPOLLIN, { .ptr = &c->src } };
        epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e);
    }
}

static uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int main(void)
{
    const char *port = getenv("PORT"), *upstream = getenv("UPSTREAM_PORT");
    static struct source listener = { listen_on };
    static struct epoll_event ev[512];
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int one = 1;
    signal(SIGPIPE, SIG_IGN);
    epfd = epoll_create1(EPOLL_CLOEXEC);
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listen_fd, (struct sockaddr *)&a, sizeof a) || listen(listen_fd, 4096)) { perror("listen"); return 1; }
    struct epoll_event e = { EPOLLIN, { .ptr = &listener } };
    epoll_ctl(epfd, EPOLL_CTL_ADD, listen_fd, &e);
    now_ms = clock_ms();
    up_init(atoi(upstream));
    for (;;) {
        int n = epoll_wait(epfd, ev, 512, up_timeout());
        now_ms = clock_ms();
        for (int i = 0; i < n; i++) {
            struct source *s = ev[i].data.ptr;
            s->on(s, ev[i].events);
        }
        up_flush();
        while (dead) {
            struct conn *c = dead;
            dead = c->next_dead;
            free(c->in);
            free(c->out);
            free(c);
        }
    }
}
