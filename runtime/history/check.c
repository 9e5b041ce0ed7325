/* check.c - whether commits and their evidence say the same; pure. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/history/decision.h"
#include "runtime/history/history.h"
#include "runtime/history/verify.h"

void findings_release(struct findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->v[i].what);
    free(f->v);
    *f = (struct findings){0};
}

void finding_add(struct findings *f, const struct oid *commit, bool problem, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;
    if (f->n == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 16;
        struct finding *v = reallocarray(f->v, cap, sizeof(*v));
        if (!v) {
            f->failed = true;
            return;
        }
        f->v = v;
        f->cap = cap;
    }
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    f->failed = f->failed || text.failed;
    f->v[f->n++] =
        (struct finding){commit ? *commit : (struct oid){""}, problem, buf_detach(&text)};
    f->problems += problem;
}

#define BAD(s, ...) finding_add(f, &(s)->info.commit, true, __VA_ARGS__)

/* ---- trailers against the note ---- */

/* What a trailer can hold of a value: one line of at most 95 bytes, without blanks at its end. */
static void as_trailer(const char *value, struct buf *out)
{
    enum { MOST = 95 };
    for (size_t i = 0; i < MOST && value[i]; i++)
        buf_addch(out, (unsigned char)value[i] < ' ' ? ' ' : value[i]);
    while (out->len && out->ptr[out->len - 1] == ' ')
        buf_truncate(out, out->len - 1);
}

static void same(const struct step *s, const char *key, const char *want, struct findings *f)
{
    const char *says = library_trailer(&s->info, key);
    struct buf text = BUF_INIT;
    as_trailer(want, &text);
    if (!says)
        BAD(s, "it has no trailer %s; its evidence says '%s'", key, text.ptr);
    else if (strcmp(says, text.ptr) != 0)
        BAD(s, "its trailer %s says '%s', its evidence '%s'", key, says, text.ptr);
    buf_release(&text);
}

__attribute__((format(printf, 4, 5))) static void same_f(const struct step *s, const char *key,
                                                         struct findings *f, const char *fmt, ...)
{
    char text[96];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    same(s, key, text, f);
}

static void check_doubled(const struct step *s, struct findings *f)
{
    const struct strlist *keys = &s->info.keys;
    for (size_t i = 0; i < keys->n; i++)
        for (size_t k = 0; k < i; k++)
            if (str_caseeq(keys->v[i], keys->v[k])) {
                BAD(s, "it has the trailer %s twice", keys->v[i]);
                return;
            }
}

static void check_trailers(const struct step *s, const json_t *v, const struct gate_score *g,
                           struct findings *f)
{
    static const struct {
        const char *trailer, *key;
    } texts[] = {
        {"Run", "run"}, {"Writer-Model", "writer_model"}, {"Executor-Model", "executor_model"}};
    const char *stop = json_str_at(v, "stop", "");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        same(s, texts[i].trailer, json_str_at(v, texts[i].key, ""), f);
    same_f(s, "Epoch", f, "%lld", (long long)json_int_at(v, "epoch", -1));
    same_f(s, "Update", f, "%lld", (long long)json_int_at(v, "update", -1));
    same_f(s, "Gate-Score", f, "%d", g->score);
    same_f(s, "Gate-Fixes", f, "%d/%d", g->fixes, g->failing);
    same_f(s, "Gate-Regressions", f, "%d/%d", g->regressions, g->passing);
    same_f(s, "Gate-Baseline", f, "%d %s, %d %s", g->base_fixes,
           plural(g->base_fixes, "fix", "fixes"), g->base_regressions,
           plural(g->base_regressions, "regression", "regressions"));
    if (strcmp(stop, gate_stop_name(GATE_FINISHED)) != 0)
        same(s, "Gate-Stopped", stop, f);
    else if (library_trailer(&s->info, "Gate-Stopped"))
        BAD(s, "its trailer Gate-Stopped says it stopped early, its evidence that it did not");
}

/* The subject says the edit, and the score of one that was measured in full. */
static void check_subject(const struct step *s, const json_t *v, const struct gate_score *g,
                          struct findings *f)
{
    struct proposal p;
    struct buf want = BUF_INIT, before = BUF_INIT;
    if (proposal_from_json(&p, json_object_get(v, "edit")) < 0) {
        BAD(s, "the edit in its evidence is none: %s", err_msg());
        return;
    }
    proposal_describe(&p, &want);
    proposal_release(&p);
    bool whole = strcmp(json_str_at(v, "stop", ""), gate_stop_name(GATE_FINISHED)) == 0;
    if (whole) {
        buf_addf(&before, "%s: %+d (%d %s, %d %s)", want.ptr, g->score, g->fixes,
                 plural(g->fixes, "fix", "fixes"), g->regressions,
                 plural(g->regressions, "regression", "regressions"));
        buf_addf(&want, ": %+d (", g->score);
        decision_counts(g, &want);
        buf_addch(&want, ')');
    } else {
        buf_adds(&want, ": stopped after ");
    }
    if (whole ? strcmp(s->info.subject, want.ptr) != 0 &&
                    strcmp(s->info.subject, before.ptr) != 0 /* as libraries of before have it */
              : !str_starts(s->info.subject, want.ptr))
        BAD(s, "its subject should be '%s' by its evidence", want.ptr);
    buf_release(&want);
    buf_release(&before);
}

/* ---- the rule ---- */

static bool covered(const json_t *v, const struct gate_score *g)
{
    return gate_enough((size_t)g->unscored, json_array_size(json_object_get(v, "probes")),
                       json_num_at(v, "rules.coverage_floor", 0.9));
}

static void check_confirm(const struct step *s, const json_t *confirm, bool passed,
                          struct findings *f)
{
    struct gate_score g = {0};
    if (!confirm)
        return;
    if (gate_evidence_check(confirm, &g) < 0) {
        BAD(s, "second probe set: %s", err_msg());
        return;
    }
    bool eligible = g.eligible && g.pending == 0;
    if (eligible != passed)
        BAD(s, passed ? "it did not hold on the second probe set, and is here all the same"
                      : "it held on the second probe set, and is refused all the same");
}

static const char *fate_by_rule(const json_t *v, const struct gate_score *g)
{
    const char *stop = json_str_at(v, "stop", "");
    if (strcmp(stop, gate_stop_name(GATE_FINISHED)) != 0)
        return stop;
    return g->eligible ? "beaten" : g->gains ? "regressions" : "score";
}

static void check_fate(const struct step *s, const json_t *v, bool accepted,
                       const struct gate_score *g, struct findings *f)
{
    const char *fate = json_str_at(v, "fate", "");
    const json_t *confirm = json_object_get(v, "confirm");
    bool whole = strcmp(json_str_at(v, "stop", ""), gate_stop_name(GATE_FINISHED)) == 0;
    if (accepted) {
        if (strcmp(fate, "accepted") != 0)
            BAD(s, "it is in the library, but its evidence says it was refused (%s)", fate);
        if (!whole || g->pending > 0)
            BAD(s, "it is in the library without having been measured in full");
        else if (!g->eligible)
            BAD(s, "the rule does not let it in: score %+d, %d regressions of the baseline's %d",
                g->score, g->regressions, g->base_regressions);
        if (!covered(v, g))
            BAD(s, "%d of its probes could not be scored: too few for a decision", g->unscored);
        check_confirm(s, confirm, true, f);
    } else if (strcmp(fate, "accepted") == 0) {
        BAD(s, "it is kept as refused, but its evidence says it was accepted");
    } else if (strcmp(fate, "not confirmed") == 0) {
        if (!confirm)
            BAD(s, "it is refused as not confirmed, without a second probe set");
        if (!whole || !g->eligible)
            BAD(s, "it is refused as not confirmed, but was not eligible in the first place");
        check_confirm(s, confirm, false, f);
    } else if (strcmp(fate, fate_by_rule(v, g)) != 0) {
        BAD(s, "its evidence says it was refused for '%s'; its probes say '%s'", fate,
            fate_by_rule(v, g));
    }
}

/* Ablations and a budget are no lie, but whoever reads "accepted" should know. */
static void remark_rule(const struct step *s, const json_t *v, struct findings *f)
{
    int64_t budget = json_int_at(v, "rules.regression_budget", 0);
    if (json_bool_at(v, "rules.fixes_only_scoring", false))
        finding_add(f, &s->info.commit, false, "let in by its fixes alone (fixes_only_scoring)");
    else if (!json_bool_at(v, "rules.regression_gate", true))
        finding_add(f, &s->info.commit, false, "let in without the regression rule");
    else if (budget > 0)
        finding_add(f, &s->info.commit, false, "let in with a regression budget of %lld",
                    (long long)budget);
}

/* The first ten tasks that the edit repaired. */
static void check_tasks(const struct step *s, const json_t *v, struct findings *f)
{
    json_t *want = json_array(), *row;
    size_t i;
    json_array_foreach (json_object_get(v, "probes"), i, row) {
        if (json_array_size(want) < 10 && strcmp(json_str_at(row, "side", ""), "failing") == 0 &&
            strcmp(json_str_at(row, "cand", ""), "pass") == 0)
            json_array_append(want, json_object_get(row, "id"));
    }
    if (!json_equal(want, json_object_get(v, "triggering_tasks")))
        BAD(s, "the triggering tasks of its evidence are not those that its probes show");
    json_decref(want);
}

/* No task twice: each counts once. */
static void check_rows(const struct step *s, const json_t *v, struct findings *f)
{
    json_t *seen = json_object(), *row;
    size_t i;
    json_array_foreach (json_object_get(v, "probes"), i, row) {
        const char *id = json_str_at(row, "id", "");
        if (json_object_get(seen, id)) {
            BAD(s, "its evidence has the probe '%s' twice", id);
            break;
        }
        json_object_set_new(seen, id, json_true());
    }
    json_decref(seen);
}

void check_claims(const struct step *s, const json_t *v, bool accepted, struct findings *f,
                  struct gate_score *score)
{
    struct gate_score g = {0};
    int rc = gate_evidence_check(v, &g);
    if (rc < 0)
        BAD(s, "%s", err_msg());
    *score = g;
    if (rc == GRASP_EPARSE)
        return;
    if (strcmp(json_str_at(v, "parent", ""), s->info.parent.hex) != 0)
        BAD(s, "its evidence was measured against %.10s, its parent is %.10s",
            json_str_at(v, "parent", "?"), s->info.parent.hex);
    if (strcmp(json_str_at(v, "tree", ""), s->info.tree.hex) != 0)
        BAD(s, "its evidence was measured for the tree %.10s, its own is %.10s",
            json_str_at(v, "tree", "?"), s->info.tree.hex);
    check_doubled(s, f);
    check_trailers(s, v, &g, f);
    check_subject(s, v, &g, f);
    check_rows(s, v, f);
    check_tasks(s, v, f);
    check_fate(s, v, accepted, &g, f);
    if (accepted)
        remark_rule(s, v, f);
}

void check_probe_text(const struct step *s, const json_t *v, const char *text, size_t len,
                      struct findings *f)
{
    struct buf want = BUF_INIT;
    json_t *row;
    size_t i;
    json_array_foreach (json_object_get(v, "probes"), i, row) {
        buf_addf(&want, "%s %s\n", json_str_at(row, "side", ""), json_str_at(row, "id", ""));
    }
    if (want.len != len || memcmp(want.ptr, text, len) != 0)
        BAD(s, "the probes of its evidence are not those of its Probe-Set");
    buf_release(&want);
}

/* ---- one update ---- */

/* What all candidates of an update were measured against. New reference. */
static json_t *common(const json_t *v)
{
    json_t *rows = json_array(), *row;
    size_t i;
    json_array_foreach (json_object_get(v, "probes"), i, row) {
        json_array_append_new(rows, json_pack("[O?, O?, O?]", json_object_get(row, "id"),
                                              json_object_get(row, "side"),
                                              json_object_get(row, "base")));
    }
    return json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:o}", "run", json_object_get(v, "run"),
                     "epoch", json_object_get(v, "epoch"), "update", json_object_get(v, "update"),
                     "parent", json_object_get(v, "parent"), "rules", json_object_get(v, "rules"),
                     "rows", rows);
}

/* Whether the baseline's redraws in an evidence are those that the others of its update show, as far
 * as both go; `longest` keeps the longest list of each probe. */
static bool same_redraws(const json_t *evidence, json_t *longest)
{
    json_t *row, *o;
    size_t i, r;
    json_array_foreach (json_object_get(evidence, "probes"), i, row) {
        json_t *mine = json_object_get(row, "base_again"), *theirs = json_array_get(longest, i);
        json_array_foreach (mine, r, o)
            if (r < json_array_size(theirs) && !json_equal(o, json_array_get(theirs, r)))
                return false;
        if (!theirs)
            json_array_append_new(longest, mine ? json_incref(mine) : json_array());
        else if (json_array_size(mine) > json_array_size(theirs))
            json_array_set(longest, i, mine);
    }
    return true;
}

static void check_common(const struct update_arm *arms, size_t n, struct findings *f)
{
    json_t *first = NULL, *redraws = json_array();
    for (size_t i = 0; i < n; i++) {
        if (!arms[i].evidence)
            continue;
        json_t *mine = common(arms[i].evidence);
        if (!first)
            first = json_incref(mine);
        if (!json_equal(first, mine))
            BAD(arms[i].step, "it was not measured as the others of its update were: another run, "
                              "head, rule, probe set or baseline");
        else if (!same_redraws(arms[i].evidence, redraws))
            BAD(arms[i].step, "it was not measured as the others of its update were: their "
                              "baseline's redraws came out differently");
        json_decref(mine);
    }
    json_decref(redraws);
    json_decref(first);
}

/* The accepted one's number is the one that is missing; the last one when none is. */
static int missing_number(const struct update_arm *arms, size_t n, bool accepted,
                          struct findings *f)
{
    int next = 0, gap = -1;
    for (size_t i = 0; i < n; i++) {
        for (; arms[i].k >= 0 && next < arms[i].k; next++) {
            if (gap < 0 && accepted)
                gap = next;
            else
                BAD(arms[i].step, "candidate %d of its update is gone", next);
        }
        next += arms[i].k >= 0;
    }
    return gap < 0 ? next : gap;
}

/* Proposal calls are numbered; their candidates stand in that order, revisions after them. */
static void check_order(const struct update_arm *arms, size_t n, struct findings *f)
{
    int64_t last = -1;
    for (size_t i = 0; i < n; i++) {
        bool revision = json_bool_at(arms[i].evidence, "revision", false);
        int64_t k = json_int_at(arms[i].evidence, "proposal", -1);
        if (!arms[i].evidence || arms[i].k < 0 || revision)
            continue;
        if (k < last)
            BAD(arms[i].step, "it does not stand in its place among the candidates of its update");
        last = k;
    }
}

void check_update(const struct update_arm *arms, size_t n, struct findings *f)
{
    const struct update_arm *accepted = NULL, *best = NULL;
    int best_score = 0, best_k = 0;
    for (size_t i = 0; i < n; i++)
        if (arms[i].k < 0)
            accepted = &arms[i];
    check_common(arms, n, f);
    check_order(arms, n, f);
    int gap = missing_number(arms, n, accepted != NULL, f);
    for (size_t i = 0; i < n; i++) {
        struct gate_score g = {0};
        int k = arms[i].k < 0 ? gap : arms[i].k;
        if (!arms[i].evidence || gate_evidence_check(arms[i].evidence, &g) == GRASP_EPARSE)
            continue;
        if (g.pending || !g.eligible)
            continue;
        if (!best || g.score > best_score || (g.score == best_score && k < best_k)) {
            best = &arms[i];
            best_score = g.score;
            best_k = k;
        }
    }
    if (!best || best == accepted)
        return;
    bool unconfirmed = strcmp(json_str_at(best->evidence, "fate", ""), "not confirmed") == 0;
    if (accepted && unconfirmed)
        BAD(accepted->step,
            "it is in the library, but a better one of its update was not confirmed,"
            " which ends an update");
    else if (accepted)
        BAD(accepted->step, "it is in the library, but %.10s of its update scored %+d",
            best->step->info.commit.hex, best_score);
    else if (!unconfirmed)
        BAD(best->step, "it should have won, but nothing of its update is in the library (a run "
                        "that was stopped, a branch that was reset?)");
}
