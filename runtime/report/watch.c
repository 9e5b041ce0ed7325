/* watch.c - a run as a screen. */
#include "runtime/report/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/figures.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/words.h"
#include "runtime/model/waits.h"

/* From here on two columns are easier to read than one. */
enum { WIDE = 140, GAP = 3, DECISIONS = 12, BAR = 24 };

struct watched {
    const char *dir;
    json_t *status, *summary, *val, *tests, *state;
    json_t *updates[2]; /* of the last epoch that has any, and of the one before */
    enum watch_state is;
    int64_t wall, said; /* said: when it last wrote; 0: never */
};

/* ---- reading ---- */

static json_t *read_in(const char *dir, const char *name)
{
    char *path = fs_join(dir, name);
    json_t *v = NULL;
    if (!path || !fs_exists(path) || json_read_file(&v, path) < 0)
        err_clear(); /* it is being written, or not there yet */
    free(path);
    return v;
}

static bool same_host(const char *host)
{
    char here[128] = "";
    if (gethostname(here, sizeof(here) - 1) < 0)
        return false;
    return strcmp(host, here) == 0;
}

static enum watch_state state_of(const struct watched *w)
{
    enum { QUIET = 30 };
    pid_t pid = (pid_t)json_int_at(w->status, "pid", 0);
    if (!w->status)
        return WATCH_ENDED;
    if (pid > 0 && same_host(json_str_at(w->status, "host", ""))) {
        bool there = kill(pid, 0) == 0 || errno == EPERM;
        return there && fs_is_held(w->dir) ? WATCH_RUNNING : WATCH_DIED; /* numbers come again */
    }
    return w->said < w->wall - QUIET * NS_PER_SEC ? WATCH_SILENT : WATCH_RUNNING;
}

static void read_updates(struct watched *w)
{
    int epochs = 0, n = 0;
    char name[64];
    json_t *v = NULL;
    for (;; epochs++) {
        snprintf(name, sizeof(name), "epoch_%d", epochs);
        char *path = fs_join(w->dir, name);
        bool there = path && fs_is_dir(path);
        free(path);
        if (!there)
            break;
    }
    while (epochs-- > 0 && n < 2) {
        snprintf(name, sizeof(name), "epoch_%d/skill_updates.json", epochs);
        v = read_in(w->dir, name);
        if (json_array_size(v))
            w->updates[n++] = v;
        else
            json_decref(v);
    }
}

static int watched_read(struct watched *w, const char *dir, int64_t wall)
{
    *w = (struct watched){.dir = dir, .wall = wall};
    w->status = read_in(dir, "status.json");
    w->summary = read_in(dir, "run_summary.json");
    w->state = read_in(dir, "run.json");
    w->val = read_in(dir, "val_scores.json");
    w->tests = read_in(dir, "test_scores.json");
    if (!w->status && !w->summary && !w->state)
        return err_set(GRASP_ENOTFOUND,
                       fs_exists(dir) ? "'%s' is no run's directory, and no matrix: there is "
                                        "neither run.json nor plan.json in it"
                                      : "there is no directory '%s'",
                       dir);
    if (clock_parse(json_str_at(w->status, "when", ""), &w->said) < 0)
        err_clear();
    w->is = state_of(w);
    read_updates(w);
    return 0;
}

static void watched_release(struct watched *w)
{
    json_decref(w->status);
    json_decref(w->summary);
    json_decref(w->state);
    json_decref(w->val);
    json_decref(w->tests);
    json_decref(w->updates[0]);
    json_decref(w->updates[1]);
}

/* ---- pieces ---- */

static void add_bar(struct buf *b, double share, int width)
{
    int filled = share > 0 ? (int)((share < 1 ? share : 1) * width + 0.5) : 0;
    buf_addch(b, '[');
    for (int i = 0; i < width; i++)
        buf_addch(b, i < filled ? '#' : '.');
    buf_addch(b, ']');
}

/* A line of at most `width` characters, without what would break it. */
static void add_line(struct strlist *to, const struct buf *line, size_t width)
{
    struct buf shown = BUF_INIT;
    if (line->ptr)
        buf_add_visible(&shown, line->ptr, strcspn(line->ptr, "\n"));
    size_t len = utf8_prefix(shown.ptr ? shown.ptr : "", shown.len, width);
    if (len < shown.len && width > 3) { /* cut off, which is to be seen */
        len = utf8_prefix(shown.ptr, shown.len, width - 3);
        buf_truncate(&shown, len);
        buf_adds(&shown, "...");
        len = shown.len;
    }
    strlist_addn(to, shown.ptr ? shown.ptr : "", len);
    buf_release(&shown);
}

/* The same over several lines, broken at blanks; what follows the first is indented. */
static void add_wrapped(struct strlist *to, const char *text, size_t width, size_t indent)
{
    bool first = true;
    while (*text) {
        struct buf line = BUF_INIT;
        size_t room = first || width <= indent ? width : width - indent;
        size_t all = strlen(text), len = utf8_prefix(text, all, room);
        if (len < all) {
            size_t at = len;
            while (at > 0 && text[at] != ' ')
                at--;
            len = at > 0 ? at : len;
        }
        for (size_t i = 0; !first && i < indent; i++)
            buf_addch(&line, ' ');
        buf_add(&line, text, len);
        add_line(to, &line, width);
        buf_release(&line);
        for (text += len; *text == ' '; text++)
            ;
        first = false;
    }
}

/* A file may say anything, and a year is long enough. */
static void add_seconds(struct buf *b, double s)
{
    const double most = 366.0 * 86400;
    text_add_duration(b, (int64_t)((s > 0 ? s < most ? s : most : 0) * 1e9));
}

static void add_ago(struct buf *b, int64_t since, int64_t until)
{
    add_seconds(b, ((double)until - (double)since) / 1e9);
}

/* ---- the parts of a screen ---- */

static void add_state(const struct watched *w, struct strlist *to, size_t width)
{
    struct buf b = BUF_INIT;
    const char *where = json_str_at(w->status, "where", ""), *why;
    double left = json_num_at(w->status, "left", -1);
    int64_t began = 0;
    buf_addf(&b, "%s: ", w->dir);
    switch (w->is) {
    case WATCH_RUNNING:
        buf_addf(&b, "running, %s", *where ? where : "it begins");
        break;
    case WATCH_SILENT:
        buf_addf(&b, "no word for ");
        add_ago(&b, w->said, w->wall);
        buf_addf(&b, " (it ran on %s), %s", json_str_at(w->status, "host", "?"), where);
        break;
    case WATCH_DIED:
        buf_adds(&b, "its process is gone without a word, the last sign of life ");
        add_ago(&b, w->said, w->wall);
        buf_addf(&b, " ago, %s; the same command goes on from there", where);
        break;
    case WATCH_ENDED:
        why = json_str_at(w->summary, "why", "");
        buf_adds(&b, json_str_at(w->summary, "status", "it has not begun to measure"));
        if (*why && strcmp(why, "done") != 0)
            buf_addf(&b, " (%s): the same command goes on", why);
        break;
    }
    if (w->is == WATCH_RUNNING && clock_parse(json_str_at(w->status, "began", ""), &began) == 0) {
        buf_adds(&b, "; for ");
        add_ago(&b, began, w->wall);
        if (left >= 0) {
            buf_adds(&b, ", ");
            add_seconds(&b, left);
            buf_adds(&b, " left");
        }
    } else if (w->is == WATCH_ENDED && json_num_at(w->summary, "spent.seconds", 0) > 0) {
        buf_adds(&b, ", in ");
        add_seconds(&b, json_num_at(w->summary, "spent.seconds", 0));
    }
    err_clear();
    if (b.ptr)
        add_wrapped(to, b.ptr, width, 2);
    buf_release(&b);
}

static void add_money(const struct watched *w, struct strlist *to, size_t width)
{
    const json_t *of = w->is == WATCH_ENDED ? json_object_get(w->summary, "spent") : w->status;
    int64_t replayed = json_int_at(w->status, "replayed", 0);
    double usd = json_num_at(of, "usd", 0), budget = json_num_at(w->status, "budget_usd", 0);
    struct buf b = BUF_INIT;
    text_add_count(&b, json_int_at(of, "calls", 0));
    buf_adds(&b, " calls");
    if (replayed) {
        buf_adds(&b, " (and ");
        text_add_count(&b, replayed);
        buf_adds(&b, " answers from the journal)");
    }
    buf_adds(&b, ", ");
    text_add_count(&b, json_int_at(of, "tokens", 0));
    buf_adds(&b, " tokens");
    if (usd > 0)
        buf_addf(&b, ", %.2f USD", usd);
    if (usd > 0 && budget > 0)
        buf_addf(&b, " of %.2f", budget);
    add_line(to, &b, width);
    buf_release(&b);
}

static void add_parts(const struct watched *w, struct strlist *to, size_t width)
{
    const char *also = json_str_at(w->status, "also", ""),
               *waits = json_str_at(w->status, "waits", "");
    size_t i;
    json_t *p;
    if (w->is == WATCH_ENDED)
        return;
    json_array_foreach (json_object_get(w->status, "parts"), i, p) {
        struct buf b = BUF_INIT;
        int64_t done = json_int_at(p, "done", 0), total = json_int_at(p, "total", 0),
                scored = json_int_at(p, "scored", 0);
        buf_addf(&b, "  %-16.16s ", json_str_at(p, "what", ""));
        add_bar(&b, total > 0 ? (double)done / (double)total : 0, width < 70 ? 10 : BAR);
        buf_addch(&b, ' ');
        text_add_count(&b, done);
        buf_adds(&b, " of ");
        text_add_count(&b, total);
        if (scored > 0)
            buf_addf(&b, ", %.0f %% pass",
                     100.0 * (double)json_int_at(p, "passed", 0) / (double)scored);
        add_line(to, &b, width);
        buf_release(&b);
    }
    if (*also) {
        struct buf b = BUF_INIT;
        buf_addf(&b, "  %s", also);
        add_line(to, &b, width);
        buf_release(&b);
    }
    if (*waits) {
        struct buf b = BUF_INIT;
        buf_addf(&b, "  waits for %s", waits);
        add_wrapped(to, b.ptr ? b.ptr : "", width, 4);
        buf_release(&b);
    }
}

static void head(struct strlist *to, const char *text)
{
    if (to->n)
        strlist_add(to, "");
    strlist_add(to, text);
}

static void add_curve(const struct watched *w, struct strlist *to, size_t width)
{
    size_t i;
    json_t *v;
    const json_t *now = json_object_get(w->status, "curve");
    json_t *curve = w->is != WATCH_ENDED && json_array_size(now) ? (json_t *)now : w->val;
    if (!json_array_size(curve) && !w->tests)
        return;
    head(to, "Learning curve");
    json_array_foreach (curve, i, v) {
        struct buf b = BUF_INIT;
        const json_t *epoch = json_object_get(v, "epoch"), *dev = json_object_get(v, "dev_score");
        long long number = (long long)(json_is_string(epoch) ? -1 : json_integer_value(epoch)),
                  done = (long long)json_int_at(v, "done", 1),
                  total = (long long)json_int_at(v, "total", 1);
        double share = json_num_at(v, "score", 0);
        if (json_object_get(v, "passed"))
            share = done ? (double)json_int_at(v, "passed", 0) / (double)done : 0;
        if (number < 0)
            buf_adds(&b, "  no skills ");
        else
            buf_addf(&b, "  epoch %-4llu", (unsigned long long)number + 1);
        if (done)
            buf_addf(&b, " val %5.1f %% ", 100 * share);
        else
            buf_adds(&b, " val    -    ");
        add_bar(&b, share, width < 70 ? 10 : BAR);
        if (json_is_real(dev))
            buf_addf(&b, " dev %5.1f %%", 100 * json_real_value(dev));
        if (done < total)
            buf_addf(&b, " (%lld of %lld)", done, total);
        add_line(to, &b, width);
        buf_release(&b);
    }
    const char *split;
    json_object_foreach (w->tests, split, v) {
        struct buf b = BUF_INIT;
        const json_t *best = json_object_get(v, "best");
        if (!best)
            continue;
        buf_addf(&b, "  %-10.10s     %5.1f %% without skills, %.1f %% with the best library", split,
                 100 * json_num_at(v, "baseline.score", 0), 100 * json_num_at(best, "score", 0));
        add_line(to, &b, width);
        buf_release(&b);
    }
}

/* How an arm did on a probe, against the library: + fixed, - broke. */
static char mark(char base, char is)
{
    if (is == 'p' && base == 'f')
        return '+';
    return is == 'f' && base == 'p' ? '-' : is;
}

static void add_update(const struct watched *w, struct strlist *to, size_t width)
{
    const json_t *probes = json_object_get(w->status, "probes"),
                 *arms = json_object_get(w->status, "arms");
    size_t n = json_array_size(probes), i, shown;
    json_t *v;
    struct buf base = BUF_INIT;
    if (!n || w->is == WATCH_ENDED)
        return;
    struct buf title = BUF_INIT;
    buf_addf(&title, "Update in work: %zu probes, %zu candidates", n, json_array_size(arms));
    head(to, title.ptr ? title.ptr : "");
    buf_release(&title);
    shown = n + 30 <= width ? n : width > 50 ? width - 30 : 20;
    shown = shown < n ? shown : n;
    /* beside the marks: two blanks before, " +12 -12 stop" after */
    int label = (int)(width - shown - 17 < 60 ? width - shown - 17 : 60);
    label = label < 8 ? 8 : label;
    json_array_foreach ((json_t *)probes, i, v)
        buf_adds(&base, json_str_at(v, "base", "."));
    struct buf line = BUF_INIT;
    buf_addf(&line, "  %-*s %.*s", label, "the library", (int)shown, base.ptr ? base.ptr : "");
    add_line(to, &line, width);
    buf_release(&line);
    json_array_foreach ((json_t *)arms, i, v) {
        const char *o = json_str_at(v, "outcomes", ""), *stop = json_str_at(v, "stop", "");
        const char *edit = json_str_at(v, "edit", "");
        struct buf marks = BUF_INIT;
        int fixes = 0, broken = 0, open = 0;
        for (size_t k = 0; k < base.len && o[k]; k++) {
            char m = mark(base.ptr[k], o[k]);
            fixes += m == '+';
            broken += m == '-';
            open += m == '.';
            if (k < shown)
                buf_addch(&marks, m);
        }
        size_t cut = utf8_prefix(edit, strlen(edit), (size_t)label);
        int pad = label - (int)utf8_length(edit, cut);
        buf_addf(&line, "  %.*s%*s %s +%d -%d%s", (int)cut, edit, pad, "",
                 marks.ptr ? marks.ptr : "", fixes, broken,
                 open && strcmp(stop, gate_stop_name(GATE_RUNNING)) != 0 ? " stop" : "");
        add_line(to, &line, width);
        buf_release(&marks);
        buf_release(&line);
    }
    strlist_add(to, "  p passes, f fails; + fixed, - broke; u not scored, . open");
    buf_release(&base);
}

static void add_edit(const json_t *edit, struct buf *b)
{
    size_t i;
    json_t *v;
    if (json_is_string(edit)) { /* another method's document */
        buf_adds(b, json_string_value(edit));
    } else if (json_is_array(edit)) {
        json_array_foreach ((json_t *)edit, i, v) {
            if (i)
                buf_adds(b, " and ");
            add_edit(v, b);
        }
    } else {
        buf_addf(b, "%s %s", json_str_at(edit, "action", "?"), json_str_at(edit, "name", "?"));
    }
}

static void add_decisions(const struct watched *w, struct strlist *to, size_t width, size_t most)
{
    size_t done = 0;
    if (!w->updates[0])
        return;
    head(to, "Last decisions");
    for (int k = 0; k < 2 && w->updates[k]; k++)
        for (size_t i = json_array_size(w->updates[k]); i-- > 0 && done < most; done++) {
            const json_t *v = json_array_get(w->updates[k], i);
            struct ruling r;
            struct buf b = BUF_INIT;
            ruling_read(&r, v);
            buf_addf(&b, "  %llu.%llu %s ", (unsigned long long)json_int_at(v, "epoch", 0) + 1,
                     (unsigned long long)json_int_at(v, "update", 0) + 1,
                     ruling_accepted(&r) ? "+" : " ");
            add_edit(json_object_get(v, "edit"), &b);
            buf_adds(&b, ": ");
            if (r.measured) {
                ruling_counts(&r, &b);
                buf_adds(&b, "; ");
            }
            ruling_words(&r, &b);
            add_wrapped(to, b.ptr ? b.ptr : "", width, 8);
            buf_release(&b);
        }
}

/* ", 87 again (2 limits, 85 cut), 1 given up": what happened, and nothing of what did not. */
static void add_health(const json_t *health, struct buf *b)
{
    static const struct {
        const char *key, *words;
    } why[] = {{"limited", "by limits"},
               {"server_errors", "by server errors"},
               {"cut", "by connections"},
               {"timeouts", "late"}};
    int64_t again = json_int_at(health, "retries", 0), gone = json_int_at(health, "outages", 0);
    const char *sep = " (";
    if (again)
        buf_addf(b, ", %s again", figure(again).text);
    for (size_t i = 0; again && i < sizeof(why) / sizeof(*why); i++) {
        int64_t n = json_int_at(health, why[i].key, 0);
        if (n)
            buf_addf(b, "%s%s %s", sep, figure(n).text, why[i].words);
        sep = n ? ", " : sep;
    }
    buf_adds(b, *sep == ',' ? ")" : "");
    if (gone)
        buf_addf(b, ", %s given up", figure(gone).text);
}

static void add_endpoints(const struct watched *w, struct strlist *to, size_t width)
{
    const json_t *all = json_object_get(w->status, "endpoints");
    const char *role;
    json_t *m, *e;
    size_t i;
    if (!json_object_size(all) || w->is == WATCH_ENDED)
        return;
    head(to, "Endpoints");
    json_object_foreach ((json_t *)all, role, m) {
        struct buf b = BUF_INIT;
        buf_addf(&b, "  %s %s: ", role, json_str_at(m, "model", ""));
        text_add_count(&b, json_int_at(m, "health.requests", 0));
        buf_adds(&b, " requests");
        add_health(json_object_get(m, "health"), &b);
        add_wrapped(to, b.ptr ? b.ptr : "", width, 4);
        buf_release(&b);
        json_array_foreach (json_object_get(m, "endpoints"), i, e) {
            buf_addf(&b, "    %s: ", json_str_at(e, "url", ""));
            waits_endpoint(e, w->said, &b);
            add_line(to, &b, width);
            buf_release(&b);
        }
    }
}

/* ---- the screen ---- */

static void print_beside(const struct strlist *left, const struct strlist *right, size_t column,
                         size_t from, size_t most, struct buf *out)
{
    size_t n = left->n > right->n ? left->n : right->n;
    for (size_t i = 0; i < n && from + i < most; i++) {
        const char *l = i < left->n ? left->v[i] : "", *r = i < right->n ? right->v[i] : "";
        buf_adds(out, l);
        for (size_t k = utf8_length(l, strlen(l)); *r && k < column + GAP; k++)
            buf_addch(out, ' ');
        buf_addf(out, "%s\n", r);
    }
}

static void print_below(const struct strlist *l, size_t *lines, size_t most, struct buf *out)
{
    for (size_t i = 0; i < l->n && *lines < most; i++, (*lines)++)
        buf_addf(out, "%s\n", l->v[i]);
}

int watch_screen(const char *dir, const struct watch_size *size, int64_t wall,
                 enum watch_state *state, struct buf *out)
{
    struct watched w;
    struct strlist top = {0}, left = {0}, right = {0};
    size_t most = size->height ? size->height : SIZE_MAX, lines = 0;
    bool wide = size->width >= WIDE;
    size_t column = wide ? (size->width - GAP) * 2 / 5 : size->width;
    size_t other = wide ? size->width - GAP - column : size->width;
    int rc = watched_read(&w, dir, wall);
    if (rc == 0) {
        *state = w.is;
        add_state(&w, &top, size->width);
        add_money(&w, &top, size->width);
        add_parts(&w, &top, size->width);
        strlist_add(&top, "");
        add_curve(&w, &left, column);
        add_update(&w, &right, other);
        add_endpoints(&w, wide ? &left : &right, column);
        add_decisions(&w, &right, other, DECISIONS);
        print_below(&top, &lines, most, out);
        if (wide) {
            print_beside(&left, &right, column, lines, most, out);
        } else {
            print_below(&left, &lines, most, out);
            if (left.n && right.n && lines < most) {
                buf_addch(out, '\n');
                lines++;
            }
            print_below(&right, &lines, most, out);
        }
        rc = buf_check(out);
    }
    strlist_release(&top);
    strlist_release(&left);
    strlist_release(&right);
    watched_release(&w);
    return rc;
}

void watch_brief(const char *dir, int64_t wall, struct buf *out)
{
    struct watched w;
    const char *waits;
    if (watched_read(&w, dir, wall) < 0) {
        err_clear();
        watched_release(&w);
        return;
    }
    const json_t *last = json_array_get(w.val, json_array_size(w.val) - 1);
    if (w.is != WATCH_ENDED) {
        double left = json_num_at(w.status, "left", -1);
        buf_adds(out, json_str_at(w.status, "where", ""));
        buf_adds(out, ", ");
        text_add_count(out, json_int_at(w.status, "calls", 0));
        buf_adds(out, " calls");
        if (left >= 0 && w.is == WATCH_RUNNING) {
            buf_adds(out, ", ");
            add_seconds(out, left);
            buf_adds(out, " left");
        }
        waits = json_str_at(w.status, "waits", "");
        if (*waits && w.is == WATCH_RUNNING)
            buf_addf(out, "; waits for %s", waits);
    }
    if (last)
        buf_addf(out, "%sval %.1f %%", out->len ? "; " : "", 100 * json_num_at(last, "score", 0));
    watched_release(&w);
}
