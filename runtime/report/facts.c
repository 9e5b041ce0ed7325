/* facts.c - what it cost, how it was set, from what and when. */
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/figures.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

static const struct {
    const char *key, *title;
} columns[] = {{"calls_made", "calls made"},       {"calls_replayed", "from the journal"},
               {"calls_joined", "shared"},         {"calls_failed", "failed"},
               {"prompt_tokens", "prompt tokens"}, {"completion_tokens", "answer tokens"},
               {"cached_tokens", "cached"}};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static void calls_table(struct buf *b, const json_t *calls)
{
    bool usd = json_num_at(calls, "total.usd", 0) > 0;
    const char *phase;
    json_t *v;
    html_table_open(b, "calls by phase");
    buf_adds(b, "<thead><tr><th scope=\"col\">phase</th>");
    for (size_t i = 0; i < COLUMNS; i++)
        buf_addf(b, "<th scope=\"col\" class=\"n\">%s</th>", columns[i].title);
    buf_adds(b, usd ? "<th scope=\"col\" class=\"n\">USD</th>" : "");
    buf_adds(b, "</tr></thead><tbody>\n");
    json_object_foreach ((json_t *)calls, phase, v) {
        bool total = strcmp(phase, "total") == 0;
        if (!total && !json_int_at(v, "calls_made", 0) && !json_int_at(v, "calls_replayed", 0))
            continue;
        buf_addf(b, "<tr%s><th scope=\"row\">", total ? " class=\"all\"" : "");
        html_text(b, phase);
        buf_adds(b, "</th>");
        for (size_t i = 0; i < COLUMNS; i++)
            html_int_cell(b, json_int_at(v, columns[i].key, 0));
        if (usd)
            buf_addf(b, "<td class=\"n\">%.2f</td>", json_num_at(v, "usd", 0));
        buf_adds(b, "</tr>\n");
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
}

/* How much longer the executor's prompt became by what was let in. */
static void add_growth(struct buf *b, const struct run *r)
{
    int64_t from = -1, to = 0;
    for (size_t e = 0; e < r->epochs; e++) {
        size_t i;
        json_t *v;
        json_array_foreach (r->epoch[e].updates, i, v) {
            if (!json_object_get(v, "chars") || strcmp(json_str_at(v, "fate", ""), "accepted") != 0)
                continue;
            from = from < 0 ? json_int_at(v, "chars.before", 0) : from;
            to = json_int_at(v, "chars.after", 0);
        }
    }
    if (from < 0)
        return;
    buf_adds(b, "<p>The skills in the executor's prompt grew from ");
    text_add_count(b, from);
    buf_adds(b, " to ");
    text_add_count(b, to);
    buf_adds(b, " characters.</p>\n");
}

static void add_endpoint(struct buf *b, const json_t *e)
{
    if (!json_int_at(e, "retries", 0) && !json_int_at(e, "outages", 0))
        return;
    buf_addf(b,
             "<p>Of %lld requests, %lld were sent again: %lld rate limits, %lld server errors, "
             "%lld cut off, %lld without an answer in time, %lld garbled; %lld calls were given "
             "up.</p>\n",
             (long long)json_int_at(e, "requests", 0), (long long)json_int_at(e, "retries", 0),
             (long long)json_int_at(e, "limited", 0), (long long)json_int_at(e, "server_errors", 0),
             (long long)json_int_at(e, "cut", 0), (long long)json_int_at(e, "timeouts", 0),
             (long long)json_int_at(e, "garbled", 0), (long long)json_int_at(e, "outages", 0));
}

void part_costs(struct buf *b, const struct run *r)
{
    const json_t *calls = json_object_get(r->summary, "calls");
    int64_t early = json_int_at(r->summary, "rollouts_saved_by_early_stop", 0);
    html_section(b, "costs", "Costs");
    if (calls)
        calls_table(b, calls);
    else
        buf_adds(b, "<p class=\"soft\">The account by phase is written when a run ends; what was "
                    "spent so far stands at the top.</p>\n");
    if (early)
        buf_addf(b,
                 "<p>Early stopping saved %lld rollouts of candidates that could no longer be "
                 "let in.</p>\n",
                 (long long)early);
    add_growth(b, r);
    add_endpoint(b, json_object_get(r->summary, "endpoint"));
    buf_adds(b, "</section>\n");
}

/* ---- settings ---- */

static void fact_json(struct buf *b, const char *name, const json_t *v)
{
    struct buf text = BUF_INIT;
    if (json_is_string(v))
        buf_adds(&text, json_string_value(v));
    else
        buf_add_json_value(&text, v);
    buf_adds(b, "<div>");
    html_in(b, "dt", name);
    html_in(b, "dd", text.ptr);
    buf_adds(b, "</div>\n");
    buf_release(&text);
}

static void add_config(struct buf *b, const json_t *config)
{
    const char *section, *key;
    json_t *v, *w;
    buf_adds(b, "<details><summary>The whole configuration, as resolved</summary><div>\n"
                "<dl class=\"list\">\n");
    json_object_foreach ((json_t *)config, section, v) {
        if (!json_is_object(v))
            fact_json(b, section, v);
        json_object_foreach (v, key, w) {
            char name[128];
            snprintf(name, sizeof(name), "%.60s.%.60s", section, key);
            if (json_is_object(w)) {
                const char *last;
                json_t *x;
                json_object_foreach (w, last, x) {
                    char deeper[200];
                    snprintf(deeper, sizeof(deeper), "%.125s.%.60s", name, last);
                    fact_json(b, deeper, x);
                }
            } else {
                fact_json(b, name, w);
            }
        }
    }
    buf_adds(b, "</dl></div></details>\n");
}

static void add_inputs(struct buf *b, const json_t *inputs)
{
    const char *key;
    json_t *v;
    buf_adds(b, "<details><summary>What it decided from, by hash</summary><div>\n");
    html_table_open(b, "inputs and their hashes");
    buf_adds(b, "<thead><tr><th scope=\"col\">input</th><th scope=\"col\">file</th><th "
                "scope=\"col\">SHA-256</th></tr></thead><tbody>\n");
    json_object_foreach ((json_t *)inputs, key, v) {
        buf_adds(b, "<tr><th scope=\"row\">");
        html_text(b, key);
        buf_adds(b, "</th>");
        html_in(b, "td", json_str_at(v, "file", ""));
        buf_adds(b, "<td class=\"id\">");
        html_text(b, json_str_at(v, "sha256", ""));
        buf_adds(b, "</td></tr>\n");
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
    buf_adds(b, "</div></details>\n");
}

/* When its first and its last decision were made. */
static void add_dates(struct buf *b, const struct run *r)
{
    int64_t first = INT64_MAX, last = 0;
    const char *key;
    char text[CLOCK_TEXT];
    json_t *v;
    json_object_foreach (json_object_get(r->state, "decided"), key, v) {
        int64_t when = json_integer_value(v);
        first = when < first ? when : first;
        last = when > last ? when : last;
    }
    if (last) {
        clock_format(first, 0, text);
        html_fact(b, "first decision", "%s", text);
        clock_format(last, 0, text);
        html_fact(b, "last decision", "%s", text);
    }
    clock_format(clock_stamp(), 0, text);
    html_fact(b, "this page", "%s, by grasp %s", text, GRASP_VERSION);
}

static void fact_of(struct buf *b, const struct run *r, const char *label, const char *key)
{
    const json_t *v = json_at(r->config, key);
    if (v && !json_is_null(v))
        fact_json(b, label, v);
}

void part_settings(struct buf *b, const struct run *r)
{
    const char *draws = json_str_at(r->summary, "draws", json_str_at(r->state, "draws", NULL));
    const char *rule =
        json_str_at(r->summary, "gate_rule", json_str_at(r->state, "gate_rule", NULL));
    html_section(b, "settings", "Settings, versions, dates");
    buf_adds(b, "<dl class=\"list\">\n");
    html_fact(b, "run", "%s", r->name);
    html_fact(b, "directory", "%s", r->dir);
    html_fact(b, "library", "%s",
              r->lib ? library_dir(r->lib) : json_str_at(r->state, "library", "not found"));
    html_fact(b, "version", "%s",
              json_str_at(r->state, "version", "not said (a run of an earlier version)"));
    html_fact(b, "executor", "%s",
              json_str_at(r->summary, "executor", json_str_at(r->config, "model.name", "?")));
    html_fact(b, "writer", "%s",
              json_str_at(r->summary, "writer", json_str_at(r->config, "writer.name", "?")));
    fact_of(b, r, "method", "method.name");
    if (!run_has_gate(r))
        fact_of(b, r, "fidelity", "method.fidelity");
    fact_of(b, r, "benchmark", "benchmark.version");
    fact_of(b, r, "seed", "cycle.seed");
    fact_of(b, r, "epochs", "cycle.epochs");
    fact_of(b, r, "tasks a batch", "cycle.update_every");
    fact_of(b, r, "proposals an update", "cycle.grpo_k");
    fact_of(b, r, "probes", "cycle.grpo_eval_n");
    if (draws)
        html_fact(b, "draws", "%s", draws);
    if (rule && run_has_gate(r))
        html_fact(b, "rule of the gate", "%s", rule);
    add_dates(b, r);
    buf_adds(b, "</dl>\n");
    if (r->config)
        add_config(b, r->config);
    if (json_object_size(json_object_get(r->state, "inputs")))
        add_inputs(b, json_object_get(r->state, "inputs"));
    buf_adds(b, "</section>\n");
}
