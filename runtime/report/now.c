/* now.c - what a run in progress is at, or what one that died was at, out of its status.json. */
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

/* "dev 47 of 48, 34 right; val 30 of 80, 22 right" */
static void add_parts(struct buf *b, const json_t *parts)
{
    size_t i;
    json_t *v;
    json_array_foreach ((json_t *)parts, i, v) {
        buf_adds(b, "; ");
        html_text(b, json_str_at(v, "what", "?"));
        buf_addf(b, " %lld", (long long)json_int_at(v, "done", 0));
        if (json_int_at(v, "total", 0))
            buf_addf(b, " of %lld", (long long)json_int_at(v, "total", 0));
        if (json_int_at(v, "scored", 0))
            buf_addf(b, ", %lld right", (long long)json_int_at(v, "passed", 0));
    }
}

static size_t count_letter(const char *outcomes, char letter)
{
    size_t n = 0;
    for (; *outcomes; outcomes++)
        n += *outcomes == letter;
    return n;
}

/* The candidates that are being measured. */
static void add_arms(struct buf *b, const json_t *arms)
{
    size_t i;
    json_t *v;
    if (!json_array_size(arms))
        return;
    html_table_open(b, "candidates that are measured");
    buf_adds(
        b, "<thead><tr><th scope=\"col\">candidate</th><th scope=\"col\" class=\"n\">measured</th>"
           "<th scope=\"col\" class=\"n\">right</th><th scope=\"col\">state</th></tr></thead>"
           "<tbody>\n");
    json_array_foreach ((json_t *)arms, i, v) {
        const char *outcomes = json_str_at(v, "outcomes", "");
        const char *stop = json_str_at(v, "stop", "");
        size_t all = strlen(outcomes);
        buf_adds(b, "<tr>");
        html_in(b, "th scope=\"row\"", json_str_at(v, "edit", "?"));
        buf_addf(b, "<td class=\"n\">%zu of %zu</td><td class=\"n\">%zu</td><td>",
                 all - count_letter(outcomes, '.'), all, count_letter(outcomes, 'p'));
        html_text(b, strcmp(stop, "running") == 0    ? "in work"
                     : strcmp(stop, "finished") == 0 ? "measured"
                                                     : "stopped early");
        buf_adds(b, "</td></tr>\n");
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
}

void part_now(struct buf *b, const struct run *r)
{
    json_t *v = r->life == RUN_RUNNING || r->life == RUN_DIED ? run_json(r, "status.json") : NULL;
    const char *waits = json_str_at(v, "waits", NULL);
    double left = json_num_at(v, "left", -1);
    if (!json_is_object(v)) {
        json_decref(v);
        return;
    }
    buf_addf(b, "<p class=\"note\">%s ", r->life == RUN_RUNNING ? "At" : "Last heard of at");
    html_text(b, json_str_at(v, "when", "?"));
    buf_adds(b, ": ");
    html_text(b, json_str_at(v, "where", "?"));
    add_parts(b, json_object_get(v, "parts"));
    if (r->life == RUN_RUNNING && left > 0) {
        buf_adds(b, "; about ");
        html_duration(b, left);
        buf_adds(b, " left");
    }
    if (waits && *waits) {
        buf_adds(b, "; waiting for ");
        html_text(b, waits);
    }
    buf_adds(b, ".</p>\n");
    add_arms(b, json_object_get(v, "arms"));
    json_decref(v);
}
