/*
 * bench_concurrency.c - thousands of rollouts in flight: `grasp eval` against `grasp model serve`,
 * two processes as a user would run them.
 *
 *     bench_concurrency [CLINIC [ROLLOUTS LATENCY_MS]]      default: 1000 and 4000 at 200 ms
 *
 * No client can be faster than its slowest chain of turns times the latency. "of chain" is the
 * whole run, with starting up, loading the FHIR data and writing every trace, against that. Each
 * row is the quickest of three runs; peaks are the highest of the three.
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
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

struct bench {
    const char *grasp, *clinic;
    char *dir; /* temporary */
};
struct run {
    int n;
    double latency_ms;
    bool skills;
};
struct figures {
    int longest; /* calls of the rollout with the most */
    int64_t calls, unscored, wall;
    struct rusage client, server;
};

static pid_t spawn(const char *const *argv, int out_fd)
{
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out_fd, STDOUT_FILENO);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    return pid;
}

static int finish(pid_t pid, struct rusage *usage)
{
    int status = -1;
    wait4(pid, &status, 0, usage);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_quietly(const struct bench *b, const char *const *argv)
{
    struct rusage usage;
    char *log = fs_join(b->dir, "log");
    FILE *f = fopen(log, "we");
    int rc = f ? finish(spawn(argv, fileno(f)), &usage) : -1;
    if (f)
        fclose(f);
    free(log);
    return rc == 0 ? 0 : err_set(GRASP_EIO, "%s %s: exit %d", argv[0], argv[1], rc);
}

/* The clinic's tasks over and over, each with an id of its own. */
static int write_tasks(const struct bench *b, int n, const char *path)
{
    json_t *all = NULL, *many = json_array();
    char *from = fs_join(b->clinic, "tasks/all_tasks.json");
    int rc = json_read_file(&all, from);
    for (int i = 0; rc == 0 && i < n; i++) {
        json_t *task = json_copy(json_array_get(all, (size_t)i % json_array_size(all)));
        const char *id = json_str_at(task, "id", "");
        json_object_set_new(task, "id", json_sprintf("%.*s_%d", (int)strcspn(id, "_"), id, i + 1));
        json_array_append_new(many, task);
    }
    if (rc == 0)
        rc = json_write_file(many, path);
    json_decref(all);
    json_decref(many);
    free(from);
    return rc;
}

/* A library of eight skills of about 2.5 KB. */
static int write_library(const struct bench *b, const char *library)
{
    char *from = fs_join(b->dir, "flat");
    int rc = fs_mkdirs(from);
    for (int i = 0; rc == 0 && i < 8; i++) {
        struct buf text = BUF_INIT, path = BUF_INIT;
        buf_addf(&path, "%s/guidance-%d.md", from, i);
        buf_addf(&text,
                 "---\nname: guidance-%d\ndescription: How to answer questions on laboratory "
                 "values\n---\n",
                 i);
        for (int k = 0; k < 40; k++)
            buf_addf(&text, "- line %d of guidance on searches, fields and forms of answer\n", k);
        rc = fs_write(path.ptr, text.ptr, text.len);
        buf_release(&text);
        buf_release(&path);
    }
    const char *argv[] = {b->grasp, "skills", "import", "-q", library, from, NULL};
    if (rc == 0)
        rc = run_quietly(b, argv);
    free(from);
    return rc;
}

static int start_server(const struct bench *b, double latency_ms, pid_t *pid, char url[64])
{
    char latency[32], line[128] = "";
    int p[2];
    snprintf(latency, sizeof(latency), "%g", latency_ms);
    const char *argv[] = {b->grasp, "model", "serve", "--port", "0", "--latency-ms", latency, NULL};
    if (pipe(p) < 0)
        return err_set_errno(GRASP_EIO, "pipe");
    *pid = spawn(argv, p[1]);
    close(p[1]);
    FILE *f = fdopen(p[0], "r");
    if (!f || !fgets(line, sizeof(line), f) || sscanf(line, "listening on %63s", url) != 1)
        err_set(GRASP_EIO, "the model server does not start");
    if (f)
        fclose(f);
    return *url ? 0 : GRASP_EIO;
}

static int count(json_t *line, size_t number, void *arg)
{
    struct figures *f = arg;
    int calls = (int)json_int_at(line, "calls", 0);
    (void)number;
    f->calls += calls;
    f->longest = calls > f->longest ? calls : f->longest;
    f->unscored += strcmp(json_str_at(line, "status", ""), "unscored") == 0;
    return 0;
}

static int run_client(const struct bench *b, const struct run *r, const char *url,
                      struct figures *f)
{
    char *config = fs_join(b->clinic, "grasp.yaml"), *out = fs_join(b->dir, "out");
    char *library = fs_join(b->dir, "library"), *runs = fs_join(out, "full/test_runs.jsonl");
    char *tasks = fs_join(b->dir, "tasks.json"), *log = fs_join(b->dir, "log");
    char full[512], base[128], at_once[64];
    snprintf(full, sizeof(full), "data.full=%s", tasks);
    snprintf(base, sizeof(base), "model.base_url=%s", url);
    snprintf(at_once, sizeof(at_once), "cycle.batch_concurrency=%d", r->n);
    const char *argv[] = {b->grasp,
                          "eval",
                          config,
                          "-q",
                          "-s",
                          "full",
                          "--out",
                          out,
                          "--set",
                          full,
                          "--set",
                          base,
                          "--set",
                          at_once,
                          "--set",
                          "model.kind=openai",
                          "--set",
                          "model.name=simulated",
                          r->skills ? "--library" : NULL,
                          library,
                          NULL};
    int rc = write_tasks(b, r->n, tasks);
    if (rc == 0 && r->skills)
        rc = write_library(b, library);
    FILE *sink = fopen(log, "we");
    int64_t start = clock_mono();
    if (rc == 0 && (!sink || finish(spawn(argv, fileno(sink)), &f->client) != 0))
        rc = err_set(GRASP_EIO, "grasp eval failed");
    f->wall = clock_mono() - start;
    if (rc == 0)
        rc = json_read_lines(runs, count, f);
    if (sink)
        fclose(sink);
    free(config);
    free(out);
    free(library);
    free(runs);
    free(tasks);
    free(log);
    return rc;
}

static double cpu_us(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1e6 +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
}

static int once(struct bench *b, const struct run *r, struct figures *f)
{
    char url[64] = "";
    pid_t server = 0;
    b->dir = fs_tempdir("grasp-bench");
    int rc = b->dir ? start_server(b, r->latency_ms, &server, url) : GRASP_EIO;
    if (rc == 0)
        rc = run_client(b, r, url, f);
    if (server > 0) {
        kill(server, SIGTERM);
        finish(server, &f->server);
    }
    fs_remove_tree(b->dir);
    free(b->dir);
    return rc;
}

static long most(long a, long b)
{
    return a > b ? a : b;
}

static int measure(struct bench *b, const struct run *r)
{
    struct figures best = {0};
    long client = 0, server = 0;
    for (int i = 0; i < 3; i++) {
        struct figures f = {0};
        int rc = once(b, r, &f);
        if (rc < 0)
            return rc;
        client = most(client, f.client.ru_maxrss);
        server = most(server, f.server.ru_maxrss);
        if (!best.wall || f.wall < best.wall)
            best = f;
    }
    double chain_ms = best.longest * r->latency_ms, wall_ms = (double)best.wall / 1e6;
    printf("%8d %-7s %7lld %4d %7.2f s %5.2f s %6.2f x %5ld MiB %5ld MiB %8.0f us %7.0f us %4lld\n",
           r->n, r->skills ? "eight" : "none", (long long)best.calls, best.longest, wall_ms / 1e3,
           chain_ms / 1e3, chain_ms > 0 ? wall_ms / chain_ms : 0, client / 1024, server / 1024,
           cpu_us(&best.client) / (double)best.calls, cpu_us(&best.server) / (double)best.calls,
           (long long)best.unscored);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct run defaults[] = {
        {1000, 200, false}, {1000, 200, true}, {4000, 200, false}, {4000, 200, true}};
    struct run own[2] = {{0}};
    struct bench b = {.grasp = getenv("GRASP"), .clinic = getenv("GRASP_BENCH_CLINIC")};
    const struct run *runs = defaults;
    size_t n = 4;
    int64_t at_once;
    if (argc > 1)
        b.clinic = argv[1];
    if (argc > 3 && str_to_i64(argv[2], 1, 4096, &at_once)) {
        own[0] = (struct run){(int)at_once, strtod(argv[3], NULL), false};
        own[1] = (struct run){(int)at_once, strtod(argv[3], NULL), true};
        runs = own;
        n = 2;
    }
    if (!b.grasp || !b.clinic) {
        fprintf(stderr, "set GRASP to the program and GRASP_BENCH_CLINIC to what `grasp synth` "
                        "wrote, or run this by tests/bench/run\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("rollouts                 most              chain  of chain      peak memory       "
         "processor per call     un-\n"
         "at once  skills    calls turns    time  at least           client    server      "
         "client     server scored");
    for (size_t i = 0; i < n; i++)
        if (measure(&b, &runs[i]) < 0) {
            fprintf(stderr, "%s\n", err_msg());
            return 1;
        }
    return 0;
}
