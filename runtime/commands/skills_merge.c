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

static json_t *report_json(const struct merge_report *r, const struct merge_options *o)
{
    json_t *v = merge_to_json(r);
    json_t *head =
        json_pack("{s:s, s:s, s:s}", "library", o->library, "from", o->from, "commit", r->from.hex);
    if (v && json_object_update_missing_new(v, head) == 0)
        return v;
    json_decref(v);
    return NULL;
}

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options so = {.model_name = arg_str(a, "model")};
    struct merge_options o = {
        .library = arg_str(a, "library"), .from = arg_str(a, "from"), .at = arg_str(a, "at")};
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
        rc = session_keep_spent(a, &s);
    if (rc == 0)
        rc = merge(&s, &o, &r);
    session_drain(&s, rc);
    if (rc == 0)
        accounts_done(s.accounts);
    session_say_journal(&s, "");
    if (rc < 0)
        message = str_dup(err_msg()); /* outlives the table of what was done before */
    if (rc == 0 || r.n) {
        int shown = 0;
        if (arg_flag(a, "json"))
            shown = print_json(report_json(&r, &o));
        else {
            printf("%s at %s (%.12s) into %s\n", o.from, o.at, r.from.hex, o.library);
            merge_print(&r, stdout);
        }
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
