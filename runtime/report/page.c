/*
 * page.c - `grasp report`: a run as one self-contained HTML page. Everything in it comes from
 * the run's files; texts of models are escaped, and the page loads nothing and runs nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/report/curve.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"
#include "runtime/report/report.h"
#include "runtime/report/several.h"

static const struct {
    const char *id, *title;
} places[] = {{"scores", "Scores"},     {"updates", "Updates"},   {"library", "Library"},
              {"failures", "Failures"}, {"rollouts", "Rollouts"}, {"costs", "Costs"},
              {"settings", "Settings"}};

static void add_nav(struct buf *b)
{
    buf_adds(b, "<nav aria-label=\"parts of the page\"><div>\n");
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        buf_addf(b, "<a href=\"#%s\">%s</a>\n", places[i].id, places[i].title);
    buf_adds(b, "<label><input type=\"checkbox\" id=\"open\"> open all, as for paper</label>"
                "</div></nav>\n");
}

static void add_header(struct buf *b, const struct run *r)
{
    buf_adds(b, "<header>\n<p class=\"kicker\">grasp run ");
    html_text(b, r->name);
    buf_adds(b, ", ");
    html_text(b, json_str_at(r->summary, "executor", json_str_at(r->config, "model.name", "?")));
    if (!run_has_gate(r)) {
        buf_adds(b, ", method ");
        html_text(b, json_str_at(r->config, "method.name", "?"));
        buf_adds(b, " (");
        html_text(b, json_str_at(r->config, "method.fidelity", "?"));
        buf_addch(b, ')');
    }
    buf_adds(b, "</p>\n<h1>");
    part_sentence(b, r);
    buf_addf(b, "</h1>\n<div%s><div>\n", curve_there(r) ? " class=\"top\"" : "");
    curve_of_run(b, r);
    buf_adds(b, "</div>\n");
    part_facts(b, r);
    buf_adds(b, "</div>\n");
    part_now(b, r);
    if (r->life == RUN_STOPPED || r->life == RUN_DIED)
        buf_adds(b,
                 "<p class=\"note\">The same <code>grasp learn</code> goes on where it was: what "
                 "was paid for is in its journal.</p>\n");
    buf_adds(b, "</header>\n");
}

static int one_run(const char *dir, const struct report_options *o, struct buf *out)
{
    struct run r;
    int rc = run_read(&r, dir, o->library);
    if (rc < 0)
        goto out;
    struct buf title = BUF_INIT;
    buf_addf(&title, "grasp run %s", r.name);
    html_head(out, title.ptr);
    buf_release(&title);
    add_header(out, &r);
    add_nav(out);
    buf_adds(out, "<main id=\"main\">\n");
    html_section(out, "scores", "Scores");
    part_tests(out, &r);
    if (!json_object_size(r.tests))
        buf_adds(out, "<p class=\"soft\">The final scores are taken when learning is over; val "
                      "stands in the curve.</p>\n");
    buf_adds(out, "</section>\n");
    rc = part_updates(out, &r);
    if (rc == 0)
        rc = part_skills(out, &r);
    part_failures(out, &r);
    if (rc == 0)
        rc = part_rollouts(out, &r, o->traces);
    part_costs(out, &r);
    part_settings(out, &r);
    buf_adds(out, "</main>\n");
    html_foot(out);
out:
    run_release(&r);
    return rc;
}

/* Markup alone is touched: in texts it is escaped. */
static void open_all(const struct buf *page, struct buf *out)
{
    static const char fold[] = "<details";
    const char *p = page->ptr, *next;
    while ((next = strstr(p, fold))) {
        next += sizeof(fold) - 1;
        buf_add(out, p, (size_t)(next - p));
        if (!str_starts(next, " open"))
            buf_adds(out, " open");
        p = next;
    }
    buf_adds(out, p);
}

int report_page(const char *const *runs, size_t n, const struct report_options *o, struct buf *out)
{
    struct buf page = BUF_INIT, *to = o->open ? &page : out;
    int rc = n == 1 ? one_run(runs[0], o, to) : several_runs(runs, n, to);
    if (rc == 0)
        rc = buf_check(to);
    if (rc == 0 && o->open) {
        open_all(&page, out);
        rc = buf_check(out);
    }
    buf_release(&page);
    return rc;
}
