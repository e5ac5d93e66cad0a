/* libcurl's multi interface on the server's epoll set: easy handles and connections are kept, the URL is parsed once,
 * sockets stay registered between calls, and at most 64 calls are in flight (with more, libcurl's walks over its
 * connections cost more than all the rest). */
#include "server.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct sock {                       /* by file descriptor */
    struct source src;
    uint32_t want, have;            /* what libcurl asks, what epoll has */
};
enum { MAXFD = 20000, MAXIDLE = 4096, INFLIGHT = 64 };

static CURLM *multi;
static CURLU *parsed;
static int busy, kick;              /* calls in progress, new ones to start */
static int64_t timer = -1;          /* absolute ms, -1 for none */
static struct fetch *queue, **queue_end = &queue;
static CURL *pool[MAXIDLE];
static int pooled;
static struct sock socks[MAXFD];

static size_t on_body(char *p, size_t size, size_t n, void *userp)
{
    (void)size;
    fetch_append(userp, p, n);
    return n;
}

static void sock_on(struct source *s, uint32_t events)
{
    struct sock *k = (struct sock *)s;
    int fd = (int)(k - socks), running;
    if (!k->want) {                 /* an idle connection: the peer closed it */
        epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL);
        k->have = 0;
        return;
    }
    curl_multi_socket_action(multi, fd,
        (events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
        (events & EPOLLERR ? CURL_CSELECT_ERR : 0), &running);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userp, void *sockp)
{
    struct sock *k = &socks[fd];
    (void)easy, (void)userp, (void)sockp;
    if (what == CURL_POLL_REMOVE) { /* it stays in the epoll set, for the next call on it */
        k->want = 0;
        return 0;
    }
    k->want = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (k->want != k->have) {
        struct epoll_event e = { k->want, { .ptr = &k->src } };
        epoll_ctl(epfd, k->have ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
        k->have = k->want;
    }
    return 0;
}

static int on_close(void *userp, curl_socket_t fd)
{
    (void)userp;
    socks[fd].want = socks[fd].have = 0;
    return close(fd);
}

static int on_timer(CURLM *m, long ms, void *userp)
{
    (void)m, (void)userp;
    timer = ms < 0 ? -1 : (int64_t)now_ms + ms;
    return 0;
}

static CURL *new_handle(void)
{
    CURL *e = curl_easy_init();
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)UP_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
    curl_easy_setopt(e, CURLOPT_CURLU, parsed);
    return e;
}

void up_init(int port)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/u/1KB", port);
    for (int i = 0; i < MAXFD; i++) socks[i].src.on = sock_on;
    curl_global_init(CURL_GLOBAL_ALL);
    parsed = curl_url();
    curl_url_set(parsed, CURLUPART_URL, url, 0);
    multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 2048L);
}

void up_start(struct fetch *f)
{
    if (busy >= INFLIGHT) {
        f->next = NULL;
        *queue_end = f;
        queue_end = &f->next;
        return;
    }
    CURL *e = pooled ? pool[--pooled] : new_handle();
    curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(e, CURLOPT_PRIVATE, f);
    busy++;
    kick = 1;
    curl_multi_add_handle(multi, e);
}

static void done(CURL *e, CURLcode result)
{
    struct fetch *f;
    long status = 0;
    curl_easy_getinfo(e, CURLINFO_PRIVATE, (char **)&f);
    if (result == CURLE_OK) curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi, e);
    if (pooled == MAXIDLE) curl_easy_cleanup(e);
    else pool[pooled++] = e;
    busy--;
    f->status = (int)status;
    if (queue) {
        struct fetch *next = queue;
        if (!(queue = next->next)) queue_end = &queue;
        up_start(next);
    }
    fetch_done(f);
}

void up_flush(void)
{
    int running, left;
    CURLMsg *m;
    if (!busy) return;
    do {
        if (kick || (timer >= 0 && timer <= (int64_t)now_ms)) {
            kick = 0;
            timer = -1;
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        while ((m = curl_multi_info_read(multi, &left)))
            if (m->msg == CURLMSG_DONE) done(m->easy_handle, m->data.result);
    } while (kick);
}

int up_timeout(void)
{
    if (!busy || timer < 0) return -1;
    return timer <= (int64_t)now_ms ? 0 : (int)(timer - (int64_t)now_ms);
}
