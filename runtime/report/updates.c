/* updates.c - every update as a row that opens: its candidates, what each changes, what was measured of
 * it, why it was let in or not, and what the writer said. */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/figures.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/words.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

void update_id(const json_t *v, int epoch, char out[32])
{
    snprintf(out, 32, "u%d-%lld", epoch, (long long)json_int_at(v, "update", 0));
}

static void edit_name(struct buf *b, const json_t *edit)
{
    html_text(b, json_str_at(edit, "action", "?"));
    buf_addch(b, ' ');
    html_text(b, json_str_at(edit, "name", "?"));
}

/* "ADD x", "REMOVE a + ADD b". */
static void edit_words(struct buf *b, const json_t *edit)
{
    size_t i;
    json_t *e;
    if (json_is_string(edit)) { /* of another method's memory */
        html_text(b, json_string_value(edit));
        return;
    }
    if (!json_is_array(edit)) {
        edit_name(b, edit);
        return;
    }
    json_array_foreach ((json_t *)edit, i, e) {
        buf_adds(b, i ? " + " : "");
        edit_name(b, e);
    }
}

bool update_winner(const json_t *updates, int64_t update, int *score)
{
    size_t i;
    json_t *v;
    json_array_foreach ((json_t *)updates, i, v) {
        if (json_int_at(v, "update", -1) == update &&
            strcmp(json_str_at(v, "fate", ""), "accepted") == 0) {
            *score = (int)json_int_at(v, "score.score", 0);
            return true;
        }
    }
    return false;
}

/* ---- a candidate ---- */

/* The skill as it was before an edit: out of the library, where that is there; else what the run's
 * edits made of it. NULL: there was none, or it is not known. */
static const struct skill *before_edit(const struct run *r, const json_t *v, const char *name,
                                       const struct skill_set *so_far, struct skill_set *read)
{
    struct strlist names = {0};
    struct oid parent;
    if (r->lib && oid_from_text(&parent, json_str_at(v, "parent", NULL)) &&
        strlist_add(&names, name) == 0 && library_read_only(r->lib, &parent, &names, read) == 0) {
        strlist_release(&names);
        return skill_set_find(read, name);
    }
    err_clear();
    strlist_release(&names);
    return skill_set_find(so_far, name);
}

static int add_change(struct buf *b, const struct run *r, const json_t *v, const json_t *edit,
                      const struct skill_set *so_far)
{
    const char *action = json_str_at(edit, "action", ""), *name = json_str_at(edit, "name", "");
    struct skill_set read = {0};
    struct buf before = BUF_INIT, after = BUF_INIT;
    bool add = strcmp(action, "ADD") == 0;
    const struct skill *was = add ? NULL : before_edit(r, v, name, so_far, &read);
    if (was)
        skill_text(was, &before);
    edit_text(edit, was, &after);
    buf_addf(b, "<details open><summary>%s</summary><div>\n",
             add                             ? "The new skill"
             : strcmp(action, "REMOVE") == 0 ? "What is removed"
                                             : "What changes in the skill");
    int rc = 0;
    if (!add && !was)
        buf_adds(b, "<p class=\"soft\">The text before is not in the run's files; with "
                    "<code>--library</code> it is read from the library.</p>\n");
    rc = part_diff(b, before.ptr, after.ptr);
    buf_adds(b, "</div></details>\n");
    skill_set_release(&read);
    buf_release(&before);
    buf_release(&after);
    return rc;
}

static int add_edits(struct buf *b, const struct run *r, const json_t *v,
                     const struct skill_set *so_far)
{
    const json_t *edit = json_object_get(v, "edit");
    size_t i;
    json_t *e;
    int rc = 0;
    if (json_is_object(edit))
        return add_change(b, r, v, edit, so_far);
    json_array_foreach ((json_t *)edit, i, e) {
        if (rc == 0 && json_is_object(e))
            rc = add_change(b, r, v, e, so_far);
    }
    return rc;
}

/* Why the writer proposed it, and which failures it is about. */
static void add_reason(struct buf *b, const struct run *r, int epoch, const json_t *v)
{
    const json_t *edit = json_object_get(v, "edit"),
                 *last =
                     json_is_array(edit) ? json_array_get(edit, json_array_size(edit) - 1) : edit;
    const char *reason = json_str_at(last, "reason", NULL), *label = json_str_at(v, "label", NULL);
    const json_t *labels = json_object_get(r->epoch[epoch].taxonomy, "labels");
    const char *about = label ? json_string_value(json_object_get(labels, label)) : NULL;
    if (label) {
        buf_adds(b, "<p class=\"note\">Aimed at the failures <code>");
        html_text(b, label);
        buf_adds(b, "</code>");
        if (about) {
            buf_adds(b, ": ");
            html_text(b, about);
        }
        buf_adds(b, "</p>\n");
    }
    if (reason) {
        buf_adds(b, "<p class=\"note\">The writer: ");
        html_text(b, reason);
        buf_adds(b, "</p>\n");
    }
}

static void ruling_html(struct buf *b, const struct ruling *ruling,
                        void (*words)(const struct ruling *, struct buf *))
{
    struct buf text = BUF_INIT;
    words(ruling, &text);
    html_text(b, text.ptr);
    buf_release(&text);
}

static void add_chip(struct buf *b, const struct ruling *ruling)
{
    bool in = ruling_accepted(ruling);
    const char *words = in && ruling->measured ? "&#10003; accepted"
                        : in                   ? "&#10003; taken in"
                        : *ruling->fate        ? "&#10007; refused"
                                               : "&#183; not decided";
    buf_addf(b, "<span class=\"chip %s\">%s</span>", in ? "good" : "soft", words);
}

/* Beside the chip, which says whether: why not, or what it gained. */
static void add_why_short(struct buf *b, const struct ruling *ruling)
{
    static const char refused[] = "refused: ";
    struct buf words = BUF_INIT;
    ruling_words(ruling, &words);
    buf_adds(b, " <span class=\"soft\">");
    if (str_starts(words.ptr, refused))
        html_text(b, words.ptr + sizeof(refused) - 1);
    else if (ruling->measured)
        ruling_html(b, ruling, ruling_counts);
    else
        html_text(b, words.ptr);
    buf_adds(b, "</span>");
    buf_release(&words);
}

static int add_candidate(struct buf *b, const struct run *r, int epoch, const json_t *v,
                         const int *winner, const struct skill_set *so_far)
{
    const json_t *chars = json_object_get(v, "chars");
    struct ruling ruling;
    ruling_read(&ruling, v);
    ruling.winner = winner;
    buf_addf(b, "<details%s><summary>", ruling_accepted(&ruling) ? " open" : "");
    add_chip(b, &ruling);
    buf_adds(b, "<b>");
    edit_words(b, json_object_get(v, "edit"));
    buf_adds(b, "</b>");
    if (json_bool_at(v, "revision", false))
        buf_adds(b, " (revised once)");
    add_why_short(b, &ruling);
    buf_adds(b, "</summary><div>\n");
    if (ruling.measured) {
        buf_adds(b, ruling_accepted(&ruling)
                        ? "<p>No candidate gained more, and it broke no more than may break: "
                        : "<p>What it was measured to do: ");
        ruling_html(b, &ruling, ruling_counts);
        buf_adds(b, ".");
        int64_t longer = json_int_at(chars, "after", 0) - json_int_at(chars, "before", 0);
        if (chars && longer) {
            buf_adds(b, " The executor's prompt becomes ");
            text_add_count(b, longer < 0 ? -longer : longer);
            buf_addf(b, " characters %s.", longer < 0 ? "shorter" : "longer");
        }
        buf_adds(b, "</p>\n");
    }
    add_reason(b, r, epoch, v);
    int rc = add_edits(b, r, v, so_far);
    part_probes(b, v, ruling_accepted(&ruling));
    buf_adds(b, "<p class=\"soft\">commit <span class=\"id\">");
    html_text(b, json_str_at(v, "commit", "?"));
    buf_adds(b, "</span></p></div></details>\n");
    return rc;
}

/* ---- an update ---- */

/* "4 proposals asked for, 3 distinct, 2 valid; duplicate 1, cut-off 1". */
static void add_asked(struct buf *b, const json_t *v)
{
    const char *why, *before = "; not valid: ";
    json_t *n;
    buf_addf(b, "<p class=\"soft\">%lld proposals asked for, %lld distinct, %lld valid",
             (long long)json_int_at(v, "asked", 0), (long long)json_int_at(v, "distinct", 0),
             (long long)json_int_at(v, "valid", 0));
    json_object_foreach (json_object_get(v, "refused"), why, n) {
        buf_adds(b, before);
        html_text(b, why);
        buf_addf(b, " %lld", (long long)json_integer_value(n));
        before = ", ";
    }
    if (json_int_at(v, "asked_again", 0))
        buf_addf(b, "; %lld asked for twice, the first reply could not be read",
                 (long long)json_int_at(v, "asked_again", 0));
    buf_adds(b, "</p>\n");
}

/* What the writer made of the batch's failures. */
static void add_diagnosis(struct buf *b, const json_t *row)
{
    const json_t *labels = json_object_get(row, "labels"), *notes = json_object_get(row, "notes");
    const char *task;
    json_t *label;
    size_t n = json_object_size(labels);
    if (!n)
        return;
    buf_addf(b, "<details><summary>The writer's diagnosis of %zu %s</summary><div>\n", n,
             plural((int64_t)n, "failure", "failures"));
    html_table_open(b, "diagnosis");
    buf_addf(b,
             "<thead><tr><th scope=\"col\">task</th><th scope=\"col\">mechanism</th>%s</tr></thead>"
             "<tbody>\n",
             json_object_size(notes) ? "<th scope=\"col\">what went wrong</th>" : "");
    json_object_foreach ((json_t *)labels, task, label) {
        buf_adds(b, "<tr><th scope=\"row\">");
        html_text(b, task);
        buf_adds(b, "</th>");
        html_in(b, "td", json_string_value(label));
        if (json_object_size(notes))
            html_in(b, "td", json_string_value(json_object_get(notes, task)));
        buf_adds(b, "</tr>\n");
    }
    buf_adds(b, "</tbody>");
    html_table_close(b);
    buf_adds(b, "</div></details>\n");
}

static const json_t *row_of(const json_t *rows, int64_t update)
{
    size_t i;
    json_t *v;
    json_array_foreach ((json_t *)rows, i, v) {
        if (json_int_at(v, "update", -1) == update)
            return v;
    }
    return NULL;
}

/* The line that an update is while it is closed. */
static void add_summary(struct buf *b, int epoch, int64_t update, const json_t *updates)
{
    size_t i, n = 0, in = 0;
    json_t *v;
    buf_addf(b, "<b>Update %d.%lld</b> ", epoch + 1, (long long)update + 1);
    json_array_foreach ((json_t *)updates, i, v) {
        struct ruling ruling;
        if (json_int_at(v, "update", 0) != update)
            continue;
        n++;
        ruling_read(&ruling, v);
        if (!ruling_accepted(&ruling) || in++)
            continue;
        add_chip(b, &ruling);
        edit_words(b, json_object_get(v, "edit"));
        if (ruling.measured)
            buf_addf(b, " <b>%+d</b>", ruling.score.score);
    }
    if (!in)
        buf_adds(b, "<span class=\"chip soft\">&#10007; nothing let in</span>");
    else if (in > 1)
        buf_addf(b, " and %zu more", in - 1);
    buf_addf(b, " <span class=\"soft\">%zu %s</span>", n,
             plural((int64_t)n, "candidate", "candidates"));
}

static int add_update(struct buf *b, const struct run *r, int epoch, int64_t update,
                      struct skill_set *skills)
{
    const struct run_epoch *e = &r->epoch[epoch];
    const json_t *asked = row_of(e->asked, update);
    int won, rc = 0;
    const int *winner = update_winner(e->updates, update, &won) ? &won : NULL;
    size_t i;
    json_t *v;
    buf_adds(b, "<details><summary>");
    add_summary(b, epoch, update, e->updates);
    /* inside, so that a link to it opens the row */
    buf_addf(b, "</summary><div id=\"u%d-%lld\">\n", epoch, (long long)update);
    if (asked)
        add_asked(b, asked);
    add_diagnosis(b, row_of(json_object_get(e->taxonomy, "updates"), update));
    for (int in = 1; in >= 0; in--) /* what was let in first */
        json_array_foreach (e->updates, i, v) {
            struct ruling ruling;
            ruling_read(&ruling, v);
            if (rc == 0 && json_int_at(v, "update", 0) == update && ruling_accepted(&ruling) == in)
                rc = add_candidate(b, r, epoch, v, in ? NULL : winner, skills);
        }
    buf_adds(b, "</div></details>\n");
    json_array_foreach (e->updates, i, v) {
        struct ruling ruling;
        ruling_read(&ruling, v);
        if (json_int_at(v, "update", 0) == update && ruling_accepted(&ruling) &&
            run_apply(skills, json_object_get(v, "edit")) < 0)
            err_clear(); /* on a skill that is not in the run's files */
    }
    return rc;
}

/* An update of which nothing was valid is known by what was asked for only; one of a run of an
 * earlier version, or that asked for nothing, by its candidates only. */
static int64_t last_update(const struct run_epoch *e)
{
    int64_t last = -1;
    size_t i;
    json_t *v;
    json_array_foreach (e->asked, i, v) {
        last = json_int_at(v, "update", 0) > last ? json_int_at(v, "update", 0) : last;
    }
    json_array_foreach (e->updates, i, v) {
        last = json_int_at(v, "update", 0) > last ? json_int_at(v, "update", 0) : last;
    }
    return last < 10000 ? last : 10000;
}

int part_updates(struct buf *b, const struct run *r)
{
    struct skill_set skills = {0};
    int rc = skill_set_copy(&skills, &r->begin);
    html_section(b, "updates", "Updates");
    const char *blind = json_str_at(r->config, "cycle.blind_select", "false");
    if (json_bool_at(r->config, "cycle.no_gate", false) || strcmp(blind, "false") != 0)
        buf_adds(b, "<p class=\"soft\">Each update proposes edits for the failures of a batch of "
                    "dev tasks, and takes them in without measuring. A row opens.</p>\n");
    else if (run_has_gate(r))
        buf_adds(b, "<p class=\"soft\">Each update proposes edits for the failures of a batch of "
                    "dev tasks and measures them on a probe set: tasks that failed and tasks that "
                    "passed, rolled out with the library as it stood (before) and with the edit "
                    "(after). A row opens.</p>\n");
    for (size_t i = 0; rc == 0 && i < r->epochs; i++) {
        const struct run_epoch *e = &r->epoch[i];
        int64_t last = last_update(e);
        buf_addf(b, "<h3>Epoch %zu</h3>\n", i + 1);
        if (last < 0)
            buf_adds(b, "<p class=\"soft\">No update.</p>\n");
        for (int64_t u = 0; rc == 0 && u <= last; u++)
            if (row_of(e->asked, u) || row_of(e->updates, u))
                rc = add_update(b, r, (int)i, u, &skills);
    }
    if (!r->epochs)
        buf_adds(b, "<p class=\"soft\">No epoch has begun.</p>\n");
    buf_adds(b, "</section>\n");
    skill_set_release(&skills);
    return rc;
}
