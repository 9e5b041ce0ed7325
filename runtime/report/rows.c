/* rows.c - scores, updates, probes and calls as flat rows. The tables of columns are what is written,
 * in this order, and what is told of it. */
#include "runtime/report/rows.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/hash.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/history.h"
#include "runtime/history/seen.h"
#include "runtime/history/words.h"
#include "runtime/journal/journal.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

const char *const rows_names[] = {"scores", "updates", "probes", "calls", NULL};
const char *const rows_formats[] = {"csv", "jsonl", NULL};

struct column {
    const char *name, *what;
};
/* Of every row. */
static const struct column common[] = {{"run", "the run's id"},
                                       {"dir", "its directory, as it was named"},
                                       {"method", "grasp, or another"},
                                       {"seed", "cycle.seed"},
                                       {"benchmark", "benchmark.version"},
                                       {"executor", "the model that acts"}};
static const struct column scores[] = {
    {"split", "val, dev, id_test or test"},
    {"checkpoint", "baseline (without skills), epoch, or best (the library that was kept)"},
    {"epoch", "of an epoch: its number, from 0"},
    {"family", "of tasks; empty: all of them"},
    {"score", "share of right ones; of dev as they were met"},
    {"correct", "how many were right"},
    {"total", "of how many that could be scored"},
    {"unscored", "how many could not be measured"},
    {"low", "lower end of the 95 % interval (Wilson)"},
    {"high", "upper end"},
    {NULL, NULL}};
static const struct column updates[] = {
    {"epoch", "from 0"},
    {"update", "of the epoch, from 0"},
    {"proposal", "number of the writer's call"},
    {"revision", "1: narrowed after it had been measured"},
    {"action", "ADD, MODIFY, REMOVE, or two of them with +"},
    {"skill", "the skill's name, or two with +"},
    {"label", "the mechanism of failure that it is about"},
    {"accepted", "1: it is in the library"},
    {"fate", "accepted, beaten, score, regressions, not confirmed, unmeasured"},
    {"why", "the same in words"},
    {"stopped", "1: not all of its probes were measured"},
    {"score", "what it gained on the probes"},
    {"fixes", "failing probes that pass with it"},
    {"base_fixes", "of those, as many pass without it"},
    {"regressions", "passing probes that fail with it"},
    {"base_regressions", "of those, as many fail without it"},
    {"invalid", "of its regressions, by an action that is none"},
    {"failing", "scored probes that failed when they were drawn"},
    {"passing", "scored probes that passed"},
    {"unscored", "probes that could not be measured"},
    {"chars_before", "characters of the skills in the executor's prompt"},
    {"chars_after", "the same with the edit"},
    {"commit", "in the library"},
    {"parent", "the commit that it was measured against"},
    {NULL, NULL}};
static const struct column probes[] = {
    {"epoch", "from 0"},
    {"update", "of the epoch, from 0"},
    {"proposal", "number of the writer's call"},
    {"commit", "of the candidate"},
    {"set", "first, or second where a winner was confirmed"},
    {"task", "the probe"},
    {"side", "failing or passing when it was drawn"},
    {"before", "outcome without the edit: pass, fail, invalid, error, pending, unscored"},
    {"after", "outcome with it"},
    {"effect", "fixed, broke, none, unknown"},
    {"again_before", "of the redraws without the edit, how many passed"},
    {"again_before_n", "how many redraws"},
    {"again_after", "of those with it, how many passed"},
    {"again_after_n", "how many"},
    {"reason_before", "first reason of the verdict without the edit"},
    {"reason_after", "with it"},
    {NULL, NULL}};
static const struct column calls[] = {
    {"key", "first 16 digits of the request's hash (grasp journal show)"},
    {"phase", "rollout_dev, classify, ..."},
    {"model", "as the endpoint was asked"},
    {"draw", "number of the sample"},
    {"when", "UTC, with milliseconds"},
    {"seconds", "until the answer was there"},
    {"prompt_tokens", "as the endpoint counts; -1: it does not say"},
    {"completion_tokens", "likewise"},
    {"cached_tokens", "of the prompt's, those from the endpoint's cache"},
    {"prompt_bytes", "of the request's messages"},
    {"answer_bytes", "of the reply"},
    {"result", "ok, or context_limit"},
    {NULL, NULL}};
static const struct column *const tables[ROWS_KINDS] = {scores, updates, probes, calls};
#define N_COMMON (sizeof(common) / sizeof(*common))

/* ---- writing ---- */

static void csv_value(struct buf *b, const json_t *v)
{
    if (json_is_string(v))
        buf_add_csv(b, json_string_value(v));
    else if (json_is_boolean(v))
        buf_addch(b, json_is_true(v) ? '1' : '0');
    else if (json_is_integer(v))
        buf_addf(b, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        buf_addf(b, "%.9g", json_real_value(v));
}

static const struct column *column_at(enum rows kind, size_t i)
{
    return i < N_COMMON ? &common[i] : &tables[kind][i - N_COMMON];
}

void rows_head(enum rows kind, enum rows_format format, struct buf *out)
{
    for (size_t i = 0; format == ROWS_CSV && column_at(kind, i)->name; i++)
        buf_addf(out, "%s%s", i ? "," : "", column_at(kind, i)->name);
    if (format == ROWS_CSV)
        buf_addch(out, '\n');
}

struct sink {
    enum rows kind;
    enum rows_format format;
    json_t *common;
    const struct run *run;
    struct buf *out;
};

/* Takes the reference of `row`. Every column is there, null where it says nothing. */
static void put(struct sink *s, json_t *row)
{
    json_t *whole = json_object();
    for (size_t i = 0; whole && column_at(s->kind, i)->name; i++) {
        const char *name = column_at(s->kind, i)->name;
        json_t *v = json_object_get(i < N_COMMON ? s->common : row, name);
        if (s->format == ROWS_JSONL) {
            json_object_set(whole, name, v ? v : json_null());
            continue;
        }
        if (i)
            buf_addch(s->out, ',');
        csv_value(s->out, v);
    }
    if (s->format == ROWS_JSONL)
        buf_add_json_value(s->out, whole);
    buf_addch(s->out, '\n');
    s->out->failed |= !row || !whole;
    json_decref(whole);
    json_decref(row);
}

/* ---- scores ---- */

static void put_score(struct sink *s, const char *split, const char *checkpoint,
                      const json_t *epoch, const char *family, const json_t *v)
{
    double low, high;
    json_t *row =
        json_pack("{s:s, s:s, s:O*, s:s, s:O*, s:O*, s:O*, s:O*}", "split", split, "checkpoint",
                  checkpoint, "epoch", epoch, "family", family, "score",
                  json_object_get(v, "score"), "correct", json_object_get(v, "n_correct"), "total",
                  json_object_get(v, "n_total"), "unscored", json_object_get(v, "unscored"));
    if (row && score_interval(v, &low, &high)) {
        json_object_set_new(row, "low", json_real(low));
        json_object_set_new(row, "high", json_real(high));
    }
    put(s, row);
}

static void put_families(struct sink *s, const char *split, const char *checkpoint,
                         const json_t *epoch, const json_t *v)
{
    const char *family;
    json_t *f;
    put_score(s, split, checkpoint, epoch, "", v);
    json_object_foreach (json_object_get(v, "by_family"), family, f) {
        put_score(s, split, checkpoint, epoch, family, f);
    }
}

static void put_scores(struct sink *s)
{
    const char *split;
    size_t i;
    json_t *v;
    json_array_foreach (s->run->vals, i, v) {
        const json_t *epoch = json_object_get(v, "epoch");
        char name[64] = "epoch_baseline/val_score.json";
        bool is = json_is_integer(epoch);
        if (is)
            snprintf(name, sizeof(name), "epoch_%lld/val_score.json",
                     (long long)json_integer_value(epoch));
        json_t *whole = run_json(s->run, name);
        put_families(s, "val", is ? "epoch" : "baseline", is ? epoch : NULL, whole ? whole : v);
        json_decref(whole);
        if (json_is_number(json_object_get(v, "dev_score"))) {
            json_t *dev = json_pack("{s:O}", "score", json_object_get(v, "dev_score"));
            put_score(s, "dev", "epoch", epoch, "", dev);
            json_decref(dev);
        }
    }
    json_object_foreach (s->run->tests, split, v) {
        if (!json_object_get(v, "best")) /* as the reference implementation names it */
            continue;
        put_families(s, split, "baseline", NULL, json_object_get(v, "baseline"));
        put_families(s, split, "best", NULL, json_object_get(v, "best"));
    }
}

/* ---- updates and probes ---- */

/* "REMOVE + ADD" of a pair; of another method's memory nothing. */
static json_t *of_edits(const json_t *edit, const char *key)
{
    struct buf b = BUF_INIT;
    size_t i;
    json_t *e;
    if (json_is_object(edit))
        return json_incref(json_object_get(edit, key));
    if (!json_is_array(edit))
        return NULL;
    json_array_foreach ((json_t *)edit, i, e) {
        buf_addf(&b, "%s%s", i ? " + " : "", json_str_at(e, key, ""));
    }
    json_t *v = json_text(b.ptr, b.len);
    buf_release(&b);
    return v;
}

static void put_update(struct sink *s, const json_t *all, const json_t *v)
{
    static const char *const same[] = {"epoch", "update", "proposal", "label",
                                       "fate",  "commit", "parent"};
    static const char *const of_score[] = {
        "score",   "fixes",   "base_fixes", "regressions", "base_regressions",
        "failing", "passing", "unscored"};
    struct ruling ruling;
    struct buf why = BUF_INIT;
    json_t *row = json_object();
    int won;
    ruling_read(&ruling, v);
    if (update_winner(all, json_int_at(v, "update", -1), &won))
        ruling.winner = &won;
    ruling_words(&ruling, &why);
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        if (json_object_get(v, same[i]))
            json_object_set(row, same[i], json_object_get(v, same[i]));
    for (size_t i = 0; i < sizeof(of_score) / sizeof(*of_score); i++)
        if (json_object_get(json_object_get(v, "score"), of_score[i]))
            json_object_set(row, of_score[i],
                            json_object_get(json_object_get(v, "score"), of_score[i]));
    if (ruling.measured) {
        json_object_set_new(row, "invalid", json_integer(ruling.score.invalid));
        json_object_set_new(row, "stopped", json_boolean(ruling.early));
    }
    json_object_set_new(row, "revision", json_boolean(json_bool_at(v, "revision", false)));
    json_object_set_new(row, "accepted", json_boolean(ruling_accepted(&ruling)));
    json_object_set_new(row, "why", json_text(why.ptr, why.len));
    json_object_set_new(row, "action", of_edits(json_object_get(v, "edit"), "action"));
    json_object_set_new(row, "skill", of_edits(json_object_get(v, "edit"), "name"));
    if (json_object_get(v, "chars")) {
        json_object_set(row, "chars_before", json_at(v, "chars.before"));
        json_object_set(row, "chars_after", json_at(v, "chars.after"));
    }
    put(s, row);
    buf_release(&why);
}

static void add_again(json_t *row, const char *key, const char *key_n, const json_t *again)
{
    size_t i, passed = 0;
    json_t *o;
    if (!json_is_array(again))
        return;
    json_array_foreach ((json_t *)again, i, o) {
        passed += str_same(json_string_value(o), "pass");
    }
    json_object_set_new(row, key, json_integer((json_int_t)passed));
    json_object_set_new(row, key_n, json_integer((json_int_t)json_array_size(again)));
}

static void put_set(struct sink *s, const json_t *v, const json_t *rows, const char *set)
{
    size_t i;
    json_t *p;
    json_array_foreach ((json_t *)rows, i, p) {
        const json_t *seen =
            strcmp(set, "first") == 0 ? seen_find(v, json_str_at(p, "id", "")) : NULL;
        enum effect e = probe_effect(p);
        json_t *row = json_pack(
            "{s:O*, s:O*, s:O*, s:O*, s:s, s:O*, s:O*, s:O*, s:O*, s:s, s:O*, s:O*}", "epoch",
            json_object_get(v, "epoch"), "update", json_object_get(v, "update"), "proposal",
            json_object_get(v, "proposal"), "commit", json_object_get(v, "commit"), "set", set,
            "task", json_object_get(p, "id"), "side", json_object_get(p, "side"), "before",
            json_object_get(p, "base"), "after", json_object_get(p, "cand"), "effect",
            e == EFFECT_NONE      ? "none"
            : e == EFFECT_UNKNOWN ? "unknown"
                                  : effect_name(e),
            "reason_before", json_at(seen, "before.reasons[0]"), "reason_after",
            json_at(seen, "after.reasons[0]"));
        add_again(row, "again_before", "again_before_n", json_object_get(p, "base_again"));
        add_again(row, "again_after", "again_after_n", json_object_get(p, "cand_again"));
        put(s, row);
    }
}

static void put_candidates(struct sink *s)
{
    for (size_t e = 0; e < s->run->epochs; e++) {
        size_t i;
        json_t *v;
        json_array_foreach (s->run->epoch[e].updates, i, v) {
            if (s->kind == ROWS_UPDATES) {
                put_update(s, s->run->epoch[e].updates, v);
                continue;
            }
            put_set(s, v, json_object_get(v, "probes"), "first");
            put_set(s, v, json_at(v, "confirm.probes"), "second");
        }
    }
}

/* ---- calls ---- */

static int put_call(const struct journal_entry *e, void *arg)
{
    char hex[HASH_HEX], when[CLOCK_TEXT];
    hash_hex(e->key, hex);
    clock_format(e->when, 1, when);
    put(arg,
        json_pack("{s:o, s:s, s:s, s:I, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:s}", "key",
                  json_stringn(hex, 16), "phase", model_phase_name(e->phase), "model", e->model,
                  "draw", (json_int_t)e->draw, "when", when, "seconds", (double)e->latency_ns / 1e9,
                  "prompt_tokens", (json_int_t)e->usage.prompt_tokens, "completion_tokens",
                  (json_int_t)e->usage.completion_tokens, "cached_tokens",
                  (json_int_t)e->usage.cached_tokens, "prompt_bytes", (json_int_t)e->request_len,
                  "answer_bytes", (json_int_t)e->len, "result",
                  e->result == MODEL_OK ? "ok" : "context_limit"));
    return 0;
}

static int put_calls(struct sink *s, const char *given)
{
    struct journal *j = NULL;
    char *dir = given ? str_dup(given) : fs_join(s->run->dir, "journal");
    int rc = dir ? journal_open(&j, dir, JOURNAL_READ_ONLY) : err_oom();
    if (rc == GRASP_ENOTFOUND && !given)
        rc = err_set(rc, "%s is not there: where the run kept its calls, --journal says", dir);
    if (rc == 0)
        rc = journal_walk(j, put_call, s);
    if (j)
        journal_close(j);
    free(dir);
    return rc;
}

/* ---- the whole ---- */

int rows_of(const char *dir, enum rows kind, enum rows_format format, const char *journal,
            struct buf *out)
{
    struct run r;
    struct sink s = {.kind = kind, .format = format, .run = &r, .out = out};
    int rc = run_read(&r, dir, NULL);
    if (rc == 0) {
        s.common = json_pack(
            "{s:s, s:s, s:s, s:I, s:s, s:s}", "run", r.name, "dir", dir, "method",
            json_str_at(r.config, "method.name", json_str_at(r.summary, "method", "grasp")), "seed",
            (json_int_t)json_int_at(r.config, "cycle.seed", 1), "benchmark",
            json_str_at(r.config, "benchmark.version", ""), "executor",
            json_str_at(r.summary, "executor", json_str_at(r.config, "model.name", "")));
        if (kind == ROWS_SCORES)
            put_scores(&s);
        else if (kind == ROWS_CALLS)
            rc = put_calls(&s, journal);
        else
            put_candidates(&s);
        json_decref(s.common);
    }
    run_release(&r);
    return rc < 0 ? rc : buf_check(out);
}

void rows_columns(struct buf *out)
{
    buf_adds(out, "every row\n");
    for (size_t i = 0; i < N_COMMON; i++)
        buf_addf(out, "  %-18s %s\n", common[i].name, common[i].what);
    for (size_t k = 0; k < ROWS_KINDS; k++) {
        buf_addf(out, "%s\n", rows_names[k]);
        for (const struct column *c = tables[k]; c->name; c++)
            buf_addf(out, "  %-18s %s\n", c->name, c->what);
    }
}
