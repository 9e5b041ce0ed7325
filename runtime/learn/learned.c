/* learned.c - what a run learned, in sentences: what a person wants to know at the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/term.h"
#include "runtime/base/text.h"
#include "runtime/learn/learn_private.h"
#include "runtime/learn/summary.h"

/* There are winners that nobody adopted or rejected yet. */
static bool waits(const struct learn *l)
{
    char ref[96];
    struct oid tip;
    if (l->c->gate.adopt != ADOPT_ASK || strcmp(l->line.at.hex, l->at.start.hex) == 0)
        return false;
    snprintf(ref, sizeof(ref), "refs/heads/proposed/%s", l->run.id);
    bool is = library_resolve(l->lib, ref, &tip) == 0;
    if (!is)
        err_clear();
    return is;
}

/* Of a split: tasks solved. */
struct score_pair {
    int without, with, total;
};

/* A text over as many lines as the terminal needs. */
static void print_wrapped(const char *text, size_t indent, size_t first, FILE *out)
{
    enum { NO_TERMINAL = 100 };
    term_wrap(out, text, isatty(STDOUT_FILENO) ? term_width(STDOUT_FILENO) : NO_TERMINAL, indent,
              first);
}

/* "On val the agent solves 76.2 % with the best library, 41.2 % without skills: 28 tasks of 80 more." */
static void say_gain(const char *split, const struct score_pair *p, struct buf *out)
{
    int more = p->with - p->without;
    buf_addf(out, "On %s the agent solves %.1f %% with the best library, %.1f %% without skills: ",
             split, 100 * score_share(p->with, p->total), 100 * score_share(p->without, p->total));
    if (more)
        buf_addf(out, "%d %s of %d %s. ", more < 0 ? -more : more,
                 plural(more < 0 ? -more : more, "task", "tasks"), p->total,
                 more < 0 ? "fewer" : "more");
    else
        buf_addf(out, "as many of its %d tasks. ", p->total);
}

/* What the best library is worth, where it was measured. */
static void say_gains(const struct learn *l, struct buf *out)
{
    const struct checkpoint *base = NULL, *best = learn_best(l);
    const char *split;
    json_t *v;
    for (size_t i = 0; i < l->scores.n_checks; i++)
        if (l->scores.checks[i].epoch < 0 && l->scores.checks[i].scored)
            base = &l->scores.checks[i];
    if (base && best && best->scored) {
        struct score_pair p = {base->score.correct, best->score.correct, best->score.total};
        say_gain("val", &p, out);
    }
    json_object_foreach (l->scores.test, split, v) {
        if (!json_object_get(v, "best"))
            continue;
        struct score_pair p = {(int)json_int_at(v, "baseline.n_correct", 0),
                               (int)json_int_at(v, "best.n_correct", 0),
                               (int)json_int_at(v, "best.n_total", 0)};
        say_gain(split, &p, out);
    }
}

/* The first sentence of a description: what the skill says, without when. */
static size_t sentence(const char *text)
{
    const char *end = strstr(text, " Use when"), *stop = strstr(text, ". ");
    if (stop && (!end || stop < end))
        return (size_t)(stop + 1 - text);
    return end && end > text ? (size_t)(end - text) : strlen(text);
}

void learned_print(const struct learn *l, FILE *out)
{
    const struct method_settings *m = &l->c->method;
    struct buf text = BUF_INIT;
    if (m->name != METHOD_NONE)
        say_gains(l, &text);
    if (m->name != METHOD_NONE && !text.len && !l->at.set.n && !l->count.judged &&
        !l->count.accepted) {
        buf_release(&text); /* it ended before anything was measured, and why is said */
        return;
    }
    fprintf(out, "\nwhat was learned, in the library %s\n  ", library_dir(l->lib));
    if (m->name == METHOD_GRASP)
        buf_addf(&text,
                 "It has %zu %s; of %lld edits that were measured, %lld got through the gate.",
                 l->at.set.n, plural((int64_t)l->at.set.n, "skill", "skills"),
                 (long long)l->count.judged, (long long)l->count.accepted);
    else
        buf_addf(&text, "The method %s (%s) has no gate; it made %lld %s.", method_names[m->name],
                 fidelity_names[m->fidelity], (long long)l->count.accepted,
                 plural(l->count.accepted, "commit", "commits"));
    print_wrapped(text.ptr ? text.ptr : "", 2, 0, out);
    for (size_t i = 0; i < l->at.set.n; i++) {
        const struct skill *s = &l->at.set.v[i];
        buf_reset(&text);
        buf_addf(&text, "%s: ", s->name);
        buf_add(&text, s->description, sentence(s->description));
        fputs("  - ", out);
        print_wrapped(text.ptr ? text.ptr : "", 4, 4, out);
    }
    if (waits(l))
        fprintf(
            out,
            "  on the branch proposed/%s: grasp skills adopt '%s', or reject; git diff shows it\n",
            l->run.id, library_dir(l->lib));
    buf_release(&text);
}
