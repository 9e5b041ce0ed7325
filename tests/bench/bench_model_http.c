/*
 * bench_model_http.c - the HTTP path to a model: N conversations at once, each of TURNS calls one
 * after the other, against model_serve in another process. Prints the time against the chain of
 * latencies that no client can go below, the client's processor time per call, and the peak memory
 * of both sides. With N TURNS FIRST STEP LATENCY_MS it measures that case alone, in one process:
 * the difference of two runs under valgrind --tool=callgrind is what a call costs in instructions.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"
#include "runtime/loop/loop.h"
#include "runtime/simulator/simulator.h"
#include "runtime/session/open_model.h"

struct talk {
    struct model *m;
    struct chat chat;
    int turns_left, *running, *failed;
    size_t step;
};

static void next(struct talk *t);

static void on_reply(const struct model_reply *r, void *arg)
{
    struct talk *t = arg;
    if (r->result != MODEL_OK) {
        log_error("%s", r->error);
        ++*t->failed;
        t->turns_left = 0;
    } else {
        t->turns_left--;
    }
    if (t->turns_left == 0) {
        chat_release(&t->chat);
        --*t->running;
        return;
    }
    chat_add(&t->chat, CHAT_AGENT, r->text, r->len);
    char *text = malloc(t->step + 1);
    memset(text, 'x', t->step);
    text[t->step] = '\0';
    chat_take(&t->chat, CHAT_USER, text, t->step);
    next(t);
}

static void next(struct talk *t)
{
    struct model_request rq = {.chat = &t->chat, .temperature = 0, .max_tokens = 2048};
    if (model_ask(t->m, &rq, on_reply, t) < 0)
        abort();
}

static int start_server(pid_t *pid, double latency_ms)
{
    int p[2], port = 0;
    if (pipe(p) < 0)
        abort();
    *pid = fork();
    if (*pid == 0) {
        struct sim_server *s;
        struct sim_settings sim = {.latency_ms = latency_ms};
        close(p[0]);
        if (sim_serve(&s, &sim, "127.0.0.1", 0) < 0)
            _exit(1);
        port = sim_server_port(s);
        if (write(p[1], &port, sizeof(port)) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    close(p[1]);
    if (read(p[0], &port, sizeof(port)) != sizeof(port))
        abort();
    close(p[0]);
    return port;
}

/* One measurement, in a process of its own so that its peak memory is its own. */
static int measure(int n, int turns, size_t first, size_t step, double latency_ms)
{
    pid_t pid;
    struct loop *loop;
    struct model *m;
    int port = start_server(&pid, latency_ms), running = n, failed = 0;
    char url[64];
    struct model_endpoint e = {url, NULL};
    struct model_settings s = {
        .kind = "openai", .model = "simulated", .endpoints = &e, .n_endpoints = 1};
    struct talk *talks = calloc((size_t)n, sizeof(*talks));
    char *text = malloc(first + 1);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1", port);
    if (!talks || !text || loop_open(&loop) < 0 || model_open(&m, loop, &s) < 0)
        abort();
    memset(text, 'x', first);
    text[first] = '\0';
    int64_t start = clock_mono(), cpu = clock_cpu();
    for (int i = 0; i < n; i++) {
        talks[i] = (struct talk){
            .m = m, .turns_left = turns, .running = &running, .failed = &failed, .step = step};
        chat_add(&talks[i].chat, CHAT_USER, text, first);
        next(&talks[i]);
    }
    while (running > 0 && loop_turn(loop, -1) >= 0) {
    }
    double wall = (double)(clock_mono() - start) / 1e9, used = (double)(clock_cpu() - cpu) / 1e3;
    double chain = latency_ms * turns / 1e3;
    struct rusage self, child;
    int64_t attempts = m->health.attempts;
    model_close(m);
    loop_close(loop);
    kill(pid, SIGKILL);
    wait4(pid, NULL, 0, &child);
    getrusage(RUSAGE_SELF, &self);
    double served = (double)(child.ru_utime.tv_sec + child.ru_stime.tv_sec) * 1e6 +
                    (double)(child.ru_utime.tv_usec + child.ru_stime.tv_usec);
    printf(
        "%6d %6d %5.0f KB %7.0f ms %8.2f s %6.2f x %7.1f us %7.1f us %6ld MiB %6ld MiB %5lld %d\n",
        n, turns, (double)(first + step * (size_t)(turns - 1)) / 1e3, latency_ms, wall,
        chain > 0 ? wall / chain : 0, used / (double)attempts, served / (double)attempts,
        self.ru_maxrss / 1024, child.ru_maxrss / 1024, (long long)attempts - (long long)n * turns,
        failed);
    free(talks);
    free(text);
    return failed != 0;
}

int main(int argc, char **argv)
{
    static const struct {
        int n, turns;
        size_t first, step;
        double latency_ms;
    } cases[] = {{64, 5, 13000, 3000, 100},
                 {1000, 5, 13000, 3000, 200},
                 {1000, 5, 28000, 3000, 200},
                 {4000, 3, 13000, 3000, 1000},
                 {64, 40, 13000, 600, 0}};
    int bad = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 6) /* one case in this process, for a profiler */
        return measure(atoi(argv[1]), atoi(argv[2]), (size_t)atoi(argv[3]), (size_t)atoi(argv[4]),
                       atof(argv[5]));
    puts("  at a turns  longest    latency     time   chain  client/call server/call  client     "
         "server again "
         "failed");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        pid_t pid = fork();
        int status;
        if (pid == 0)
            exit(measure(cases[i].n, cases[i].turns, cases[i].first, cases[i].step,
                         cases[i].latency_ms));
        waitpid(pid, &status, 0);
        bad |= status != 0;
    }
    return bad;
}
