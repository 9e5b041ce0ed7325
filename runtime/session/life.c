/* life.c - what a session is at, as a line and as a file. */
#include "runtime/session/life.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/base/text.h"
#include "runtime/model/waits.h"
#include "runtime/session/session.h"

#define TICK_NS  (200 * NS_PER_MS)
#define STILL_NS (10 * NS_PER_SEC) /* so long without an answer, and the line says why */

struct life {
    struct session *s;
    char where[96];
    struct eta eta;
    size_t steps;         /* that are left */
    size_t tests, others; /* rollouts behind them */
    bool rounds;
    int64_t began, moved;  /* moved: when an answer came last */
    int64_t stage_at;      /* when this stage began ... */
    size_t stage_ended;    /* ... and how many rollouts had ended */
    int64_t first_paid;    /* when the first call was made; 0: none yet */
    size_t ended_then;     /* rollouts that had ended by then */
    int64_t answers, paid; /* as of the last look; calls paid by the last step */
    char *path;
    int64_t written;
    bool failed;
    void (*more)(json_t *, void *);
    void *more_arg;
    int64_t (*clock)(void *);
    void *clock_arg;
};

static int64_t now_of(const struct life *l)
{
    return l->clock ? l->clock(l->clock_arg) : clock_mono();
}

/* ---- looking ---- */

static void tallied(const struct life *l, size_t *open, size_t *ended)
{
    size_t n;
    const struct engine_tally *t = engine_tallies(l->s->engine, &n);
    *open = *ended = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(t[i].what, TALLY_AHEAD) == 0)
            continue;
        *open += t[i].added - t[i].ended;
        *ended += t[i].ever;
    }
}

static int64_t calls_made(const struct life *l)
{
    struct account_counts c;
    accounts_counts(l->s->accounts, MODEL_PHASES, &c);
    return c.calls + c.failed;
}

/* Notes whether anything moved. */
static void look(struct life *l)
{
    struct journal_counts j = {0};
    size_t open, ended;
    int64_t now = now_of(l), calls = calls_made(l);
    tallied(l, &open, &ended);
    if (l->s->journal)
        journal_counts(l->s->journal, MODEL_PHASES, &j);
    int64_t answers = calls + j.replayed + j.joined + (int64_t)ended;
    if (answers != l->answers || !l->moved)
        l->moved = now;
    l->answers = answers;
    if (!l->first_paid &&
        (calls || (l->s->accounts && accounts_open(l->s->accounts, MODEL_PHASES)))) {
        l->first_paid = now;
        l->ended_then = ended;
    }
}

/* ---- how long still ---- */

void life_round(struct life *l, size_t steps, size_t all, size_t tests, size_t others)
{
    if (!l)
        return;
    eta_begin(&l->eta, steps, now_of(l));
    l->rounds = true;
    l->steps = all;
    l->tests = tests;
    l->others = others;
    l->paid = calls_made(l);
}

void life_step(struct life *l, size_t left)
{
    if (!l)
        return;
    int64_t calls = calls_made(l);
    eta_step(&l->eta, now_of(l), calls > l->paid);
    l->paid = calls;
    l->steps = left;
    int64_t ns = life_left(l);
    if (ns >= 0)
        log_debug("%s: %lld s left", l->where, (long long)(ns / NS_PER_SEC));
}

/* Of rollouts that nothing waits between: as many at once as the engine takes. */
static int64_t rollouts_time(const struct life *l, size_t n)
{
    int64_t mean = engine_mean(l->s->engine), at_once = l->s->config->cycle.batch_concurrency;
    int64_t waves = at_once > 0 ? ((int64_t)n + at_once - 1) / at_once : (int64_t)n;
    int64_t even = at_once > 0 ? mean * (int64_t)n / at_once : 0;
    return n ? (even > mean ? even : waves * mean) : 0;
}

int64_t life_left(const struct life *l)
{
    size_t open, ended, n, tests = l->tests, others = 0;
    int64_t now = now_of(l);
    tallied(l, &open, &ended);
    if (l->rounds) {
        const struct engine_tally *t = engine_tallies(l->s->engine, &n);
        for (size_t i = 0; i < n; i++)
            if (strcmp(t[i].what, "tests") == 0)
                tests -= t[i].ever < tests ? t[i].ever : tests;
            else if (strcmp(t[i].what, TALLY_AHEAD) != 0)
                others += t[i].added - t[i].ended;
        int64_t steps = eta_left(&l->eta, now, l->steps);
        int64_t rest = rollouts_time(l, tests + (l->steps ? l->others : others));
        if (l->steps == 0 && ended > l->stage_ended + 16) /* by what it does now */
            rest =
                (now - l->stage_at) / (int64_t)(ended - l->stage_ended) * (int64_t)(tests + others);
        return steps < 0 ? -1 : steps + rest;
    }
    if (!open || !l->first_paid || ended <= l->ended_then)
        return -1;
    return (now - l->first_paid) / (int64_t)(ended - l->ended_then) * (int64_t)open;
}

/* ---- saying ---- */

/* "the writer proposes (3 calls open)" */
static void writer_words(const struct life *l, char *out, size_t size)
{
    static const char *const does[MODEL_PHASES] = {[PHASE_CLASSIFY] = "classifies failures",
                                                   [PHASE_DIAGNOSE] = "diagnoses failures",
                                                   [PHASE_PROPOSE] = "proposes edits",
                                                   [PHASE_REVISE] = "narrows an edit",
                                                   [PHASE_OTHER] = "chooses"};
    *out = '\0';
    for (int i = 0; i < MODEL_PHASES; i++) {
        long long open = (long long)accounts_open(l->s->accounts, (enum model_phase)i);
        if (!open || !does[i])
            continue;
        snprintf(out, size, open > 1 ? "the writer %s (%lld calls open)" : "the writer %s", does[i],
                 open);
    }
}

static void waits(const struct life *l, struct buf *out)
{
    for (int i = 0; i < 2; i++) {
        const struct model *m = l->s->backend[i];
        json_t *state = m && m->state ? m->state(m) : NULL;
        size_t before = out->len;
        if (out->len)
            buf_adds(out, "; ");
        size_t start = out->len;
        waits_words(state, clock_wall(), out);
        if (out->len == start)
            buf_truncate(out, before);
        json_decref(state);
    }
}

/* Fills in the parts; texts go to `also` and `why`, which outlive it. */
static void gather(struct life *l, struct progress *p, char also[96], struct buf *why)
{
    struct spending spent = {0};
    size_t n;
    const struct engine_tally *t = engine_tallies(l->s->engine, &n);
    *p = (struct progress){.where = *l->where ? l->where : NULL, .left_ns = life_left(l)};
    for (size_t k = 0; k < 2 * n && p->n < PROGRESS_PARTS; k++) {
        size_t i = k % n; /* what is waited for, then what is measured beside it */
        if (t[i].added > t[i].ended && strcmp(t[i].what, TALLY_AHEAD) != 0 &&
            (strcmp(t[i].what, "val") == 0) == (k >= n))
            p->part[p->n++] = (struct progress_part){.what = t[i].what,
                                                     .done = t[i].ended,
                                                     .total = t[i].added,
                                                     .scored = t[i].scored,
                                                     .passed = t[i].passed};
    }
    writer_words(l, also, 96);
    p->also = *also ? also : NULL;
    accounts_spent(l->s->accounts, &spent);
    p->calls = spent.calls;
    p->usd = spent.usd;
    if (now_of(l) - l->moved >= STILL_NS) {
        waits(l, why);
        if (!why->len)
            buf_adds(why, p->n || *also ? "an answer" : "");
        p->waits = why->len ? why->ptr : NULL;
    }
}

static const char *host_name(char out[128])
{
    if (gethostname(out, 127) < 0)
        *out = '\0';
    out[127] = '\0';
    return out;
}

json_t *life_json(struct life *l)
{
    static const char *const roles[] = {"executor", "writer"};
    char also[96], host[128], when[CLOCK_TEXT], began[CLOCK_TEXT];
    struct buf why = BUF_INIT;
    struct progress p;
    struct spending spent = {0};
    json_t *parts = json_array(), *endpoints = json_object();
    look(l);
    gather(l, &p, also, &why);
    accounts_spent(l->s->accounts, &spent);
    for (size_t i = 0; i < p.n; i++)
        json_array_append_new(parts, json_pack("{s:s, s:I, s:I, s:I, s:I}", "what", p.part[i].what,
                                               "done", (json_int_t)p.part[i].done, "total",
                                               (json_int_t)p.part[i].total, "scored",
                                               (json_int_t)p.part[i].scored, "passed",
                                               (json_int_t)p.part[i].passed));
    for (int i = 0; i < 2; i++) {
        const struct model *m = l->s->backend[i];
        json_t *state = m && m->state ? m->state(m) : NULL;
        if (state) {
            const struct model_health *h = &m->health;
            json_object_set_new(state, "model", json_string(m->name));
            json_object_set_new(state, "health",
                                json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "requests",
                                          (json_int_t)h->attempts, "retries",
                                          (json_int_t)h->retries, "limited", (json_int_t)h->limited,
                                          "server_errors", (json_int_t)h->server_errors, "cut",
                                          (json_int_t)h->cut, "timeouts", (json_int_t)h->timeouts,
                                          "outages", (json_int_t)h->outages));
            json_object_set_new(endpoints, roles[i], state);
        }
    }
    clock_format(clock_wall(), 0, when);
    clock_format(clock_wall() - (clock_mono() - l->began), 0, began);
    json_t *v =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:s?, s:s?, s:I, s:I, s:f, s:f, s:o}", "pid",
                  (int)getpid(), "host", host_name(host), "began", began, "when", when, "where",
                  l->where, "parts", parts, "also", p.also, "waits", p.waits, "calls",
                  (json_int_t)spent.calls, "tokens", (json_int_t)spent.tokens, "usd", spent.usd,
                  "left", p.left_ns < 0 ? -1.0 : (double)p.left_ns / 1e9, "endpoints", endpoints);
    buf_release(&why);
    return v;
}

/* ---- the file ---- */

int life_keep(struct life *l, const char *path, void (*more)(json_t *, void *), void *arg)
{
    if (!l)
        return 0;
    free(l->path);
    l->path = str_dup(path);
    l->more = more;
    l->more_arg = arg;
    l->written = clock_mono();
    return l->path ? 0 : err_oom();
}

void life_forget(struct life *l)
{
    if (!l || !l->path)
        return;
    unlink(l->path);
    free(l->path);
    l->path = NULL;
    l->more = NULL;
}

static void write_file(struct life *l)
{
    int code = err_code(); /* of what is under way: it is not lost for this */
    char *message = code ? str_dup(err_msg()) : NULL;
    json_t *v = life_json(l);
    if (v && l->more)
        l->more(v, l->more_arg);
    char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
    struct fs_out o;
    int rc = text ? fs_out_open(&o, l->path) : err_oom();
    if (rc == 0) {
        log_redact_data(text, strlen(text));
        o.flushed = true; /* who looks on after a power failure is told what the run's files say */
        rc = fs_out_close(&o, fs_out_add(&o, text, strlen(text)));
    }
    if (rc < 0 && !l->failed) {
        l->failed = true;
        log_warn("%s: grasp watch will not see what the run is at", err_msg());
    }
    if (rc < 0 && message)
        err_set(code, "%s", message);
    else if (rc < 0)
        err_clear();
    free(message);
    free(text);
    json_decref(v);
}

/* ---- life ---- */

static void tick(void *arg)
{
    struct life *l = arg;
    int64_t now = clock_mono();
    char also[96];
    struct buf why = BUF_INIT;
    struct progress p;
    look(l);
    if (progress_wanted(now) && now - l->began >= NS_PER_SEC) {
        gather(l, &p, also, &why);
        if (p.n || p.also)
            progress_show(&p);
        buf_release(&why);
    }
    if (l->path && now - l->written >= NS_PER_SEC) {
        write_file(l);
        l->written = now;
    }
}

int life_open(struct life **out, struct session *s)
{
    struct life *l = *out = calloc(1, sizeof(*l));
    if (!l)
        return err_oom();
    l->s = s;
    l->began = clock_mono();
    loop_tick(s->loop, TICK_NS, tick, l);
    return 0;
}

void life_close(struct life *l)
{
    if (!l)
        return;
    loop_tick(l->s->loop, 0, NULL, NULL);
    progress_clear();
    free(l->path);
    free(l);
}

void life_where(struct life *l, const char *fmt, ...)
{
    va_list ap;
    if (!l)
        return;
    va_start(ap, fmt);
    vsnprintf(l->where, sizeof(l->where), fmt, ap);
    va_end(ap);
    engine_stage(l->s->engine);
    size_t open;
    tallied(l, &open, &l->stage_ended);
    l->stage_at = now_of(l);
}

void life_clock(struct life *l, int64_t (*now)(void *), void *arg)
{
    l->clock = now;
    l->clock_arg = arg;
    engine_clock(l->s->engine, now, arg);
}
