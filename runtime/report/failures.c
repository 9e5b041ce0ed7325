/* failures.c - what went wrong on dev, by the writer's mechanisms, epoch by epoch. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

struct mechanism {
    const char *label;
    int64_t total;
};

static int64_t count_in(const json_t *taxonomy, const char *label)
{
    int64_t n = 0;
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(taxonomy, "updates"), i, row) {
        const char *task;
        json_t *v;
        json_object_foreach (json_object_get(row, "labels"), task, v) {
            n += str_same(json_string_value(v), label);
        }
    }
    return n;
}

/* {label: how often} over all epochs. New reference. */
static json_t *count_all(const struct run *r)
{
    json_t *out = json_object();
    for (size_t e = 0; out && e < r->epochs; e++) {
        size_t i;
        json_t *row;
        json_array_foreach (json_object_get(r->epoch[e].taxonomy, "updates"), i, row) {
            const char *task;
            json_t *v;
            json_object_foreach (json_object_get(row, "labels"), task, v) {
                const char *label = json_string_value(v);
                if (label)
                    json_object_set_new(
                        out, label,
                        json_integer(json_integer_value(json_object_get(out, label)) + 1));
            }
        }
    }
    return out;
}

static int by_total(const void *a, const void *b)
{
    const struct mechanism *x = a, *y = b;
    return x->total != y->total ? (x->total < y->total ? 1 : -1) : strcmp(x->label, y->label);
}

static const char *about(const struct run *r, const char *label)
{
    const char *text = NULL;
    for (size_t e = 0; e < r->epochs; e++) {
        const json_t *v = json_object_get(json_object_get(r->epoch[e].taxonomy, "labels"), label);
        text = json_is_string(v) ? json_string_value(v) : text;
    }
    return text;
}

static void add_count(struct buf *b, int64_t n, int64_t most)
{
    if (!n) {
        buf_adds(b, "<td class=\"n soft\">0</td>");
        return;
    }
    buf_addf(b, "<td class=\"n\">%lld<span class=\"few\" style=\"width:%.1fem\"></span></td>",
             (long long)n, most ? 0.2 + 2.2 * (double)n / (double)most : 0);
}

static void add_rows(struct buf *b, const struct run *r, const struct mechanism *m, size_t n)
{
    int64_t most = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t e = 0; e < r->epochs; e++) {
            int64_t count = count_in(r->epoch[e].taxonomy, m[i].label);
            most = count > most ? count : most;
        }
    for (size_t i = 0; i < n; i++) {
        const char *text = about(r, m[i].label);
        buf_adds(b, "<tr><th scope=\"row\"><code>");
        html_text(b, m[i].label);
        buf_adds(b, "</code><br><span class=\"soft\">");
        html_text(b, text);
        buf_adds(b, "</span></th>");
        for (size_t e = 0; e < r->epochs; e++)
            add_count(b, count_in(r->epoch[e].taxonomy, m[i].label), most);
        buf_adds(b, "</tr>\n");
    }
}

void part_failures(struct buf *b, const struct run *r)
{
    json_t *all = count_all(r), *v;
    size_t n = 0;
    const char *label;
    struct mechanism *m = calloc(json_object_size(all) + 1, sizeof(*m));
    html_section(b, "failures", "Failures by mechanism");
    json_object_foreach (all, label, v) {
        if (m)
            m[n++] = (struct mechanism){label, json_integer_value(v)};
    }
    if (!n) {
        buf_adds(b, "<p class=\"soft\">No failure of dev was classified.</p>\n");
    } else {
        qsort(m, n, sizeof(*m), by_total);
        buf_adds(b, "<p class=\"soft\">How many dev rollouts of an epoch failed that way, in the "
                    "writer's words. Later epochs meet the same tasks with more skills.</p>\n");
        html_table_open(b, "failures by mechanism and epoch");
        buf_adds(b, "<thead><tr><th scope=\"col\">mechanism</th>");
        for (size_t e = 0; e < r->epochs; e++)
            buf_addf(b, "<th scope=\"col\" class=\"n\"><span class=\"long\">epoch </span>%zu</th>",
                     e + 1);
        buf_adds(b, "</tr></thead><tbody>\n");
        add_rows(b, r, m, n);
        buf_adds(b, "</tbody>");
        html_table_close(b);
    }
    buf_adds(b, "</section>\n");
    free(m);
    json_decref(all);
}
