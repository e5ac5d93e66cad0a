/* What the server and its client (floor.c, curl.c) know of each other. One thread, one epoll set. */
#ifndef SRV_H
#define SRV_H
#include <stddef.h>
#include <stdint.h>

struct source {                     /* epoll_event.data.ptr points at one */
    void (*on)(struct source *, uint32_t events);
};

struct gather;
struct fetch {                      /* one upstream GET, owned by a gather */
    struct gather *owner;
    int status;                     /* HTTP status, 0 when the call failed */
    size_t len, cap;
    char *body;
    void *up;                       /* the client's own: handle or socket */
    uint64_t deadline;
    struct fetch *prev, *next;
};

extern int epfd;
extern uint64_t now_ms;             /* taken once per wake-up */
#define UP_TIMEOUT_MS 5000

void fetch_append(struct fetch *, const char *, size_t);
void fetch_done(struct fetch *);

void up_init(int port);             /* the upstream is 127.0.0.1:port/u/1KB */
void up_start(struct fetch *);
void up_flush(void);                /* after each batch of events */
int up_timeout(void);               /* ms to the next timer, -1 for none */
#endif
