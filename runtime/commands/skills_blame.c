/* skills_blame.c - `grasp skills blame` and `diff`: which edit changed a task, and what changed
 * between two revisions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/commands/skills.h"

/* ---- blame ---- */

struct blame {
    struct library *lib;
    const char *task;
    json_t *out;  /* [{commit, edit, effect, side, base, cand, set, accepted}] */
    size_t asked; /* commits whose evidence names the task */
    bool all;
};

static void blame_row(struct blame *b, const struct step *s, const json_t *probes, const char *set)
{
    const json_t *row = probe_find(probes, b->task);
    if (!row)
        return;
    enum effect e = probe_effect(row);
    b->asked++;
    if (!b->all && e != EFFECT_FIXED && e != EFFECT_BROKE)
        return;
    json_t *v = step_to_json(s);
    json_object_set_new(v, "effect", json_string(effect_name(e)));
    json_object_set_new(v, "accepted", json_boolean(!s->ref));
    json_object_set_new(v, "set", json_string(set));
    json_object_set(v, "side", json_object_get(row, "side"));
    json_object_set(v, "base", json_object_get(row, "base"));
    json_object_set(v, "cand", json_object_get(row, "cand"));
    json_array_append_new(b->out, v);
}

static int blame_history(struct blame *b, const struct history *h)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < h->n; i++) {
        json_t *v = NULL;
        if (h->v[i].kind != STEP_EDIT)
            continue;
        rc = library_note_read(b->lib, &h->v[i].info.commit, &v);
        if (rc == GRASP_ENOTFOUND || rc == GRASP_EPARSE)
            rc = 0; /* verify names these */
        blame_row(b, &h->v[i], json_object_get(v, "probes"), "probes");
        blame_row(b, &h->v[i], json_at(v, "confirm.probes"), "confirm");
        json_decref(v);
    }
    return rc;
}

static void blame_text(const struct blame *b)
{
    json_t *v;
    size_t i;
    json_array_foreach (b->out, i, v) {
        bool accepted = json_bool_at(v, "accepted", false);
        printf("%.10s  %-9s  %-8s -> %-8s  epoch %lld.%lld  ", json_str_at(v, "commit", "?"),
               accepted ? json_str_at(v, "effect", "?") : "(refused)", json_str_at(v, "base", "?"),
               json_str_at(v, "cand", "?"), (long long)json_int_at(v, "epoch", -1) + 1,
               (long long)json_int_at(v, "update", -1) + 1);
        print_text(json_str_at(v, "edit", ""), 0);
        puts(strcmp(json_str_at(v, "set", ""), "confirm") == 0 ? "  (second probe set)" : "");
    }
    if (!json_array_size(b->out))
        printf("%s was a probe %zu time%s; no edit that was let in changed it\n", b->task, b->asked,
               b->asked == 1 ? "" : "s");
}

static int run_blame(const struct args *a)
{
    struct history h = {0}, refused = {0};
    struct blame b = {.task = operand(a, 1), .out = json_array(), .all = arg_flag(a, "all")};
    int lacks = 0;
    int rc = skills_open(&b.lib, operand(a, 0), LIBRARY_READ, &lacks);
    if (rc == 0)
        rc = history_read(b.lib, rev_of(a), &h);
    if (rc == 0)
        rc = blame_history(&b, &h);
    if (rc == 0 && b.all)
        rc = history_candidates(b.lib, &refused);
    if (rc == 0)
        rc = blame_history(&b, &refused);
    if (rc == 0 && !b.asked && lacks & LIBRARY_LACKS_EVIDENCE)
        rc = err_set(GRASP_ENOTFOUND,
                     "this copy has no evidence: whether '%s' was a probe is not known here",
                     b.task);
    else if (rc == 0 && !b.asked)
        rc = err_set(GRASP_ENOTFOUND,
                     "no evidence names the task '%s': it was never a probe%s; grasp skills bisect "
                     "measures it",
                     b.task,
                     b.all ? "" : " of an edit that was let in (--all looks at the refused)");
    if (rc == 0 && arg_flag(a, "json"))
        rc = print_json(json_incref(b.out));
    else if (rc == 0)
        blame_text(&b);
    json_decref(b.out);
    history_release(&h);
    history_release(&refused);
    library_close(b.lib);
    return rc;
}

const struct command skills_blame = {
    .name = "blame",
    .summary = "which edit fixed or broke a task, from the evidence",
    .operands = "DIR TASK",
    .min = 2,
    .max = 2,
    .options =
        (const struct option_def[]){
            AT_OPTION,
            {"all", 0, NULL, "also where it did not change, and refused candidates", NULL},
            JSON_OPTION,
            {0}},
    .details =
        "Newest first. Only what was measured: a task that was no probe when an edit was let\n"
        "in may have changed with it all the same; grasp skills bisect finds that.",
    .run = run_blame,
};

/* ---- diff ---- */

struct diff {
    struct library *lib;
    struct oid from, to;
    struct skill_set before, after;
    struct skill_changes changes;
    struct history steps; /* from..to, newest first */
    bool in_line;         /* `from` is in the first-parent history of `to` */
};

static int diff_steps(struct diff *d)
{
    struct oid at = d->to;
    int rc = 0;
    while (rc == 0 && *at.hex && strcmp(at.hex, d->from.hex) != 0) {
        rc = history_add(&d->steps, d->lib, &at, NULL);
        if (rc == 0)
            at = d->steps.v[d->steps.n - 1].info.parent;
    }
    d->in_line = *at.hex != '\0';
    if (!d->in_line)
        history_release(&d->steps);
    return rc;
}

static json_t *diff_json(const struct diff *d)
{
    json_t *skills = json_array(), *steps = json_array();
    for (size_t i = 0; i < d->changes.n; i++) {
        const struct skill_change *c = &d->changes.v[i];
        json_t *v = json_pack("{s:s, s:s}", "action", edit_action_name(c->action), "name", c->name);
        if (c->from)
            json_object_set_new(v, "from", json_integer(c->from));
        if (c->to)
            json_object_set_new(v, "to", json_integer(c->to));
        json_array_append_new(skills, v);
    }
    for (size_t i = 0; i < d->steps.n; i++)
        json_array_append_new(steps, step_to_json(&d->steps.v[i]));
    return json_pack("{s:s, s:s, s:o, s:b, s:o}", "from", d->from.hex, "to", d->to.hex, "skills",
                     skills, "in_line", d->in_line, "steps", steps);
}

static void diff_text(const struct diff *d)
{
    for (size_t i = 0; i < d->changes.n; i++) {
        const struct skill_change *c = &d->changes.v[i];
        printf("%-6s  %s", edit_action_name(c->action), c->name);
        if (c->action == EDIT_MODIFY)
            printf(" (version %d -> %d)", c->from, c->to);
        putchar('\n');
    }
    if (!d->changes.n)
        printf("the same skills\n");
    if (!d->in_line)
        printf("\n%.10s is not in the history of %.10s: no steps between them\n", d->from.hex,
               d->to.hex);
    else if (d->steps.n)
        printf("\nstep by step, newest first\n");
    for (size_t i = 0; i < d->steps.n; i++) {
        char score[16];
        score_text(&d->steps.v[i], score);
        printf("%.10s  %5s  ", d->steps.v[i].info.commit.hex, score);
        print_text(d->steps.v[i].info.subject, 0);
        putchar('\n');
    }
}

static int run_diff(const struct args *a)
{
    struct diff d = {0};
    int rc = skills_open(&d.lib, operand(a, 0), LIBRARY_READ, NULL);
    if (rc == 0)
        rc = library_resolve(d.lib, operand(a, 1), &d.from);
    if (rc == 0)
        rc = library_resolve(d.lib, operand(a, 2), &d.to);
    if (rc == 0)
        rc = library_read(d.lib, d.from.hex, &d.before);
    if (rc == 0)
        rc = library_read(d.lib, d.to.hex, &d.after);
    if (rc == 0)
        rc = skill_changes(&d.before, &d.after, &d.changes);
    if (rc == 0)
        rc = diff_steps(&d);
    if (rc == 0 && arg_flag(a, "json"))
        rc = print_json(diff_json(&d));
    else if (rc == 0)
        diff_text(&d);
    free(d.changes.v);
    history_release(&d.steps);
    skill_set_release(&d.before);
    skill_set_release(&d.after);
    library_close(d.lib);
    return rc;
}

const struct command skills_diff = {
    .name = "diff",
    .summary = "skills that differ between two revisions, and the steps between",
    .operands = "DIR REV REV",
    .min = 3,
    .max = 3,
    .options = (const struct option_def[]){JSON_OPTION, {0}},
    .details = "For the text itself: git -C DIR diff REV REV.",
    .run = run_diff,
};
