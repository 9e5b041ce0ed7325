/* probes.c - what was measured of a candidate: a grid of its probes, and the answers of those that
 * came out otherwise. */
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/history.h"
#include "runtime/history/seen.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

/* A sign and a word for each outcome, so that neither is needed alone. */
static void add_outcome(struct buf *b, const char *name)
{
    static const struct {
        const char *name, *text;
    } all[] = {{"pass", "&#10003;&#160;right"},         {"fail", "&#10007;&#160;wrong"},
               {"invalid", "&#10007;&#160;no action"},  {"error", "&#10007;&#160;task error"},
               {"pending", "&#183;&#160;not measured"}, {"unscored", "?&#160;out of reach"}};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (strcmp(name, all[i].name) == 0) {
            buf_adds(b, all[i].text);
            return;
        }
    html_text(b, name);
}

static size_t passed(const json_t *outcomes)
{
    size_t i, n = 0;
    json_t *o;
    json_array_foreach ((json_t *)outcomes, i, o) {
        n += str_same(json_string_value(o), "pass");
    }
    return n;
}

static void add_again(struct buf *b, const char *when, const json_t *again)
{
    if (json_array_size(again))
        buf_addf(b, "%s %zu of %zu right ", when, passed(again), json_array_size(again));
}

static void add_row(struct buf *b, const json_t *row, bool again)
{
    enum effect e = probe_effect(row);
    buf_addf(b, "<tr%s><th scope=\"row\">",
             e == EFFECT_FIXED   ? " class=\"f\""
             : e == EFFECT_BROKE ? " class=\"r\""
                                 : "");
    html_text(b, json_str_at(row, "id", "?"));
    buf_adds(b, "</th><td>");
    add_outcome(b, json_str_at(row, "base", ""));
    buf_adds(b, "</td><td>");
    add_outcome(b, json_str_at(row, "cand", ""));
    if (again) {
        buf_adds(b, "</td><td>");
        add_again(b, "before", json_object_get(row, "base_again"));
        add_again(b, "after", json_object_get(row, "cand_again"));
    }
    buf_addf(b, "</td><td>%s</td></tr>\n",
             e == EFFECT_FIXED   ? "<b>fixed</b>"
             : e == EFFECT_BROKE ? "<b>broke</b>"
                                 : "");
}

/* Of how many probes more was drawn, because the arms differed there. */
static size_t drawn_again(const json_t *probes)
{
    size_t i, n = 0;
    json_t *row;
    json_array_foreach ((json_t *)probes, i, row) {
        n += json_array_size(json_object_get(row, "base_again")) ||
             json_array_size(json_object_get(row, "cand_again"));
    }
    return n;
}

static void add_side(struct buf *b, const json_t *probes, const char *side, const char *title)
{
    bool again = drawn_again(probes) > 0;
    size_t i, n = 0;
    json_t *row;
    json_array_foreach ((json_t *)probes, i, row) {
        n += strcmp(json_str_at(row, "side", ""), side) == 0;
    }
    if (!n)
        return;
    buf_addf(b,
             "<table><caption>%zu %s</caption><thead><tr><th scope=\"col\">task</th><th "
             "scope=\"col\">before</th><th scope=\"col\">after</th>%s<th scope=\"col\">effect</th>"
             "</tr></thead><tbody>\n",
             n, title, again ? "<th scope=\"col\">drawn again</th>" : "");
    for (int changed = 1; changed >= 0; changed--) /* what changed first */
        json_array_foreach ((json_t *)probes, i, row) {
            enum effect e = probe_effect(row);
            if (strcmp(json_str_at(row, "side", ""), side) == 0 &&
                (e == EFFECT_FIXED || e == EFFECT_BROKE) == changed)
                add_row(b, row, again);
        }
    buf_adds(b, "</tbody></table>\n");
}

/* ---- both ends of what changed ---- */

static void add_end(struct buf *b, const char *when, const char *outcome, const json_t *end)
{
    const json_t *reasons = json_object_get(end, "reasons");
    const char *answer = json_str_at(end, "answer", NULL);
    int64_t bytes = json_int_at(end, "answer_bytes", -1);
    size_t i;
    json_t *v;
    buf_addf(b, "<div><p><b>%s</b> ", when);
    add_outcome(b, outcome);
    if (json_object_get(end, "status")) {
        buf_adds(b, ", ");
        html_text(b, json_str_at(end, "status", ""));
    }
    buf_adds(b, "</p>");
    if (answer)
        html_in(b, "pre", answer);
    else
        buf_adds(b, "<p class=\"soft\">no answer</p>");
    if (answer && bytes > (int64_t)strlen(answer))
        buf_addf(b, "<p class=\"soft\">and %lld bytes more</p>",
                 (long long)(bytes - (int64_t)strlen(answer)));
    if (json_array_size(reasons)) {
        buf_adds(b, "<ul>");
        json_array_foreach ((json_t *)reasons, i, v) {
            html_in(b, "li", json_string_value(v));
        }
        buf_adds(b, "</ul>");
    }
    buf_adds(b, "</div>\n");
}

static void add_changed(struct buf *b, const json_t *evidence, const json_t *probes)
{
    size_t i, n = 0;
    json_t *row;
    json_array_foreach ((json_t *)probes, i, row) {
        const char *id = json_str_at(row, "id", "");
        const json_t *seen = seen_find(evidence, id);
        enum effect e = probe_effect(row);
        if (!seen || (e != EFFECT_FIXED && e != EFFECT_BROKE))
            continue;
        if (!n++)
            buf_adds(b, "<details><summary>Answers and reasons of the probes that came out "
                        "otherwise</summary><div>\n");
        buf_adds(b, "<h4>");
        html_text(b, id);
        buf_addf(b, ": %s</h4><div class=\"ends\">\n", effect_name(e));
        add_end(b, "before:", json_str_at(row, "base", ""), json_object_get(seen, "before"));
        add_end(b, "after:", json_str_at(row, "cand", ""), json_object_get(seen, "after"));
        buf_adds(b, "</div>\n");
    }
    buf_adds(b, n ? "</div></details>\n" : "");
}

void part_probes(struct buf *b, const json_t *evidence, bool open)
{
    const json_t *probes = json_object_get(evidence, "probes"),
                 *confirm = json_at(evidence, "confirm.probes");
    if (!json_array_size(probes))
        return;
    size_t again = drawn_again(probes);
    buf_addf(b, "<details%s><summary>%zu probes: before and after", open ? " open" : "",
             json_array_size(probes));
    if (again)
        buf_addf(b, "; %zu on which they differed were drawn again", again);
    buf_adds(b, "</summary><div><div class=\"two\">\n");
    add_side(b, probes, "failing", "that failed when they were drawn");
    add_side(b, probes, "passing", "that passed when they were drawn");
    buf_adds(b, "</div></div></details>\n");
    add_changed(b, evidence, probes);
    if (!json_array_size(confirm))
        return;
    buf_adds(b, "<details><summary>The second probe set</summary><div><div class=\"two\">\n");
    add_side(b, confirm, "failing", "that failed when they were drawn");
    add_side(b, confirm, "passing", "that passed when they were drawn");
    buf_adds(b, "</div></div></details>\n");
}
