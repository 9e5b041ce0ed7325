/* decision.c - commits, trailers and evidence notes of judged candidates. */
#include "runtime/history/decision.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/history/seen.h"
#include "runtime/history/words.h"
#include "skills/inject.h"

void trailers_add(struct trailers *t, const char *key, const char *fmt, ...)
{
    va_list ap;
    if (t->n == MAX_TRAILERS)
        return;
    va_start(ap, fmt);
    vsnprintf(t->text[t->n], TRAILER_TEXT, fmt, ap);
    va_end(ap);
    for (char *p = t->text[t->n]; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    t->v[t->n] = (struct trailer){key, t->text[t->n]};
    t->n++;
}

/* ---- message ---- */

void decision_counts(const struct gate_score *s, struct buf *out)
{
    buf_addf(out, "%d %s", s->fixes, plural(s->fixes, "fix", "fixes"));
    if (s->base_fixes)
        buf_addf(out, " against %d", s->base_fixes);
    buf_addf(out, ", %d %s", s->regressions, plural(s->regressions, "regression", "regressions"));
    if (s->base_regressions)
        buf_addf(out, " against %d", s->base_regressions);
    if (s->invalid)
        buf_addf(out, ", %d of them invalid", s->invalid);
}

void decision_subject(const struct proposal *p, const struct gate_arm *arm, struct buf *out)
{
    const struct gate_score *s = &arm->score;
    proposal_describe(p, out);
    if (arm->stop == GATE_FINISHED)
        buf_addf(out, ": %+d (", s->score);
    else
        buf_addf(out, ": stopped after %d probes (", s->failing + s->passing);
    decision_counts(s, out);
    buf_addch(out, ')');
}

/* A reason as a paragraph: one line of text, at most 600 bytes, wrapped at 72. */
static void body_of(const char *reason, struct buf *out)
{
    enum { MOST = 600, WIDTH = 72 };
    size_t len = reason ? utf8_cut(reason, strlen(reason), MOST) : 0, column = 0;
    for (size_t i = 0; i < len;) {
        while (i < len && (unsigned char)reason[i] <= ' ')
            i++;
        size_t n = 0;
        while (i + n < len && (unsigned char)reason[i + n] > ' ')
            n++;
        if (!n)
            break;
        if (column)
            buf_addch(out, column + 1 + n > WIDTH ? '\n' : ' ');
        column = column && column + 1 + n <= WIDTH ? column + 1 + n : n;
        buf_add(out, reason + i, n);
        i += n;
    }
}

static void gate_trailers(const struct gate_arm *arm, struct trailers *t)
{
    const struct gate_score *s = &arm->score;
    trailers_add(t, "Gate-Score", "%d", s->score);
    trailers_add(t, "Gate-Fixes", "%d/%d", s->fixes, s->failing);
    trailers_add(t, "Gate-Regressions", "%d/%d", s->regressions, s->passing);
    trailers_add(t, "Gate-Baseline", "%d %s, %d %s", s->base_fixes,
                 plural(s->base_fixes, "fix", "fixes"), s->base_regressions,
                 plural(s->base_regressions, "regression", "regressions"));
    if (arm->stop != GATE_FINISHED)
        trailers_add(t, "Gate-Stopped", "%s", gate_stop_name(arm->stop));
}

/* `arm` NULL: unmeasured. */
static int commit_judged(const struct decision *d, struct judged *j, const struct gate_arm *arm)
{
    struct buf subject = BUF_INIT, body = BUF_INIT;
    struct trailers t = {.n = 0};
    if (arm) {
        decision_subject(j->proposal, arm, &subject);
        gate_trailers(arm, &t);
    } else {
        proposal_describe(j->proposal, &subject);
        buf_adds(&subject, ": unmeasured");
        trailers_add(&t, "Gate-Score", "unmeasured");
    }
    body_of(j->reason, &body);
    trailers_add(&t, "Run", "%s", d->run);
    trailers_add(&t, "Epoch", "%d", d->epoch);
    trailers_add(&t, "Update", "%d", d->update);
    trailers_add(&t, "Writer-Model", "%s", d->writer);
    trailers_add(&t, "Executor-Model", "%s", d->executor);
    for (size_t i = 0; i < d->n_more; i++)
        trailers_add(&t, d->more[i].key, "%s", d->more[i].value);
    if (*d->blob.hex)
        trailers_add(&t, "Probe-Set", "%s", d->blob.hex);
    struct commit_text text = {.subject = subject.ptr,
                               .body = body.len ? body.ptr : NULL,
                               .trailers = t.v,
                               .n = t.n,
                               .when = d->when};
    int rc = buf_check(&subject);
    if (rc == 0)
        rc = library_commit(d->lib, j->tree, d->head, &text, &j->commit);
    buf_release(&subject);
    buf_release(&body);
    return rc;
}

/* ---- evidence ---- */

/* The probe set as a blob: one line a probe, its side and id. */
static int probe_blob(struct decision *d)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < d->probes->n; i++)
        buf_addf(&text, "%s %s\n", d->probes->v[i].failing ? "failing" : "passing",
                 d->probes->v[i].task->id);
    int rc = buf_check(&text);
    if (rc == 0)
        rc = library_blob(d->lib, text.ptr, text.len, &d->blob);
    buf_release(&text);
    return rc;
}

int decision_begin(struct decision *d)
{
    d->blob = (struct oid){""};
    d->ids = calloc(d->probes->n + 1, sizeof(*d->ids));
    if (!d->ids)
        return err_oom();
    for (size_t i = 0; i < d->probes->n; i++)
        d->ids[i] = d->probes->v[i].task->id;
    return probe_blob(d);
}

void decision_release(struct decision *d)
{
    free((void *)d->ids);
    d->ids = NULL;
}

struct earlier {
    struct library *lib;
    const char *run;
    int update;
    int64_t when;
};

static int find_earlier(const char *note, const struct oid *commit, void *arg)
{
    struct earlier *e = arg;
    struct library_commit_info info;
    int64_t update;
    (void)note;
    if (library_commit_read(e->lib, commit, &info) < 0) {
        err_clear(); /* a note on something else is not ours */
        return 0;
    }
    const char *run = library_trailer(&info, "Run"), *n = library_trailer(&info, "Update");
    bool same = run && n && strcmp(run, e->run) == 0 && str_to_i64(n, 0, INT_MAX, &update) &&
                update == e->update;
    if (same)
        e->when = info.when;
    library_commit_release(&info);
    return same;
}

int decision_when(struct library *lib, const char *run, int update, int64_t *when)
{
    struct earlier e = {lib, run, update, 0};
    int rc = library_notes(lib, find_earlier, &e);
    *when = e.when ? e.when : clock_stamp() / NS_PER_SEC * NS_PER_SEC;
    return rc < 0 ? rc : 0;
}

/* Up to ten tasks that the edit repaired: what it is good for, in the words of the probe set. */
static json_t *triggering(const struct decision *d, size_t arm)
{
    json_t *out = json_array();
    for (size_t i = 0; i < d->probes->n && json_array_size(out) < 10; i++)
        if (d->probes->v[i].failing && d->gate->arm[arm].outcomes[i] == OUTCOME_PASS)
            json_array_append_new(out, json_string(d->ids[i]));
    return out;
}

/* The note in one sentence, for who reads `git log --notes=gate`. */
static json_t *summary_of(const struct decision *d, size_t arm, const struct judged *j,
                          const char *fate)
{
    const struct gate_score *s = &d->gate->arm[arm].score;
    struct buf b = BUF_INIT;
    proposal_describe(j->proposal, &b);
    if (strcmp(fate, "accepted") == 0)
        buf_adds(&b, " was let in");
    else
        buf_addf(&b, " was refused (%s)", fate_words(fate));
    buf_addf(
        &b,
        ": of %d probes that failed it fixed %d (%d without it), of %d that passed it broke %d "
        "(%d without it).",
        s->failing, s->fixes, s->base_fixes, s->passing, s->regressions, s->base_regressions);
    json_t *v = b.failed ? NULL : json_text(b.ptr, b.len);
    buf_release(&b);
    return v;
}

/* How much the executor reads with a library's skills; -1: they cannot be read. */
static int64_t chars_at(const struct decision *d, const char *rev)
{
    struct skill_set set = {0};
    size_t chars = 0;
    bool good = library_read(d->lib, rev, &set) == 0 && inject_chars(d->prompts, &set, &chars) == 0;
    skill_set_release(&set);
    if (!good)
        err_clear();
    return good ? (int64_t)chars : -1;
}

/* What put each probe of a targeted set there. */
static void add_reasons(const struct probe_set *p, json_t *rows)
{
    json_t *row;
    size_t i;
    json_array_foreach (rows, i, row) {
        const struct probe_why *why = &p->why[i];
        if (why->reason == PROBE_FAMILY)
            json_object_set_new(row, "why", json_sprintf("family of group %s", why->group));
        else
            json_object_set_new(row, "why",
                                json_string(why->reason == PROBE_AS_BEFORE ? "as before"
                                            : p->v[i].failing              ? "fails now"
                                                                           : "passes now"));
    }
}

static json_t *evidence_of(const struct decision *d, size_t arm, const struct judged *j,
                           bool accepted)
{
    json_t *v = gate_evidence(d->gate, arm, d->ids);
    json_t *more = json_pack(
        "{s:s, s:i, s:i, s:i, s:b, s:s, s:o, s:s, s:s, s:s, s:s, s:o}", "run", d->run, "epoch",
        d->epoch, "update", d->update, "proposal", j->k, "revision", (int)j->revision, "fate",
        decision_fate(&d->gate->arm[arm], accepted), "edit", proposal_to_json(j->proposal),
        "parent", d->head->hex, "tree", j->tree->hex, "writer_model", d->writer, "executor_model",
        d->executor, "triggering_tasks", triggering(d, arm));
    if (!v || !more || json_object_update_new(v, more) < 0) {
        json_decref(v);
        return NULL;
    }
    if (d->asked)
        json_object_set(v, "proposals", d->asked);
    if (d->probes->why)
        add_reasons(d->probes, json_object_get(v, "probes"));
    if (d->draws)
        json_object_set_new(v, "draws", json_string(d->draws));
    json_object_set_new(v, "summary", summary_of(d, arm, j, json_str_at(v, "fate", "")));
    if (d->seen && j->seen &&
        seen_add(v, d->seen, j->seen, d->journaled, SEEN_NOTES_MAX / d->gate->arms) < 0) {
        json_decref(v);
        return NULL;
    }
    int64_t before = chars_at(d, d->head->hex), after = chars_at(d, j->tree->hex);
    if (before >= 0 && after >= 0)
        json_object_set_new(
            v, "chars",
            json_pack("{s:I, s:I}", "before", (json_int_t)before, "after", (json_int_t)after));
    return v;
}

int decision_record(const struct decision *d, size_t arm, struct judged *j, bool accepted,
                    json_t **out)
{
    int rc = commit_judged(d, j, &d->gate->arm[arm]);
    json_t *evidence = rc == 0 ? evidence_of(d, arm, j, accepted) : NULL;
    if (rc == 0 && !evidence)
        rc = err_oom();
    if (rc == 0)
        rc = library_note(d->lib, &j->commit, evidence, d->when);
    if (rc == 0 && !accepted)
        rc = library_keep(d->lib, &j->commit, d->run, d->number, (int)arm);
    if (rc == 0 && out) {
        json_object_set_new(evidence, "commit", json_string(j->commit.hex));
        *out = json_incref(evidence);
    }
    json_decref(evidence);
    return rc;
}

int decision_unmeasured(const struct decision *d, struct judged *j)
{
    return commit_judged(d, j, NULL);
}
