/*
 * page.c - `grasp report`: a run as one self-contained HTML page. Everything in it comes from
 * the run's files; texts of models are escaped, and the page loads nothing.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/seen.h"
#include "runtime/report/report.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>grasp run</title>\n<style>\n"
    ":root{--ink:#1d2430;--soft:#667085;--line:#e3e7ee;--good:#12805c;--bad:#b42318;--mark:#2f5fd0;"
    "--paper:#fff;--wash:#f6f8fb}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#2c3442;"
    "--good:#3fbf8f;--bad:#f2776b;--mark:#7fa3ff;--paper:#12161d;--wash:#1a202a}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:62rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem;border-bottom:1px solid "
    "var(--line);"
    "padding-bottom:.3rem}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);"
    "vertical-align:top}th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right}\n"
    ".soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:.8rem}.card{background:var(--wash);border-radius:.5rem;"
    "padding:.7rem 1rem;min-width:9rem}.card b{display:block;font-size:1.35rem}\n"
    "details{background:var(--wash);border-radius:.4rem;margin:.4rem 0;padding:.4rem .8rem}"
    "summary{cursor:pointer}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px;"
    "background:var(--paper);border:1px solid var(--line);padding:.7rem;border-radius:.3rem}\n"
    ".grid{display:flex;flex-wrap:wrap;gap:3px;margin:.5rem 0}.grid i{width:13px;height:13px;"
    "border-radius:2px;background:var(--line)}.grid .fix{background:var(--good)}"
    ".grid .reg{background:var(--bad)}.grid .same{background:var(--mark);opacity:.45}"
    ".grid .none{background:none;border:1px dashed var(--line);box-sizing:border-box}\n"
    "svg text{fill:var(--soft);font-size:12px}\n"
    "</style></head><body>\n";

static void text(struct buf *b, const char *s)
{
    for (; s && *s; s++) {
        switch (*s) {
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '"':
            buf_adds(b, "&quot;");
            break;
        case '\'':
            buf_adds(b, "&#39;");
            break;
        default:
            buf_addch(b, *s);
        }
    }
}

static void card(struct buf *b, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void card(struct buf *b, const char *label, const char *fmt, ...)
{
    char value[96];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    buf_adds(b, "<div class=\"card\"><b>");
    text(b, value);
    buf_addf(b, "</b><span class=\"soft\">%s</span></div>\n", label);
}

static json_t *read_in(const char *dir, const char *name)
{
    json_t *v = NULL;
    char *path = fs_join(dir, name);
    if (path && fs_exists(path) && json_read_file(&v, path) < 0)
        v = NULL;
    free(path);
    return v;
}

static void add_summary(struct buf *b, const json_t *s)
{
    const char *method = json_str_at(s, "method", "grasp");
    bool other = strcmp(method, "grasp") != 0;
    buf_adds(b, "<h1>Run ");
    text(b, json_str_at(s, "run", "?"));
    buf_adds(b, "</h1>\n<p class=\"soft\">Executor ");
    text(b, json_str_at(s, "executor", "?"));
    buf_adds(b, ", writer ");
    text(b, json_str_at(s, "writer", "?"));
    buf_adds(b, ", method ");
    text(b, method);
    if (other)
        buf_addf(b, " (%s)", json_str_at(s, "fidelity", "?"));
    buf_adds(b, ", status ");
    text(b, json_str_at(s, "status", "?"));
    buf_adds(b, ".</p>\n<div class=\"cards\">\n");
    if (other)
        card(b, "changes of its memory, none measured", "%lld",
             (long long)json_int_at(s, "candidates_accepted", 0));
    else
        card(b, "candidates accepted", "%lld of %lld",
             (long long)json_int_at(s, "candidates_accepted", 0),
             (long long)json_int_at(s, "candidates_judged", 0));
    card(b, "model calls made", "%lld", (long long)json_int_at(s, "calls.total.calls_made", 0));
    card(b, "calls saved by the journal", "%lld",
         (long long)(json_int_at(s, "calls.total.calls_replayed", 0) +
                     json_int_at(s, "calls.total.calls_joined", 0)));
    card(b, "rollouts saved by early stopping", "%lld",
         (long long)json_int_at(s, "rollouts_saved_by_early_stop", 0));
    card(b, "unscored rollouts", "%lld", (long long)json_int_at(s, "rollouts_unscored", 0));
    card(b, "seconds", "%.1f", json_num_at(s, "seconds", 0));
    if (json_is_object(json_object_get(s, "noise"))) {
        card(b, "of outcomes flip at this endpoint", "%.0f %%",
             100 * json_num_at(s, "noise.flips", 0));
        card(b, "draws", "%s", json_str_at(s, "draws", "?"));
        if (!other)
            card(b, "rule of the gate", "%s", json_str_at(s, "gate_rule", "?"));
    }
    if (json_num_at(s, "calls.total.usd", 0) > 0)
        card(b, "USD", "%.2f", json_num_at(s, "calls.total.usd", 0));
    buf_adds(b, "</div>\n");
}

/* Val over epochs as a line; the score without skills as a dashed one. */
static void add_curve(struct buf *b, const json_t *vals)
{
    enum { W = 640, H = 220, LEFT = 44, TOP = 12, PLOT_W = 570, PLOT_H = 170 };
    size_t n = 0, i;
    json_t *v;
    json_array_foreach (vals, i, v) {
        n += json_is_integer(json_object_get(v, "epoch"));
    }
    if (!n)
        return;
    buf_addf(b,
             "<h2>Learning curve</h2>\n<svg viewBox=\"0 0 %d %d\" width=\"100%%\" role=\"img\" "
             "aria-label=\"val accuracy by epoch\">\n",
             W, H);
    for (int share = 0; share <= 100; share += 25) {
        int y = TOP + PLOT_H - PLOT_H * share / 100;
        buf_addf(b,
                 "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"var(--line)\"/>"
                 "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d %%</text>\n",
                 LEFT, LEFT + PLOT_W, y, y, LEFT - 6, y + 4, share);
    }
    struct buf line = BUF_INIT;
    size_t at = 0;
    json_array_foreach (vals, i, v) {
        double score = json_num_at(v, "score", 0);
        int y = TOP + PLOT_H - (int)(PLOT_H * score + 0.5);
        if (!json_is_integer(json_object_get(v, "epoch"))) {
            buf_addf(b,
                     "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"var(--soft)\" "
                     "stroke-dasharray=\"5 4\"/><text x=\"%d\" y=\"%d\">no skills %.1f %%</text>\n",
                     LEFT, LEFT + PLOT_W, y, y, LEFT + 4, y - 5, 100 * score);
            continue;
        }
        int x = LEFT + 24 + (int)((PLOT_W - 60) * (n > 1 ? (double)at / (double)(n - 1) : 0.5));
        buf_addf(&line, "%d,%d ", x, y);
        buf_addf(b,
                 "<circle cx=\"%d\" cy=\"%d\" r=\"4\" fill=\"var(--mark)\"/><text x=\"%d\" "
                 "y=\"%d\" text-anchor=\"middle\">%.1f</text><text x=\"%d\" y=\"%d\" "
                 "text-anchor=\"middle\">epoch %lld</text>\n",
                 x, y, x, y - 9, 100 * score, x, TOP + PLOT_H + 20,
                 (long long)json_int_at(v, "epoch", 0));
        at++;
    }
    buf_addf(b,
             "<polyline points=\"%s\" fill=\"none\" stroke=\"var(--mark)\" stroke-width=\"2\"/>"
             "\n</svg>\n",
             line.ptr);
    buf_release(&line);
}

static void score_cell(struct buf *b, const json_t *v)
{
    const json_t *interval = json_object_get(v, "interval");
    if (!v) {
        buf_adds(b, "<td class=\"n\">-</td>");
        return;
    }
    buf_addf(b, "<td class=\"n\">%.1f %% <span class=\"soft\">%lld/%lld",
             100 * json_num_at(v, "score", 0), (long long)json_int_at(v, "n_correct", 0),
             (long long)json_int_at(v, "n_total", 0));
    if (interval)
        buf_addf(b, ", %.1f to %.1f", 100 * json_number_value(json_array_get(interval, 0)),
                 100 * json_number_value(json_array_get(interval, 1)));
    buf_adds(b, "</span></td>");
}

/* Beside each score, what doing nothing gets (`idle`, by split; may be NULL). */
static void add_tests(struct buf *b, const json_t *tests, const json_t *idle)
{
    const char *split, *family;
    json_t *v, *f;
    json_object_foreach ((json_t *)tests, split, v) {
        if (!json_object_get(v, "best")) /* as the reference implementation names it */
            continue;
        buf_adds(b, "<h2>");
        text(b, split);
        buf_adds(b, "</h2>\n<table><tr><th>family</th><th class=\"n\">without skills</th>"
                    "<th class=\"n\">best library</th><th class=\"n\">doing nothing</th></tr>\n");
        const json_t *nothing = json_object_get(idle, split);
        json_object_foreach (json_at(v, "baseline.by_family"), family, f) {
            buf_adds(b, "<tr><td>");
            text(b, family);
            buf_adds(b, "</td>");
            score_cell(b, f);
            score_cell(b, json_object_get(json_at(v, "best.by_family"), family));
            score_cell(b, json_object_get(json_at(nothing, "by_family"), family));
            buf_adds(b, "</tr>\n");
        }
        buf_adds(b, "<tr><th>all</th>");
        score_cell(b, json_object_get(v, "baseline"));
        score_cell(b, json_object_get(v, "best"));
        score_cell(b, nothing);
        buf_adds(b, "</tr></table>\n");
    }
}

/* The first reason of an end, where its verdict has one. */
static void add_reason(struct buf *b, const json_t *seen, const char *end)
{
    const char *reason = json_str_at(json_object_get(seen, end), "reasons[0]", NULL);
    if (!reason)
        return;
    buf_addf(b, "; %s: ", end);
    text(b, reason);
}

static void add_probes(struct buf *b, const json_t *v)
{
    const json_t *probes = json_object_get(v, "probes"), *seen;
    size_t i;
    json_t *p;
    buf_adds(b, "<div class=\"grid\">");
    json_array_foreach ((json_t *)probes, i, p) {
        bool base = strcmp(json_str_at(p, "base", ""), "pass") == 0;
        const char *cand = json_str_at(p, "cand", "");
        bool pass = strcmp(cand, "pass") == 0;
        const char *kind = strcmp(cand, "pending") == 0 || strcmp(cand, "unscored") == 0 ? "none"
                           : pass && !base                                               ? "fix"
                           : base && !pass                                               ? "reg"
                           : pass                                                        ? "same"
                                                                                         : "";
        buf_addf(b, "<i class=\"%s\" title=\"", kind);
        text(b, json_str_at(p, "id", ""));
        buf_adds(b, ": ");
        text(b, json_str_at(p, "base", ""));
        buf_adds(b, " &#8594; ");
        text(b, cand);
        seen = seen_find(v, json_str_at(p, "id", ""));
        add_reason(b, seen, "before");
        add_reason(b, seen, "after");
        buf_adds(b, "\"></i>");
    }
    buf_adds(b, "</div>\n");
}

static void add_edit(struct buf *b, const json_t *edit)
{
    if (json_is_array(edit)) {
        size_t i;
        json_t *e;
        json_array_foreach (edit, i, e) {
            if (!json_is_array(e))
                add_edit(b, e);
        }
        return;
    }
    buf_adds(b, "<p><b>");
    text(b, json_str_at(edit, "action", ""));
    buf_addch(b, ' ');
    text(b, json_str_at(edit, "name", ""));
    buf_adds(b, "</b> ");
    text(b, json_str_at(edit, "description", ""));
    buf_adds(b, "</p>\n");
    if (json_str_at(edit, "content", NULL)) {
        buf_adds(b, "<pre>");
        text(b, json_str_at(edit, "content", ""));
        buf_adds(b, "</pre>\n");
    }
}

static void add_candidate(struct buf *b, const json_t *v)
{
    const json_t *edit = json_object_get(v, "edit");
    const json_t *first = json_is_array(edit) ? json_array_get(edit, 0) : edit;
    const char *fate = json_str_at(v, "fate", "");
    bool in = strcmp(fate, "accepted") == 0 || strcmp(fate, "unmeasured") == 0;
    buf_addf(b, "<details><summary><span class=\"%s\">%s</span> ", in ? "good" : "soft",
             in ? "accepted" : "refused");
    if (json_is_string(edit)) { /* of another method's memory */
        text(b, json_string_value(edit));
        buf_adds(b, "<span class=\"soft\">");
    } else {
        text(b, json_str_at(first, "action", ""));
        buf_addch(b, ' ');
        text(b, json_str_at(first, "name", ""));
        buf_adds(b, " <span class=\"soft\">");
        if (json_object_get(v, "score"))
            buf_addf(b, "score %+lld, %lld fixes, %lld regressions; ",
                     (long long)json_int_at(v, "score.score", 0),
                     (long long)json_int_at(v, "score.fixes", 0),
                     (long long)json_int_at(v, "score.regressions", 0));
        text(b, fate);
        if (json_object_get(v, "chars"))
            buf_addf(
                b, "; %+lld characters of prompt",
                (long long)(json_int_at(v, "chars.after", 0) - json_int_at(v, "chars.before", 0)));
    }
    buf_adds(b, "</span></summary>\n");
    if (json_object_get(v, "probes"))
        add_probes(b, v);
    add_edit(b, edit);
    buf_adds(b, "<p class=\"soft\">commit ");
    text(b, json_str_at(v, "commit", "?"));
    buf_adds(b, "</p></details>\n");
}

/* "4 proposals asked for, 3 distinct, 2 valid; duplicate 1, cut-off 1". */
static void add_asked(struct buf *b, const json_t *v)
{
    const char *why, *before = "; ";
    json_t *n;
    buf_addf(b, "<p class=\"soft\">%lld proposals asked for, %lld distinct, %lld valid",
             (long long)json_int_at(v, "asked", 0), (long long)json_int_at(v, "distinct", 0),
             (long long)json_int_at(v, "valid", 0));
    json_object_foreach (json_object_get(v, "refused"), why, n) {
        buf_adds(b, before);
        text(b, why);
        buf_addf(b, " %lld", (long long)json_integer_value(n));
        before = ", ";
    }
    if (json_int_at(v, "asked_again", 0))
        buf_addf(b, "; %lld asked for twice, the first reply could not be read",
                 (long long)json_int_at(v, "asked_again", 0));
    buf_adds(b, "</p>\n");
}

static void add_update(struct buf *b, int64_t update, const json_t *asked, const json_t *updates)
{
    size_t i;
    json_t *v;
    buf_addf(b, "<h3>Update %lld</h3>\n", (long long)update);
    if (asked)
        add_asked(b, asked);
    json_array_foreach (updates, i, v) {
        if (json_int_at(v, "update", 0) == update)
            add_candidate(b, v);
    }
}

/* An update of which nothing was valid is known by what was asked for only; one of a run of an
 * earlier version, or that asked for nothing, by its candidates only. */
static void add_epoch(struct buf *b, int epoch, const json_t *updates, const json_t *proposals)
{
    size_t i;
    json_t *v;
    int64_t last = -1;
    for (int64_t update = 0, most = 0; update <= most; update++) {
        const json_t *asked = NULL;
        bool has = false;
        json_array_foreach (proposals, i, v) {
            int64_t at = json_int_at(v, "epoch", 0) == epoch ? json_int_at(v, "update", 0) : -1;
            most = at > most ? at : most;
            asked = at == update ? v : asked;
        }
        json_array_foreach (updates, i, v) {
            int64_t at = json_int_at(v, "update", 0);
            most = at > most ? at : most;
            has |= at == update;
        }
        if (!asked && !has)
            continue;
        if (last < 0)
            buf_addf(b, "<h2>Epoch %d</h2>\n", epoch);
        last = update;
        add_update(b, update, asked, updates);
    }
}

static void add_calls(struct buf *b, const json_t *calls)
{
    static const char *const columns[] = {"calls_made",    "calls_replayed",    "calls_joined",
                                          "prompt_tokens", "completion_tokens", "cached_tokens"};
    const char *phase;
    json_t *v;
    buf_adds(b,
             "<h2>Calls</h2>\n<table><tr><th>phase</th><th class=\"n\">made</th>"
             "<th class=\"n\">replayed</th><th class=\"n\">joined</th><th class=\"n\">prompt "
             "tokens</th><th class=\"n\">completion tokens</th><th class=\"n\">cached</th></tr>\n");
    json_object_foreach ((json_t *)calls, phase, v) {
        buf_adds(b, "<tr><td>");
        text(b, phase);
        buf_adds(b, "</td>");
        for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
            buf_addf(b, "<td class=\"n\">%lld</td>", (long long)json_int_at(v, columns[i], 0));
        buf_adds(b, "</tr>\n");
    }
    buf_adds(b, "</table>\n");
}

/* How much longer the executor's prompt became by what was let in. */
struct growth {
    int64_t from, to;
    bool known;
};

static void grow_by(struct growth *g, const json_t *updates)
{
    size_t i;
    json_t *v;
    json_array_foreach (updates, i, v) {
        if (!json_object_get(v, "chars") || strcmp(json_str_at(v, "fate", ""), "accepted") != 0)
            continue;
        if (!g->known)
            g->from = json_int_at(v, "chars.before", 0);
        g->to = json_int_at(v, "chars.after", 0);
        g->known = true;
    }
}

int report_page(const char *dir, struct buf *out)
{
    struct growth growth = {0};
    json_t *summary = read_in(dir, "run_summary.json"), *vals = read_in(dir, "val_scores.json");
    json_t *tests = read_in(dir, "test_scores.json");
    int rc = 0;
    if (!summary) {
        rc = err_set(GRASP_ENOTFOUND, "%s holds no run_summary.json: is it the directory of a run?",
                     dir);
        goto out;
    }
    buf_adds(out, head);
    add_summary(out, summary);
    add_curve(out, vals);
    add_tests(out, tests, json_object_get(summary, "do_nothing"));
    for (int epoch = 0;; epoch++) {
        char name[64];
        snprintf(name, sizeof(name), "epoch_%d/skill_updates.json", epoch);
        json_t *updates = read_in(dir, name);
        if (!updates)
            break;
        add_epoch(out, epoch, updates, json_object_get(summary, "proposals"));
        grow_by(&growth, updates);
        json_decref(updates);
    }
    if (growth.known)
        buf_addf(out,
                 "<p>The skills in the executor's prompt grew from %lld to %lld characters.</p>\n",
                 (long long)growth.from, (long long)growth.to);
    add_calls(out, json_object_get(summary, "calls"));
    buf_adds(out, "</body></html>\n");
    rc = buf_check(out);
out:
    json_decref(summary);
    json_decref(vals);
    json_decref(tests);
    return rc;
}
