/* top.c - the top of the page: what happened in one sentence, its facts, and the final scores. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/compare/contrast.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

/* ---- counts, also of a run that has no summary yet ---- */

struct tally {
    int64_t judged, accepted;
};

static struct tally count(const struct run *r)
{
    struct tally t = {json_int_at(r->summary, "candidates_judged", -1),
                      json_int_at(r->summary, "candidates_accepted", 0)};
    if (t.judged >= 0 && r->life != RUN_RUNNING)
        return t;
    t = (struct tally){0, 0};
    for (size_t e = 0; e < r->epochs; e++) {
        size_t i;
        json_t *v;
        json_array_foreach (r->epoch[e].updates, i, v) {
            const char *fate = json_str_at(v, "fate", "");
            t.judged += json_object_get(v, "score") != NULL;
            t.accepted += strcmp(fate, "accepted") == 0 || strcmp(fate, "unmeasured") == 0;
        }
    }
    return t;
}

/* ---- the sentence ---- */

static void add_change(struct buf *b, double from, double to, const char *of)
{
    html_share(b, to);
    buf_addf(b, " of %s", of);
    if (from < 0)
        return;
    if (100 * to >= 100 * from + 0.05)
        buf_adds(b, ", up from ");
    else if (100 * from >= 100 * to + 0.05)
        buf_adds(b, ", down from ");
    else {
        buf_adds(b, ", as without skills");
        return;
    }
    html_share(b, from);
}

/* The method that learns nothing: what it is compared with is itself. */
static bool is_none(const struct run *r)
{
    return str_same(json_str_at(r->config, "method.name", ""), "none");
}

/* False: that split was not scored. */
static bool add_split(struct buf *b, const struct run *r, const char *split, const char *of,
                      bool more)
{
    const json_t *v = json_object_get(r->tests, split);
    const json_t *best = json_object_get(v, "best"), *base = json_object_get(v, "baseline");
    if (!best)
        return false;
    buf_adds(b, more ? "; " : "");
    add_change(b, base && !is_none(r) ? json_num_at(base, "score", 0) : -1,
               json_num_at(best, "score", 0), of);
    return true;
}

static void add_scores(struct buf *b, const struct run *r)
{
    const json_t *val = run_best_val(r), *base = run_baseline_val(r);
    bool any = add_split(b, r, "id_test", "new tasks of the kinds it learned from", false);
    any |= add_split(b, r, "test", any ? "other kinds" : "tasks of other kinds", any);
    if (!any)
        add_change(b, base ? json_num_at(base, "score", 0) : -1, json_num_at(val, "score", 0),
                   "the val tasks");
}

/* What the agent has that it passes with. */
static void add_means(struct buf *b, const struct run *r)
{
    struct tally t = count(r);
    if (is_none(r)) {
        buf_adds(b, "Nothing is learned by the method none: ");
    } else if (!run_has_gate(r)) {
        buf_adds(b, "With what the method ");
        html_text(b, json_str_at(r->summary, "method", "?"));
        buf_adds(b, " kept in its memory, ");
    } else if (!t.accepted) {
        buf_addf(b,
                 "Nothing was learned, since none of %lld edits was let in: ", (long long)t.judged);
    } else if (!r->now.n) {
        buf_addf(b, "%lld of %lld edits were let in, and none of them was kept: ",
                 (long long)t.accepted, (long long)t.judged);
    } else {
        buf_addf(b, "With the %zu %s it learned, ", r->now.n,
                 plural((int64_t)r->now.n, "skill", "skills"));
    }
}

static void sentence_done(struct buf *b, const struct run *r)
{
    add_means(b, r);
    if (run_best_val(r) || json_object_size(r->tests)) {
        buf_adds(b, "the agent passes ");
        add_scores(b, r);
    } else {
        buf_adds(b, "nobody knows how well the agent does, since nothing was scored");
    }
    buf_adds(b, ".");
}

/* "so far 3 of 12 edits were let in, and val went from 37.5 % to 52.5 %" */
static void sentence_so_far(struct buf *b, const struct run *r)
{
    struct tally t = count(r);
    const json_t *val = run_best_val(r), *base = run_baseline_val(r);
    if (t.judged || t.accepted)
        buf_addf(b, "so far %lld of %lld edits were let in", (long long)t.accepted,
                 (long long)t.judged);
    else
        buf_adds(b, "so far no edit was judged");
    const json_t *ends = json_object_get(r->state, "ends"),
                 *end = json_array_get(ends, json_array_size(ends) - 1);
    if (!val && end) {
        buf_adds(b, ", and of the last whole epoch's dev tasks ");
        html_share(b, json_num_at(end, "dev", 0));
        buf_adds(b, " were passed");
    }
    if (val) {
        buf_adds(b, ", and the agent passes ");
        add_change(b, base ? json_num_at(base, "score", 0) : -1, json_num_at(val, "score", 0),
                   "the val tasks");
    }
    buf_adds(b, ".");
}

static void add_epoch(struct buf *b, const struct run *r)
{
    /* one that has decided nothing yet has no folder, but the one before has ended */
    size_t ended = json_array_size(json_object_get(r->state, "ends")), at = r->epochs;
    int planned = run_epochs_planned(r);
    if (at <= ended && ended < (size_t)planned)
        at = ended + 1;
    if (!r->epochs && !ended)
        buf_adds(b, "in its first update");
    else
        buf_addf(b, "in epoch %zu of %d", at, planned);
}

void part_sentence(struct buf *b, const struct run *r)
{
    static const struct {
        const char *why, *words;
    } stops[] = {{"budget", "Its budget was spent "},
                 {"signal", "Somebody stopped it "},
                 {"outage", "Its endpoint was out of reach, and it stopped "},
                 {"degenerate", "Nearly no rollout ended with an answer, and it stopped "},
                 {"conflict", "Its library was changed by somebody else, and it stopped "}};
    const char *why = json_str_at(r->summary, "why", "");
    const char *words = r->life == RUN_STOPPED ? "It was stopped " : "It failed ";
    if (r->life == RUN_DONE) {
        sentence_done(b, r);
        return;
    }
    for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
        if (strcmp(why, stops[i].why) == 0)
            words = stops[i].words;
    if (r->life == RUN_RUNNING)
        words = "Still learning, ";
    else if (r->life == RUN_DIED)
        words = "It ended without a word, as a killed process does, ";
    buf_adds(b, words);
    add_epoch(b, r);
    buf_adds(b, ": ");
    sentence_so_far(b, r);
}

/* ---- facts ---- */

static const char *life_words(const struct run *r)
{
    static const char *const all[] = {[RUN_DONE] = "done",
                                      [RUN_STOPPED] = "stopped, can go on",
                                      [RUN_FAILED] = "failed",
                                      [RUN_RUNNING] = "in progress",
                                      [RUN_DIED] = "ended without a word, can go on"};
    return all[r->life];
}

static void fact_int(struct buf *b, const char *label, int64_t n)
{
    struct buf text = BUF_INIT;
    html_big(&text, n);
    html_fact(b, label, "%s", text.ptr);
    buf_release(&text);
}

static void add_spent(struct buf *b, const struct run *r)
{
    json_t *live = r->life == RUN_DONE ? NULL : run_json(r, "spent.json");
    const json_t *spent = live ? live : json_object_get(r->summary, "spent");
    int64_t saved = json_int_at(r->summary, "calls.total.calls_replayed", 0) +
                    json_int_at(r->summary, "calls.total.calls_joined", 0);
    struct buf text = BUF_INIT;
    fact_int(b, "model calls made",
             json_int_at(spent, "calls", json_int_at(r->summary, "calls.total.calls_made", 0)));
    if (saved)
        fact_int(b, "calls answered by the journal", saved);
    fact_int(b, "tokens, prompts and answers", json_int_at(spent, "tokens", 0));
    if (json_num_at(spent, "usd", 0) > 0)
        html_fact(b, "USD", "%.2f", json_num_at(spent, "usd", 0));
    html_duration(&text, json_num_at(spent, "seconds", json_num_at(r->summary, "seconds", 0)));
    html_fact(b, "time", "%s", text.ptr);
    buf_release(&text);
    json_decref(live);
}

void part_facts(struct buf *b, const struct run *r)
{
    struct tally t = count(r);
    const json_t *noise = json_object_get(r->summary ? r->summary : r->state, "noise");
    buf_adds(b, "<dl class=\"facts\">\n");
    html_fact(b, "status", "%s", life_words(r));
    if (run_has_gate(r))
        html_fact(b, "edits let in, of those measured", "%lld of %lld", (long long)t.accepted,
                  (long long)t.judged);
    else
        html_fact(b, "changes of its memory, none measured", "%lld", (long long)t.accepted);
    html_fact(b, r->whole ? "skills in the library" : "skills, put together from the edits", "%zu",
              r->now.n);
    add_spent(b, r);
    if (json_is_object(noise))
        html_fact(b, "of outcomes flip at this endpoint", "%.0f %%",
                  100 * json_num_at(noise, "flips", 0));
    if (json_int_at(r->summary, "rollouts_unscored", 0))
        fact_int(b, "rollouts that could not be scored",
                 json_int_at(r->summary, "rollouts_unscored", 0));
    buf_adds(b, "</dl>\n");
}

/* ---- final scores ---- */

static void test_row(struct buf *b, const char *name, const json_t *base, const json_t *best,
                     const json_t *idle, bool all)
{
    buf_adds(b, all ? "<tr class=\"all\"><th scope=\"row\">" : "<tr><th scope=\"row\">");
    html_text(b, name);
    buf_adds(b, "</th>");
    html_score_cell(b, base);
    html_score_cell(b, best);
    if (base && best)
        buf_addf(b, "<td class=\"n\">%+.1f</td>",
                 100 * (json_num_at(best, "score", 0) - json_num_at(base, "score", 0)));
    else
        buf_adds(b, "<td></td>");
    html_score_cell(b, idle);
    buf_adds(b, "</tr>\n");
}

/* "fixed (27): task1_3, task1_7" */
static void add_tasks(struct buf *b, const char *what, const json_t *ids)
{
    size_t i;
    json_t *v;
    if (!json_array_size(ids))
        return;
    buf_addf(b, "<p>%s (%zu): ", what, json_array_size(ids));
    json_array_foreach ((json_t *)ids, i, v) {
        buf_adds(b, i ? ", " : "");
        html_text(b, json_string_value(v));
    }
    buf_adds(b, "</p>\n");
}

static int read_scores(const struct run *r, const char *split, const char *which,
                       struct split_scores *out)
{
    char name[96];
    snprintf(name, sizeof(name), "%.30s_eval_%s/test_runs.jsonl", split, which);
    char *path = fs_join(r->dir, name);
    *out = (struct split_scores){0};
    int rc = path ? split_scores_read(out, path) : err_oom();
    free(path);
    return rc;
}

/* What the library changed, task by task, and what may be said of it. */
static void add_difference(struct buf *b, const struct run *r, const char *split)
{
    const struct contrast_options o = {.unpaired = 1};
    struct split_scores base = {0}, best = {0};
    json_t *v = NULL;
    int rc = read_scores(r, split, "baseline", &base);
    if (rc == 0)
        rc = read_scores(r, split, "best", &best);
    if (rc == 0 && base.n && best.n)
        rc = contrast_libraries(&best, &base, &o, &v);
    const json_t *interval = json_object_get(v, "interval"), *fixed = json_object_get(v, "fixed"),
                 *broken = json_object_get(v, "broken");
    double p = json_num_at(v, "p", 1);
    if (rc < 0)
        err_clear(); /* the table stands without it */
    if (v && json_array_size(interval) == 2) {
        buf_addf(b,
                 "<details><summary>With the library %+.1f points over the same %lld tasks "
                 "(95&nbsp;%% interval %+.1f to %+.1f, p %s%.3f): %s; %zu fixed, %zu broken"
                 "</summary><div>\n",
                 100 * json_num_at(v, "diff", 0), (long long)json_int_at(v, "n", 0),
                 100 * json_number_value(json_array_get(interval, 0)),
                 100 * json_number_value(json_array_get(interval, 1)), p < 0.001 ? "&lt; " : "",
                 p < 0.001 ? 0.001 : p, p < 0.05 ? "told apart" : "not told apart",
                 json_array_size(fixed), json_array_size(broken));
        add_tasks(b, "fixed", fixed);
        add_tasks(b, "broken", broken);
        buf_adds(b,
                 "<p class=\"soft\">An exact sign-flip test over tasks. It is about this library; "
                 "what the method does takes several runs.</p></div></details>\n");
    }
    json_decref(v);
    split_scores_release(&base);
    split_scores_release(&best);
}

static const char *split_words(const char *split)
{
    return strcmp(split, "id_test") == 0 ? "new tasks of the kinds that it learned from (id_test)"
           : strcmp(split, "test") == 0  ? "tasks of other kinds (test)"
                                         : split;
}

void part_tests(struct buf *b, const struct run *r)
{
    const char *split, *family;
    json_t *v, *f;
    json_object_foreach (r->tests, split, v) {
        if (!json_object_get(v, "best")) /* as the reference implementation names it */
            continue;
        const json_t *idle = json_object_get(json_object_get(r->summary, "do_nothing"), split);
        buf_adds(b, "<h3>");
        html_text(b, split_words(split));
        buf_adds(b, "</h3>\n");
        html_table_open(b, split_words(split));
        buf_adds(b, "<thead><tr><th scope=\"col\">family</th><th scope=\"col\">without skills</th>"
                    "<th scope=\"col\">best library</th><th scope=\"col\" class=\"n\">points</th>"
                    "<th scope=\"col\">doing nothing</th></tr></thead><tbody>\n");
        json_object_foreach (json_at(v, "baseline.by_family"), family, f) {
            test_row(b, family, f, json_object_get(json_at(v, "best.by_family"), family),
                     json_object_get(json_at(idle, "by_family"), family), false);
        }
        test_row(b, "all", json_object_get(v, "baseline"), json_object_get(v, "best"), idle, true);
        buf_adds(b, "</tbody>");
        html_table_close(b);
        add_difference(b, r, split);
    }
    if (json_object_size(r->tests))
        buf_adds(b,
                 "<p class=\"soft\">Behind each share: how many of how many, and the 95 % "
                 "interval (Wilson) in percent, drawn beside it on a line from 0 to 100 %. Doing "
                 "nothing: what an agent gets that ends each task without an action.</p>\n");
}
