/* rollouts.c - a few rollouts to read: those that say most about what the library does and what is
 * still wrong. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"
#include "runtime/report/trace.h"

enum { TASK_END = 700 }; /* bytes of the first message that are its task: it ends with it */

static int read_file(const struct run *r, const char *name, struct traces *t)
{
    char *path = fs_join(r->dir, name);
    int rc = path ? traces_read(t, path) : err_oom();
    free(path);
    return rc;
}

static void add_message(struct buf *b, const char *title, const json_t *message, size_t last)
{
    const char *text = json_str_at(message, "content", "");
    size_t len = strlen(text), from = last && len > last ? len - last : 0;
    while (from && ((unsigned char)text[from] & 0xc0) == 0x80)
        from--;
    buf_adds(b, "<div class=\"msg\"><h3>");
    html_text(b, title);
    if (from)
        buf_addf(b, " (its last %zu of %zu bytes)", len - from, len);
    buf_addf(b, "</h3><pre>%s", from ? "&#8230;" : "");
    html_text(b, text + from);
    buf_adds(b, "</pre></div>\n");
}

/* The task out of a first message, which is JSON where the world has functions; else its end. */
static void add_task(struct buf *b, const json_t *message)
{
    const char *text = json_str_at(message, "content", ""), *context;
    json_t *v = NULL;
    if (json_parse(&v, text, strlen(text), "a first message") < 0)
        err_clear();
    const char *task = json_str_at(v, "task.description", NULL);
    if (!task) {
        add_message(b, "The first message ends with its task", message, TASK_END);
    } else {
        buf_addf(b,
                 "<div class=\"msg\"><h3>The task, out of the first message of %zu bytes</h3><pre>",
                 strlen(text));
        html_text(b, task);
        if ((context = json_str_at(v, "task.context", NULL)) && *context) {
            buf_adds(b, "\n\n");
            html_text(b, context);
        }
        buf_adds(b, "</pre></div>\n");
    }
    json_decref(v);
}

static void add_messages(struct buf *b, const json_t *messages)
{
    size_t n = json_array_size(messages);
    if (!n) {
        buf_adds(b, "<p class=\"soft\">Its messages cannot be shown: ");
        html_text(b, *err_msg() ? err_msg() : "none were kept");
        buf_adds(b, "</p>\n");
        err_clear();
        return;
    }
    add_task(b, json_array_get(messages, 0));
    if (n > 1)
        add_message(b, "The last message", json_array_get(messages, n - 1), 4000);
    buf_addf(b, "<details><summary>The whole trace: %zu %s</summary><div>\n", n,
             plural((int64_t)n, "message", "messages"));
    for (size_t i = 0; i < n; i++) {
        const json_t *m = json_array_get(messages, i);
        char title[64];
        snprintf(title, sizeof(title), "%zu. %.40s", i + 1, json_str_at(m, "role", "?"));
        add_message(b, title, m, 0);
    }
    buf_adds(b, "</div></details>\n");
}

static void add_rollout(struct buf *b, struct traces *t, const struct trace *x, const char *where,
                        const char *why, const char *label)
{
    const char *status = json_str_at(x->head, "status", "");
    const json_t *reasons = json_object_get(x->head, "reasons");
    bool right = trace_correct(x);
    size_t i;
    json_t *v, *messages = trace_messages(t, x);
    buf_addf(b, "<details class=\"trace\"><summary><span class=\"chip %s\">%s</span><b>",
             right ? "good" : "bad", right ? "&#10003; right" : "&#10007; wrong");
    html_text(b, trace_task(x));
    buf_adds(b, "</b> <span class=\"soft\">");
    html_text(b, where);
    buf_adds(b, "</span> ");
    html_text(b, why);
    html_text(b, label);
    buf_adds(b, "</summary><div>\n");
    if (strcmp(status, "completed") != 0) {
        buf_adds(b, "<p>It ended as: ");
        html_text(b, status);
        buf_adds(b, "</p>\n");
    }
    if (json_array_size(reasons)) {
        buf_adds(b, "<p>Why it was graded wrong:</p><ul class=\"why\">\n");
        json_array_foreach ((json_t *)reasons, i, v) {
            html_in(b, "li", json_string_value(v));
        }
        buf_adds(b, "</ul>\n");
    }
    add_messages(b, messages);
    buf_adds(b, "</div></details>\n");
    json_decref(messages);
}

/* ---- which ones ---- */

/* Tasks that came out otherwise with the best library: first those that broke. */
static int add_changed(struct buf *b, const struct run *r, const char *split, size_t most,
                       size_t *shown)
{
    struct traces before = {0}, after = {0};
    char name[64], where[64];
    snprintf(name, sizeof(name), "%.20s_eval_baseline/test_runs.jsonl", split);
    int rc = read_file(r, name, &before);
    snprintf(name, sizeof(name), "%.20s_eval_best/test_runs.jsonl", split);
    if (rc == 0)
        rc = read_file(r, name, &after);
    snprintf(where, sizeof(where), "%.20s, with the best library", split);
    for (int fixed = 0; rc == 0 && fixed < 2; fixed++) {
        size_t n = 0;
        for (size_t i = 0; i < after.n && n < (most + 1) / 2; i++) {
            const struct trace *x = &after.v[i], *was = traces_find(&before, trace_task(x));
            if (!was || !trace_scored(x) || !trace_scored(was) || trace_correct(x) != fixed ||
                trace_correct(was) == fixed)
                continue;
            add_rollout(b, &after, x, where,
                        fixed ? "wrong without skills" : "right without skills", NULL);
            n++;
        }
        *shown += n;
    }
    traces_release(&before);
    traces_release(&after);
    return rc;
}

/* Of each mechanism the last epoch's first failure. */
static int add_failures(struct buf *b, const struct run *r, size_t most, size_t *shown)
{
    struct traces dev = {0};
    struct strlist told = {0};
    size_t epoch = r->epochs, n = 0, i;
    char name[64], where[64];
    json_t *row;
    int rc = 0;
    while (epoch-- > 0 && rc == 0 && !dev.n) {
        snprintf(name, sizeof(name), "epoch_%zu/dev_runs.jsonl", epoch);
        traces_release(&dev);
        rc = read_file(r, name, &dev);
        snprintf(where, sizeof(where), "dev, epoch %zu", epoch + 1);
        if (dev.n)
            break;
    }
    if (rc == 0 && dev.n)
        json_array_foreach (json_object_get(r->epoch[epoch].taxonomy, "updates"), i, row) {
            const char *task;
            json_t *v;
            json_object_foreach (json_object_get(row, "labels"), task, v) {
                const char *label = json_string_value(v);
                const struct trace *x = traces_find(&dev, task);
                if (!label || !x || n >= most || strlist_has(&told, label))
                    continue;
                add_rollout(b, &dev, x, where, "still fails: ", label);
                rc = strlist_add(&told, label);
                n++;
            }
        }
    *shown += n;
    traces_release(&dev);
    strlist_release(&told);
    return rc;
}

int part_rollouts(struct buf *b, const struct run *r, size_t most)
{
    size_t shown = 0, third = (most + 2) / 3;
    html_section(b, "rollouts", "Rollouts to read");
    buf_adds(b,
             "<p class=\"soft\">Tasks that came out otherwise with the best library, and of each "
             "mechanism that still fails one example. All of them are in the run's files "
             "*_runs.jsonl; <code>--traces N</code> shows more or fewer here.</p>\n");
    int rc = most ? add_changed(b, r, "id_test", third, &shown) : 0;
    if (rc == 0 && most)
        rc = add_changed(b, r, "test", third, &shown);
    if (rc == 0 && most > shown)
        rc = add_failures(b, r, most - shown, &shown);
    if (!shown)
        buf_adds(b, most ? "<p>There is none to show.</p>\n" : "<p>None was asked for.</p>\n");
    buf_adds(b, "</section>\n");
    return rc;
}
