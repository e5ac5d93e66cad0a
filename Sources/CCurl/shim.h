/* libcurl for Swift, which cannot call variadic functions: one setter for each type of option. */
#ifndef GATHERD_CCURL_SHIM_H
#define GATHERD_CCURL_SHIM_H
#include <curl/curl.h>
#include <dlfcn.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

static inline CURLcode cc_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode cc_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode cc_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode cc_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode cc_set_data_function(CURL *easy, CURLoption option, curl_write_callback function) {
    return curl_easy_setopt(easy, option, function);
}
static inline CURLcode cc_set_open_function(CURL *easy, curl_opensocket_callback function, void *data) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, function);
    return code ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, data);
}
static inline CURLcode cc_set_close_function(CURL *easy, curl_closesocket_callback function, void *data) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, function);
    return code ? code : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, data);
}
static inline CURLcode cc_set_request_function(CURL *easy, curl_prereq_callback function, void *data) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, function);
    return code ? code : curl_easy_setopt(easy, CURLOPT_PREREQDATA, data);
}
static inline CURLMcode cc_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
static inline CURLMcode cc_multi_set_socket_function(CURLM *multi, curl_socket_callback function, void *data) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, function);
    return code ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, data);
}
static inline CURLMcode cc_multi_set_timer_function(CURLM *multi, curl_multi_timer_callback function, void *data) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, function);
    return code ? code : curl_multi_setopt(multi, CURLMOPT_TIMERDATA, data);
}
static inline long cc_response_code(CURL *easy) {
    long code = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
}
/* How long a transfer took to connect, to secure the connection and until the first byte came, in microseconds from its
   start; 0 for what it did not do. */
static inline int64_t cc_microseconds(CURL *easy, CURLINFO info) {
    curl_off_t time = 0;
    curl_easy_getinfo(easy, info, &time);
    return time;
}
/* How many connections a transfer has made. */
static inline long cc_connections(CURL *easy) {
    long count = 0;
    curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &count);
    return count;
}
/* The socket of a connection that was made with CURLOPT_CONNECT_ONLY, or -1. */
static inline curl_socket_t cc_active_socket(CURL *easy) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    return curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK ? fd : CURL_SOCKET_BAD;
}
/* The errno of the last connect that failed, or 0. */
static inline int cc_os_error(CURL *easy) {
    long code = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
    return (int)code;
}
/* Whether a socket that is being connected has got a peer. */
static inline int cc_has_peer(int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    return getpeername(fd, (struct sockaddr *)&address, &size) == 0;
}
/* Whether a connection that libcurl has secured, and read to its end, ended without TLS's own end (close_notify).
   libcurl does not say so: it takes the end of the socket for either. It is linked with OpenSSL or it is not; this is
   not. */
static inline int cc_was_cut(CURL *easy) {
    const struct curl_tlssessioninfo *session = 0;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &session) != CURLE_OK || !session) return 0;
    if (session->backend != CURLSSLBACKEND_OPENSSL || !session->internals) return 0;
    int (*get_shutdown)(const void *) = (int (*)(const void *))dlsym(0 /* RTLD_DEFAULT */, "SSL_get_shutdown");
    return get_shutdown && !(get_shutdown(session->internals) & 2 /* SSL_RECEIVED_SHUTDOWN */);
}
/* What OpenSSL found wrong with the peer's certificate: X509_V_ERR_…, or 0. */
static inline int cc_verify_result(CURL *easy) {
    long code = 0;
    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &code);
    return (int)code;
}
/* Whether libcurl has a file of trusted certificates of its own, so that it needs no directory of them. */
static inline int cc_has_ca_file(void) {
    curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->age >= CURLVERSION_SEVENTH && info->cainfo;
}
/* The next transfer that has ended, or NULL; its private pointer and result. */
static inline void *cc_next_done(CURLM *multi, CURLcode *result) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
        char *owner = 0;
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner) == CURLE_OK && owner) return owner;
    }
    return 0;
}
static inline int cc_open_socket(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}
/* Begins a TLS handshake with a socket of our own that has no server behind it, up to where libcurl has sent its hello
   and read the trusted certificates: it keeps what it has read in the multi handle. The easy handle has its TLS
   options, and is of no use for anything else then. Returns what keeps libcurl from beginning, such as a file that it
   cannot use, or CURLE_OK. */
static inline CURLcode cc_read_authorities(CURLM *multi, CURL *easy) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char url[40];
    int running, left;
    CURLcode result = CURLE_OK;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return CURLE_COULDNT_CONNECT;
    if (bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        snprintf(url, sizeof url, "https://127.0.0.1:%d", ntohs(address.sin_port));
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_multi_add_handle(multi, easy);
        /* Each step is one that libcurl has asked for or that readiness would bring: the connection, the hello, the
           first look at what has come. */
        for (int step = 0; step < 8; step++) {
            curl_multi_perform(multi, &running);
            CURLMsg *message = curl_multi_info_read(multi, &left);
            if (!message) continue;
            result = message->data.result;
            break;
        }
        curl_multi_remove_handle(multi, easy);
    }
    close(fd);
    return result;
}
static inline int64_t cc_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
/* Sends what the kernel takes; -1 with errno. A peer that is gone is an error, not a signal. This and the next call the
   kernel directly: the C library's functions take two atomic operations to let pthread_cancel end them. */
static inline ssize_t cc_send(int fd, const void *bytes, size_t count, int more_follows) {
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more_follows ? MSG_MORE : 0);
    return syscall(SYS_sendto, fd, bytes, count, flags, (void *)0, 0);
}
/* Receives what the kernel has; 0 at the end, -1 with errno. */
static inline ssize_t cc_receive(int fd, void *bytes, size_t count) {
    return syscall(SYS_recvfrom, fd, bytes, count, MSG_DONTWAIT, (void *)0, (void *)0);
}
/* Whether the kernel holds nothing for a socket: neither bytes nor an end nor an error. */
static inline int cc_is_quiet(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}
#endif
