/*
 * script_server.h - an HTTP server for tests that plays a list of raw replies, one per request, and
 * remembers the requests. One thread per connection, loopback only.
 *
 *     static const struct step steps[] = {{"HTTP/1.1 429 Slow\r\n...", STEP_KEEP}, ...};
 *     struct script s;
 *     script_start(&s, steps, n);     // the last step repeats
 *     ... http://127.0.0.1:<s.port>/
 *     script_stop(&s);
 */
#ifndef GRASP_TESTS_SCRIPT_SERVER_H
#define GRASP_TESTS_SCRIPT_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum step_end { STEP_KEEP, STEP_CLOSE, STEP_RESET, STEP_HANG };
struct step {
    const char *raw; /* NULL: nothing is sent */
    enum step_end end;
    size_t filler; /* so many 'x' after raw */
};
#define SCRIPT_REQUESTS 256
#define SCRIPT_PEERS    256
struct script {
    const struct step *steps;
    size_t n_steps;
    int port, listener;
    pthread_t thread, peers[SCRIPT_PEERS];
    int peer_fds[SCRIPT_PEERS];
    size_t n_peers;
    pthread_mutex_t lock;
    size_t n_requests;
    const char *expected; /* how requests begin (NULL: as they like), and how many did not */
    size_t n_strange;
    char *requests[SCRIPT_REQUESTS];
};
struct script_peer {
    struct script *s;
    int fd;
};

/* The next whole request as a malloc'ed string, NULL when the peer went away. */
static inline char *script_read(int fd, char *pending, size_t *have)
{
    size_t cap = 1 << 16, len = *have;
    char *all = malloc(cap);
    memcpy(all, pending, len);
    for (;;) {
        all[len] = '\0';
        char *end = strstr(all, "\r\n\r\n"), *cl = strcasestr(all, "content-length:");
        if (end) {
            size_t body = cl && cl < end ? strtoul(cl + 15, NULL, 10) : 0;
            size_t whole = (size_t)(end - all) + 4 + body;
            if (len >= whole) {
                *have = len - whole;
                memcpy(pending, all + whole, *have);
                all[whole] = '\0';
                return all;
            }
        }
        if (len + 4096 >= cap)
            all = realloc(all, cap *= 2);
        ssize_t n = recv(fd, all + len, 4095, 0);
        if (n <= 0) {
            free(all);
            return NULL;
        }
        len += (size_t)n;
    }
}

static inline bool script_send(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static inline void *script_peer_main(void *arg)
{
    struct script_peer p = *(struct script_peer *)arg;
    struct script *s = p.s;
    char pending[4096], *rq;
    size_t have = 0;
    free(arg);
    while ((rq = script_read(p.fd, pending, &have))) {
        pthread_mutex_lock(&s->lock);
        size_t k = s->n_requests++;
        s->n_strange += s->expected && strncmp(rq, s->expected, strlen(s->expected)) != 0;
        if (k < SCRIPT_REQUESTS)
            s->requests[k] = rq;
        else
            free(rq);
        pthread_mutex_unlock(&s->lock);
        const struct step *st = &s->steps[k < s->n_steps ? k : s->n_steps - 1];
        if (st->raw && !script_send(p.fd, st->raw, strlen(st->raw)))
            break;
        char filler[1024];
        memset(filler, 'x', sizeof(filler));
        for (size_t sent = 0; sent < st->filler; sent += sizeof(filler))
            if (!script_send(p.fd, filler, sizeof(filler)))
                break;
        if (st->end == STEP_HANG) {
            char c;
            while (recv(p.fd, &c, 1, 0) > 0) {
            }
        }
        if (st->end == STEP_RESET) {
            struct linger l = {.l_onoff = 1};
            setsockopt(p.fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        }
        if (st->end != STEP_KEEP)
            break;
    }
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_peers; i++)
        if (s->peer_fds[i] == p.fd)
            s->peer_fds[i] = -1;
    close(p.fd);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static inline void *script_main(void *arg)
{
    struct script *s = arg;
    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        struct script_peer *p = malloc(sizeof(*p));
        *p = (struct script_peer){s, fd};
        pthread_mutex_lock(&s->lock);
        if (s->n_peers < SCRIPT_PEERS) {
            s->peer_fds[s->n_peers] = fd;
            pthread_create(&s->peers[s->n_peers++], NULL, script_peer_main, p);
        } else {
            close(fd);
            free(p);
        }
        pthread_mutex_unlock(&s->lock);
    }
}

static inline void script_start(struct script *s, const struct step *steps, size_t n)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    memset(s, 0, sizeof(*s));
    s->steps = steps;
    s->n_steps = n;
    pthread_mutex_init(&s->lock, NULL);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
        listen(s->listener, 512) < 0 || getsockname(s->listener, (struct sockaddr *)&a, &len) < 0)
        abort();
    s->port = ntohs(a.sin_port);
    pthread_create(&s->thread, NULL, script_main, s);
}

static inline void script_stop(struct script *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_peers; i++)
        if (s->peer_fds[i] >= 0)
            shutdown(s->peer_fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->n_peers; i++)
        pthread_join(s->peers[i], NULL);
    for (size_t i = 0; i < SCRIPT_REQUESTS; i++)
        free(s->requests[i]);
    pthread_mutex_destroy(&s->lock);
}

#endif
