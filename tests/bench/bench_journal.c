/*
 * bench_journal.c - the journal with many calls: what it costs to look one up, to append one, to
 * keep one, and to start.
 *
 *     bench_journal [CALLS]      default 1,000,000
 *
 * Answers are made up in the sizes of a learning run: nine in ten are an agent's action (60 to 300
 * characters, half of it shared phrases), one in ten is a writer's (2,000 to 6,000 characters of
 * Markdown).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/journal/journal_private.h"

#define PER_TURN 64 /* calls answered in one turn of the loop */

static const char *const phrases[] = {"GET http://localhost:8080/fhir/Observation?patient=",
                                      "&code=",
                                      "&date=ge2023-11-",
                                      "FINISH([",
                                      "\"resourceType\": \"",
                                      "## When to Use\n",
                                      "before the first query, ",
                                      "the most recent value within the last 24 hours ",
                                      "POST http://localhost:8080/fhir/",
                                      "check that the unit is ",
                                      "ServiceRequest",
                                      "MedicationRequest",
                                      "## Recommended Patterns\n",
                                      "- use the numeric value, not the string; ",
                                      "S6534835",
                                      "{\"coding\": [{\"system\": "};

struct fake {
    struct model m;
    struct {
        model_fn fn;
        void *arg;
        uint64_t n;
    } waiting[PER_TURN];
    size_t n;
    uint64_t made;
    struct buf text;
};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void make_text(struct buf *out, uint64_t n)
{
    uint64_t r = mix(n + 1);
    size_t want = n % 10 == 9 ? 2000 + r % 4000 : 60 + r % 240;
    buf_reset(out);
    while (out->len < want) {
        r = mix(r + 1);
        if (r & 1)
            buf_adds(out, phrases[(r >> 8) % (sizeof(phrases) / sizeof(*phrases))]);
        else
            buf_addf(out, "%llx ", (unsigned long long)(r >> 40));
    }
    buf_truncate(out, want);
}

static int fake_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    struct fake *f = (struct fake *)m;
    (void)rq;
    f->waiting[f->n].fn = fn;
    f->waiting[f->n].arg = arg;
    f->waiting[f->n++].n = f->made++;
    return 0;
}

static void fake_close(struct model *m)
{
    (void)m;
}

static void fake_answer(void *arg)
{
    struct fake *f = arg;
    for (size_t i = 0; i < f->n; i++) {
        make_text(&f->text, f->waiting[i].n);
        struct model_reply reply = {.text = f->text.ptr,
                                    .len = f->text.len,
                                    .usage = {4000 + f->waiting[i].n % 1000, 60, 3500},
                                    .latency_ns = 1234567890,
                                    .error = ""};
        f->waiting[i].fn(&reply, f->waiting[i].arg);
    }
    f->n = 0;
}

static void count(const struct model_reply *reply, void *arg)
{
    if (reply->result == MODEL_OK)
        ++*(uint64_t *)arg;
}

static double seconds(int64_t since)
{
    return (double)(clock_mono() - since) / (double)NS_PER_SEC;
}

static int64_t file_size(const char *dir)
{
    struct stat st;
    char *path = fs_join(dir, "data.mdb");
    int64_t size = stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
    free(path);
    return size;
}

/* Asks for calls [0, n), step apart so that lookups are in no order; returns how many were
 * answered. */
static uint64_t ask_all(struct loop *loop, struct model *m, struct fake *f, uint64_t n,
                        uint64_t step)
{
    char id[PER_TURN][32];
    struct message message[PER_TURN];
    struct chat chat[PER_TURN];
    uint64_t done = 0;
    for (uint64_t i = 0; i < n; i += PER_TURN) {
        for (uint64_t k = 0; k < PER_TURN && i + k < n; k++) {
            int len = snprintf(id[k], sizeof(id[k]), "call %llu",
                               (unsigned long long)((i + k) * step % n));
            message[k] = (struct message){CHAT_USER, id[k], (size_t)len};
            chat[k] = (struct chat){.v = &message[k], .n = 1, .cap = 1};
            struct model_request rq = {.chat = &chat[k], .phase = PHASE_ROLLOUT_DEV};
            if (model_ask(m, &rq, count, &done) < 0)
                exit(1);
        }
        if (f->n)
            loop_defer(loop, fake_answer, f);
        for (uint64_t want = i + PER_TURN < n ? i + PER_TURN : n; done < want;)
            if (loop_turn(loop, 0) < 0) {
                fprintf(stderr, "%s\n", err_msg());
                exit(1);
            }
    }
    return done;
}

static void run(uint64_t n, bool plain)
{
    static const struct model_ops ops = {fake_ask, fake_close};
    struct fake f = {.m = {.ops = &ops, .name = strdup("fake-model"), .label = strdup("fake")}};
    struct journal *j;
    struct loop *loop;
    struct model *m;
    struct journal_gc_report r;
    char *dir = fs_tempdir("grasp-bench");
    buf_init(&f.text);
    if (loop_open(&loop) < 0 || journal_open(&j, dir, 0) < 0 ||
        journal_model(&m, j, loop, &f.m) < 0) {
        fprintf(stderr, "%s\n", err_msg());
        exit(1);
    }
    j->codec.plain = plain;
    int64_t t = clock_mono();
    ask_all(loop, m, &f, n, 1);
    double append = seconds(t);
    t = clock_mono();
    journal_sync(j);
    double sync = seconds(t);
    model_close(m);
    journal_close(j);
    t = clock_mono();
    journal_open(&j, dir, JOURNAL_REPLAY_ONLY);
    double start = seconds(t);
    journal_model(&m, j, loop, &f.m);
    t = clock_mono();
    ask_all(loop, m, &f, n, 7919);
    double lookup = seconds(t);
    model_close(m);
    journal_close(j);
    double bytes = (double)file_size(dir) / (double)n;
    t = clock_mono();
    journal_gc(dir, 0, 0, &r);
    printf("%-12s %9llu %11.0f %11.0f %9.2f %9.2f %9.0f %9.0f %9.1f\n", plain ? "plain" : "zstd",
           (unsigned long long)n, (double)n / append, (double)n / lookup, start * 1e3, sync * 1e3,
           bytes, (double)r.bytes_after / (double)n, seconds(t));
    loop_close(loop);
    model_close(&f.m);
    buf_release(&f.text);
    fs_remove_tree(dir);
    free(dir);
}

int main(int argc, char **argv)
{
    int64_t n = 1000000;
    if (argc > 1 && !str_to_i64(argv[1], PER_TURN, 100000000, &n)) {
        fprintf(stderr, "usage: bench_journal [CALLS]\n");
        return 2;
    }
    if (n % 7919 == 0)
        n++; /* every call is looked up once */
    printf("%d calls are answered in a turn of the loop and appended together\n", PER_TURN);
    printf("%-12s %9s %11s %11s %9s %9s %9s %9s %9s\n", "answers are", "calls", "appends/s",
           "lookups/s", "start ms", "sync ms", "bytes/c.", "after gc", "gc s");
    run((uint64_t)n / 10 + 1, true); /* for comparison */
    run((uint64_t)n, false);
    return 0;
}
