/* skills_merge.c - `grasp skills merge`: another library's skills through the gate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/skills.h"
#include "runtime/commands/session_args.h"
#include "runtime/transfer/merge.h"

static const char *why(const struct merge_step *s)
{
    static const struct {
        const char *fate, *words;
    } all[] = {
        {"same", "there already"},
        {"full", "the library is full (cycle.max_learned_skills)"},
        {"leak", "it quotes the benchmark"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (s->fate && strcmp(s->fate, all[i].fate) == 0)
            return all[i].words;
    return s->fate ? fate_words(s->fate) : "not reached";
}

static void print_report(const struct merge_report *r, const struct merge_options *o)
{
    int width = 5;
    for (size_t i = 0; i < r->n; i++)
        if ((int)strlen(r->v[i].name) > width)
            width = (int)strlen(r->v[i].name);
    printf("%s at %s (%.12s) into %s\n", o->from, o->at, r->from.hex, o->library);
    if (r->n)
        printf("  %-*s  %-6s  %5s  %7s  %7s\n", width, "skill", "edit", "score", "fixes", "broken");
    for (size_t i = 0; i < r->n; i++) {
        const struct merge_step *s = &r->v[i];
        const struct gate_score *g = &s->score;
        printf("  %-*s", width, s->name);
        if (s->measured && s->stop == GATE_FINISHED)
            printf("  %-6s  %+5d  %3d/%-3d  %3d/%-3d", edit_action_name(s->action), g->score,
                   g->fixes, g->failing, g->regressions, g->passing);
        else if (s->measured)
            printf("  %-6s  %5s  %3d/%-3d  %3d/%-3d", edit_action_name(s->action), "-", g->fixes,
                   g->failing, g->regressions, g->passing);
        else
            printf("  %-6s  %5s  %7s  %7s", "-", "-", "-", "-");
        printf("  %s\n", why(s));
    }
    printf("%zu let in; the library has %zu skills at %.12s\n", r->accepted, r->skills,
           r->after.hex);
}

static json_t *report_json(const struct merge_report *r, const struct merge_options *o)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < r->n; i++) {
        const struct merge_step *s = &r->v[i];
        json_t *v = json_pack("{s:s, s:s?, s:b}", "name", s->name, "fate", s->fate, "measured",
                              (int)s->measured);
        if (s->measured) {
            json_t *more = json_pack("{s:s, s:s, s:i, s:i, s:i, s:s}", "action",
                                     edit_action_name(s->action), "stop", gate_stop_name(s->stop),
                                     "score", s->score.score, "fixes", s->score.fixes,
                                     "regressions", s->score.regressions, "commit", s->commit.hex);
            json_object_update_new(v, more);
        }
        json_array_append_new(steps, v);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o}", "run", r->run, "library",
                     o->library, "from", o->from, "commit", r->from.hex, "before", r->before.hex,
                     "after", r->after.hex, "accepted", (int)r->accepted, "skills", (int)r->skills,
                     "steps", steps);
}

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options so = {.model_name = arg_str(a, "model")};
    struct merge_options o = {arg_str(a, "library"), arg_str(a, "from"), arg_str(a, "at")};
    struct merge_report r = {0};
    char *message = NULL;
    int rc = o.library && o.from
                 ? 0
                 : err_set(GRASP_EUSAGE, "what into what? --from DIR, --library DIR");
    if (rc == 0)
        rc = session_options(a, &so);
    if (rc == 0)
        rc = session_open(&s, &so);
    if (rc == 0)
        rc = merge(&s, &o, &r);
    if (rc < 0)
        message = str_dup(err_msg()); /* outlives the table of what was done before */
    if (rc == 0 || r.n) {
        int shown = 0;
        if (arg_flag(a, "json"))
            shown = print_json(report_json(&r, &o));
        else
            print_report(&r, &o);
        rc = rc < 0 ? err_set(rc, "%s", message ? message : "out of memory") : shown;
    }
    session_close(&s);
    merge_report_release(&r);
    free(message);
    free((void *)so.sets);
    return rc;
}

const struct command skills_merge = {
    .name = "merge",
    .summary = "another library's skills, one by one through the gate",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"library", 'l', "DIR", "the library that grows", NULL},
            {"from", 'f', "DIR", "the library whose skills are proposed", NULL},
            {"at", 0, "REV", "at this revision of it", "HEAD"},
            {"model", 'm', "NAME", "another model name than the configuration's", NULL},
            JSON_OPTION,
            SESSION_OPTIONS,
            {0}},
    .details =
        "A skill that the library lacks is an ADD, one that differs a MODIFY. Each is measured "
        "with\n"
        "CONFIG's model on a probe set of dev by the gate of learning. What it lets in is a "
        "commit\n"
        "with its evidence; the others are kept as candidates (grasp skills rejected). The same\n"
        "command goes on with a merge that was stopped. Flat files: grasp skills import first.",
    .run = run,
};
