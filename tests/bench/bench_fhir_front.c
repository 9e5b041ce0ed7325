/*
 * bench_fhir_front.c - `grasp fhir` as its users meet it: loading a file, searching over HTTP, and
 * the server among more connections than it keeps.
 *
 *     build/bench/bench_fhir_front [PROGRAM ...]        default $GRASP or build/grasp
 *
 * Each program loads the same 50,000 Observations and serves them. Then 1 and 64 kept-alive
 * connections search; 10,000 connections are opened and closed; 4,000 clients begin a request and send
 * a byte of it each round while 1,000 others ask and wait for their answer, 20 rounds; and when they
 * are gone, one asks again. Two programs: versions are compared in one run.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/fs.h"

#define OBSERVATIONS 50000
#define PATIENTS     500
#define OPENED       10000
#define SLOW         4000
#define WORKING      1000
#define ROUNDS       20
#define PATIENCE     5 /* seconds */

struct server {
    pid_t pid;
    FILE *said;
    int port;
};

struct client {
    int fd;
    int64_t asked; /* 0: answered */
    size_t have;
    char answer[2048]; /* its beginning */
};

static unsigned long long seed = 1;

static unsigned pick(unsigned n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % n;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void write_data(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        die(path);
    for (int i = 0; i < OBSERVATIONS; i++)
        fprintf(
            f,
            "{\"resourceType\":\"Observation\",\"id\":\"o%d\",\"status\":\"final\",\"code\":{"
            "\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"LAB%u\"}],\"text\":\"Lab\"}"
            ",\"subject\":{\"reference\":\"Patient/S%d\"},\"effectiveDateTime\":\"2023-%02u-%02u"
            "T10:00:00+00:00\",\"valueQuantity\":{\"value\":%u.5,\"unit\":\"mg/dL\"}}\n",
            i, pick(20), i % PATIENTS, 1 + pick(12), 1 + pick(28), pick(300));
    fclose(f);
}

static pid_t start(const char *program, const char *const *argv, int out)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        dup2(out, STDOUT_FILENO);
        execv(program, (char *const *)argv);
        _exit(127);
    }
    return pid;
}

static void load(const char *program, const char *data, const char *store)
{
    const char *const argv[] = {"grasp", "fhir", "load", "-q", "--store", store, data, NULL};
    struct rusage used;
    struct stat st;
    char path[600];
    int status, out[2];
    if (pipe(out) < 0)
        die("pipe");
    int64_t begun = clock_mono();
    pid_t pid = start(program, argv, out[1]);
    if (wait4(pid, &status, 0, &used) != pid || status != 0)
        die("grasp fhir load");
    double seconds = (double)(clock_mono() - begun) / NS_PER_SEC;
    close(out[0]);
    close(out[1]);
    snprintf(path, sizeof(path), "%s/data.mdb", store);
    if (stat(path, &st) < 0)
        die(path);
    printf("  load        %8.0f resources/s, most memory %.0f MB, store %.1f MB\n",
           OBSERVATIONS / seconds, (double)used.ru_maxrss / 1e3, (double)st.st_blocks * 512 / 1e6);
}

static void serve(struct server *s, const char *program, const char *store)
{
    const char *const argv[] = {"grasp", "fhir",   "serve", "-q", "--store",
                                store,   "--port", "0",     NULL};
    int out[2];
    if (pipe(out) < 0)
        die("pipe");
    s->pid = start(program, argv, out[1]);
    close(out[1]);
    s->said = fdopen(out[0], "r");
    if (!s->said || fscanf(s->said, "listening on http://127.0.0.1:%d/", &s->port) != 1)
        die("grasp fhir serve");
}

static double memory_of(const struct server *s)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)s->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "RssAnon: %ld", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return (double)kb / 1e3;
}

/* Seconds of processor time that it has used. */
static double work_of(const struct server *s)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)s->pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                    &kernel) != 2)
        user = kernel = 0;
    if (f)
        fclose(f);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* -1: nobody takes it within two seconds. */
static int dial(const struct server *s)
{
    struct timeval patience = {.tv_sec = 2};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket");
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void ask(struct client *c)
{
    char text[200];
    int n = snprintf(text, sizeof(text),
                     "GET /fhir/Observation?patient=S%u&code=LAB%u HTTP/1.1\r\nHost: a\r\n\r\n",
                     pick(PATIENTS), pick(20));
    c->have = 0;
    c->asked = clock_mono();
    send(c->fd, text, (size_t)n, MSG_NOSIGNAL); /* what fails here fails when it is heard */
}

/* Reads on; true: the answer is whole. */
static bool heard(struct client *c, size_t *failed)
{
    char bytes[65536];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
    if (n <= 0) {
        ++*failed;
        return true;
    }
    size_t room = sizeof(c->answer) - 1, had = c->have < room ? c->have : room;
    size_t keep = (size_t)n < room - had ? (size_t)n : room - had;
    memcpy(c->answer + had, bytes, keep);
    c->answer[had + keep] = '\0';
    c->have += (size_t)n;
    const char *length = strstr(c->answer, "Content-Length: "),
               *body = strstr(c->answer, "\r\n\r\n");
    if (!length || !body)
        return false;
    if (c->have < (size_t)(body + 4 - c->answer) + strtoul(length + 16, NULL, 10))
        return false;
    *failed += strncmp(c->answer, "HTTP/1.1 200", 12) != 0;
    return true;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Every client asks and all wait, so many times; the slow ones send a byte each time. */
static void rounds(const char *what, const struct server *s, struct client *clients, size_t n,
                   size_t times, const int *slow, size_t n_slow)
{
    struct pollfd *polls = calloc(n, sizeof(*polls));
    double *took = calloc(n * times, sizeof(*took));
    size_t done = 0, failed = 0, wrong = 0;
    int64_t begun = clock_mono();
    double work = work_of(s);
    if (!polls || !took)
        die("memory");
    for (size_t r = 0; r < times; r++) {
        for (size_t i = 0; i < n_slow; i++)
            if (send(slow[i], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                continue; /* it was closed for somebody else */
        for (size_t i = 0; i < n; i++) {
            ask(&clients[i]);
            polls[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        }
        for (size_t left = n; left > 0;) {
            if (poll(polls, n, 1000 * PATIENCE) <= 0) {
                failed += left;
                r = times;
                break;
            }
            for (size_t i = 0; i < n; i++)
                if (polls[i].revents && heard(&clients[i], &wrong)) {
                    took[done] = (double)(clock_mono() - clients[i].asked) / 1e6;
                    done += wrong == 0;
                    failed += wrong;
                    wrong = 0;
                    polls[i].fd = -1;
                    polls[i].revents = 0;
                    left--;
                }
        }
    }
    double seconds = (double)(clock_mono() - begun) / NS_PER_SEC;
    if (done == 0) {
        printf("  %-11s no answer within %d s, memory %.0f MB\n", what, PATIENCE, memory_of(s));
        goto out;
    }
    qsort(took, done, sizeof(*took), by_size);
    printf(
        "  %-11s %8.0f/s  p50 %8.3f ms  p99 %8.3f ms  most %8.3f ms  failed %zu, %.0f us of work, "
        "memory %.0f MB\n",
        what, (double)done / seconds, took[done / 2], took[done * 99 / 100], took[done - 1], failed,
        (work_of(s) - work) / (double)done * 1e6, memory_of(s));
out:
    free(took);
    free(polls);
}

static void searches(const char *what, const struct server *s, size_t n, size_t times,
                     const int *slow, size_t n_slow)
{
    struct client *clients = calloc(n, sizeof(*clients));
    if (!clients)
        die("memory");
    for (size_t i = 0; i < n; i++)
        clients[i].fd = dial(s);
    rounds(what, s, clients, n, times, slow, n_slow);
    for (size_t i = 0; i < n; i++)
        close(clients[i].fd);
    free(clients);
}

static void measure(const char *program, const char *data, const char *dir)
{
    static int idle[OPENED];
    struct server s;
    size_t n = 0;
    char *store = fs_join(dir, "store");
    printf("%s\n", program);
    load(program, data, store);
    serve(&s, program, store);
    searches("one", &s, 1, 5000, NULL, 0);
    searches("64", &s, 64, 200, NULL, 0);
    int64_t begun = clock_mono();
    for (size_t i = 0; i < OPENED && n == i; i++)
        n += (idle[i] = dial(&s)) >= 0;
    printf("  opened      %8zu connections in %.2f s, memory %.0f MB\n", n,
           (double)(clock_mono() - begun) / NS_PER_SEC, memory_of(&s));
    searches("among them", &s, 1, 100, NULL, 0);
    for (size_t i = 0; i < n; i++)
        close(idle[i]);
    for (size_t i = 0; i < SLOW; i++) {
        idle[i] = dial(&s);
        send(idle[i], "GET /fhir/", 10, MSG_NOSIGNAL);
    }
    searches("1000 + 4000", &s, WORKING, ROUNDS, idle, SLOW);
    for (size_t i = 0; i < SLOW; i++)
        close(idle[i]);
    searches("afterwards", &s, 1, 1000, NULL, 0);
    kill(s.pid, SIGTERM);
    waitpid(s.pid, NULL, 0);
    fclose(s.said);
    fs_remove_tree(store);
    free(store);
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    const char *own = getenv("GRASP");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < OPENED + 512) {
        printf("not measured: %d files cannot be open at once here\n", OPENED);
        return 0;
    }
    char *dir = fs_tempdir("bench"), *data = dir ? fs_join(dir, "data.ndjson") : NULL;
    if (!data)
        die("temporary folder");
    setvbuf(stdout, NULL, _IOLBF, 0);
    write_data(data);
    if (argc < 2)
        measure(own ? own : "build/grasp", data, dir);
    for (int i = 1; i < argc; i++)
        measure(argv[i], data, dir);
    fs_remove_tree(dir);
    free(data);
    free(dir);
    return 0;
}
