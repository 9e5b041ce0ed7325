/* skills_log.c - `grasp skills log` and `rejected`: what was let in, and what was not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/term.h"
#include "runtime/base/text.h"
#include "runtime/commands/skills.h"
#include "runtime/history/words.h"

/* ---- log ---- */

/* What the table has room for, and what its notes add. */
struct log_table {
    struct library *lib;
    bool executors; /* of several models: a column says whose each is */
    json_t *out;    /* NULL: words */
};

static void log_head(const struct log_table *t)
{
    printf("  %-10s  %5s  %7s  %7s  %6s  %-20s  ", "commit", "score", "fixes", "regr.", "epoch",
           "writer");
    if (t->executors)
        printf("%-20s  ", "executor");
    puts("edit");
}

/* Why it was let in or refused, from its note. */
static void add_why(const json_t *note, struct buf *out)
{
    struct ruling ruling;
    ruling_read(&ruling, note);
    ruling_words(&ruling, out);
}

/* How much longer the executor's prompt became, and of a refused one why: from the note. */
static void log_note(const struct log_table *t, const struct step *s, json_t *v, struct buf *out)
{
    json_t *note = NULL;
    if (s->kind != STEP_EDIT)
        return;
    if (library_note_read(t->lib, &s->info.commit, &note) < 0)
        err_clear(); /* verify names these */
    const json_t *chars = json_object_get(note, "chars");
    bool refused = s->ref && json_str_at(note, "fate", NULL);
    const char *stopped = library_trailer(&s->info, "Gate-Stopped");
    if (v && chars)
        json_object_set(v, "chars", (json_t *)chars);
    if (v && refused) {
        struct buf why = BUF_INIT;
        add_why(note, &why);
        json_object_set_new(v, "why", json_string(why.ptr ? why.ptr : ""));
        buf_release(&why);
    } else if (refused) {
        buf_adds(out, ": ");
        add_why(note, out);
    } else if (!v) {
        if (stopped)
            buf_addf(out, " (stopped early: %s)", stopped);
        if (chars)
            buf_addf(out, " (%+lld characters)",
                     (long long)(json_int_at(chars, "after", 0) - json_int_at(chars, "before", 0)));
    }
    json_decref(note);
}

/* The last column; on a terminal where it does not fit, over further lines. */
static void log_edit(const char *text, size_t taken)
{
    enum { ENOUGH = 40, BELOW = 6 };
    size_t width = isatty(STDOUT_FILENO) ? term_width(STDOUT_FILENO) : SIZE_MAX;
    if (width - taken >= utf8_length(text, strlen(text)) && width > taken) {
        print_text(text, 0);
        putchar('\n');
    } else if (width >= taken + ENOUGH) {
        term_wrap(stdout, text, width, taken, taken);
    } else {
        printf("\n%*s", BELOW, "");
        term_wrap(stdout, text, width, BELOW, BELOW);
    }
}

static void log_line(const struct log_table *t, const struct step *s, char mark)
{
    char score[16], fixes[32], regressions[32], epoch[32] = "-";
    struct buf edit = BUF_INIT, text = BUF_INIT;
    const char *model = library_trailer(&s->info, "Writer-Model");
    const char *executor = library_trailer(&s->info, "Executor-Model");
    score_text(s, score);
    share_text(s->fixes, s->failing, fixes);
    share_text(s->regressions, s->passing, regressions);
    if (s->epoch >= 0)
        snprintf(epoch, sizeof(epoch), "%d.%d", s->epoch + 1, s->update + 1);
    step_edit(s, &edit);
    int taken = printf("%c %.10s  %5s  %7s  %7s  %6s  %-20.20s  ", mark, s->info.commit.hex, score,
                       fixes, regressions, epoch, model ? model : "-");
    if (t->executors)
        taken += printf("%-20.20s  ", executor ? executor : "-");
    bool counted = library_trailer(&s->info, "Method"); /* its subject says how much is kept */
    buf_adds(&text, counted ? s->info.subject : edit.ptr);
    if (!counted && (s->kind == STEP_UNMEASURED || s->kind == STEP_IMPORT))
        buf_adds(&text, " (unmeasured)");
    else if (s->kind == STEP_OTHER)
        buf_adds(&text, " (made by hand)");
    log_note(t, s, NULL, &text);
    log_edit(text.ptr ? text.ptr : "", taken > 0 ? (size_t)taken : 0);
    buf_release(&text);
    buf_release(&edit);
}

static void log_step(const struct log_table *t, const struct step *s, char mark)
{
    json_t *v = t->out ? step_to_json(s) : NULL;
    if (!t->out) {
        log_line(t, s, mark);
        return;
    }
    log_note(t, s, v, NULL);
    json_array_append_new(t->out, v);
}

/* The refused ones that were measured against this head, newest first. */
static void log_refused(const struct log_table *t, const struct history *refused,
                        const struct oid *head)
{
    for (size_t i = refused->n; i-- > 0;)
        if (strcmp(refused->v[i].info.parent.hex, head->hex) == 0)
            log_step(t, &refused->v[i], 'x');
}

static bool several_executors(const struct history *h, const char **first)
{
    for (size_t i = 0; i < h->n; i++) {
        const char *model = library_trailer(&h->v[i].info, "Executor-Model");
        if (model && *first && strcmp(model, *first) != 0)
            return true;
        if (model)
            *first = model;
    }
    return false;
}

static int run_log(const struct args *a)
{
    struct history h = {0}, refused = {0};
    struct log_table t = {.out = arg_flag(a, "json") ? json_array() : NULL};
    const char *executor = NULL;
    int rc = skills_open(&t.lib, operand(a, 0), LIBRARY_READ, NULL);
    if (rc == 0)
        rc = history_read(t.lib, rev_of(a), &h);
    if (rc == 0 && arg_flag(a, "rejected"))
        rc = history_candidates(t.lib, &refused);
    t.executors = several_executors(&h, &executor) || several_executors(&refused, &executor);
    if (rc == 0 && !t.out)
        log_head(&t);
    for (size_t i = 0; rc == 0 && i < h.n; i++) {
        log_refused(&t, &refused, &h.v[i].info.commit);
        log_step(&t, &h.v[i], ' ');
        if (h.v[i].info.boundary)
            log_warn("history before this was not fetched (a shallow clone): git -C '%s' fetch "
                     "--unshallow",
                     operand(a, 0));
    }
    if (rc == 0 && t.out) {
        rc = print_json(t.out);
        t.out = NULL;
    }
    json_decref(t.out);
    history_release(&h);
    history_release(&refused);
    library_close(t.lib);
    return rc;
}

const struct command skills_log = {
    .name = "log",
    .summary = "the edits that were let in, newest first",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            AT_OPTION,
            {"rejected", 0, NULL, "also the candidates that were refused, marked x", NULL},
            JSON_OPTION,
            {0}},
    .details =
        "score is fixes less regressions, each beyond what the baseline did by itself. Epoch 2.1 "
        "is\nthe second epoch's first update: whatever a person reads counts from 1, the commits' "
        "trailers\nEpoch and Update, JSON and the folders epoch_N count from 0. grasp skills "
        "verify "
        "holds the\nnumbers against the evidence.",
    .run = run_log,
};

/* ---- rejected ---- */

static const char *fate_of(const json_t *evidence)
{
    return json_str_at(evidence, "fate", "no evidence");
}

static void rejected_line(const struct step *s, const json_t *evidence)
{
    enum { BELOW = 4 };
    struct buf edit = BUF_INIT, why = BUF_INIT;
    struct ruling ruling;
    step_edit(s, &edit);
    printf("%.10s  epoch %d.%d  ", s->info.commit.hex, s->epoch + 1, s->update + 1);
    print_text(edit.ptr, 0);
    printf("%s\n%*s", json_bool_at(evidence, "revision", false) ? " (revised)" : "", BELOW, "");
    if (evidence) {
        ruling_read(&ruling, evidence);
        ruling_counts(&ruling, &why);
        buf_adds(&why, "; ");
        ruling_words(&ruling, &why);
    } else {
        buf_adds(&why, "no evidence");
    }
    term_wrap(stdout, why.ptr ? why.ptr : "",
              isatty(STDOUT_FILENO) ? term_width(STDOUT_FILENO) : SIZE_MAX, BELOW, BELOW);
    buf_release(&why);
    buf_release(&edit);
}

static int rejected_one(struct library *lib, const struct step *s, json_t *out)
{
    json_t *evidence = NULL;
    int rc = library_note_read(lib, &s->info.commit, &evidence);
    if (rc == 0 || rc == GRASP_ENOTFOUND || rc == GRASP_EPARSE) {
        rc = 0;
        if (out) {
            json_t *v = step_to_json(s);
            struct buf why = BUF_INIT;
            if (evidence)
                add_why(evidence, &why);
            json_object_set_new(v, "fate", json_string(fate_of(evidence)));
            json_object_set_new(v, "why", json_string(why.ptr ? why.ptr : "no evidence"));
            buf_release(&why);
            if (evidence)
                json_object_set(v, "proposed", json_object_get(evidence, "edit"));
            json_array_append_new(out, v);
        } else {
            rejected_line(s, evidence);
        }
    }
    json_decref(evidence);
    return rc;
}

static int run_rejected(const struct args *a)
{
    struct library *lib;
    struct history h = {0};
    const char *run = arg_str(a, "run");
    json_t *out = arg_flag(a, "json") ? json_array() : NULL;
    size_t n = 0;
    int lacks = 0;
    int rc = skills_open(&lib, operand(a, 0), LIBRARY_READ, &lacks);
    if (rc == 0)
        rc = history_candidates(lib, &h);
    for (size_t i = 0; rc == 0 && i < h.n; i++) {
        const char *of = library_trailer(&h.v[i].info, "Run");
        if (run && (!of || strcmp(of, run) != 0))
            continue;
        rc = rejected_one(lib, &h.v[i], out);
        n++;
    }
    if (rc == 0 && out) {
        rc = print_json(out);
        out = NULL;
    } else if (rc == 0 && lacks & LIBRARY_LACKS_CANDIDATES) {
        printf("the candidates that were refused are not in this copy\n");
    } else if (rc == 0) {
        printf("%zu candidate%s refused\n", n, n == 1 ? "" : "s");
    }
    json_decref(out);
    history_release(&h);
    library_close(lib);
    return rc;
}

const struct command skills_rejected = {
    .name = "rejected",
    .summary = "what was measured and refused, and why",
    .operands = "DIR",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){{"run", 0, "ID", "of this run only", NULL}, JSON_OPTION, {0}},
    .details =
        "From refs/grasp/candidates: each is a commit on the head it was measured against, so\n"
        "git show and grasp skills evidence DIR COMMIT work on it.",
    .run = run_rejected,
};
