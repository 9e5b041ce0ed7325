/* run.c - `grasp run`: one rollout, printed turn by turn, with the verdict and its reason. */
#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/commands/table.h"
#include "runtime/commands/session_args.h"

static void print_rollout(const struct rollout *r, bool whole)
{
    for (size_t i = 0; i < r->chat.n; i++) {
        const struct message *m = &r->chat.v[i];
        size_t cut = whole ? m->len : utf8_cut(m->text, m->len, 1200);
        printf("--- %zu %s (%zu bytes)\n%.*s%s\n", i, chat_role_name(m->role), m->len, (int)cut,
               m->text, cut < m->len ? " ..." : "");
    }
    printf("---\ntask     %s\nstatus   %s\nanswer   %s\nverdict  %s (%s)\n", r->task->id,
           rollout_status_name(r->status), r->result ? r->result : "none",
           r->correct ? "correct" : "incorrect", rollout_verdict(r)->reason);
    for (size_t i = 1; !r->correct && i < VERDICT_REASONS && rollout_verdict(r)->reasons[i][0]; i++)
        printf("%s%s\n", i == 1 ? "also     " : "         ", rollout_verdict(r)->reasons[i]);
    for (size_t i = 0; i < r->tags.n; i++)
        printf("%s%s%s", i ? ", " : "tags     ", r->tags.v[i], i + 1 == r->tags.n ? "\n" : "");
    if (r->error)
        printf("error    %s\n", r->error);
}

/* What `git bisect run` makes of it: 0 good, 1 bad, 125 cannot be told, 128 stop. */
enum { EXIT_INCORRECT = 1, EXIT_SKIP = 125, EXIT_ABORT = 128 };

static int exit_code(int rc, bool correct)
{
    if (rc == 0)
        return correct ? 0 : EXIT_INCORRECT;
    log_error("%s", err_msg());
    return rc == GRASP_EOUTAGE ? EXIT_SKIP : EXIT_ABORT;
}

static int run(const struct args *a)
{
    bool correct = false;
    struct session s = {0};
    struct session_options o = {.model_name = arg_str(a, "model")};
    struct skills_view *skills = NULL;
    const struct task *task;
    struct group *g = NULL;
    uint32_t again = 0;
    int rc = session_options(a, &o);
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0)
        rc = session_keep_spent(a, &s);
    if (rc == 0)
        rc = session_again(a, &s, &again);
    if (rc == 0)
        rc = session_task(&s, operand(a, 1), &task);
    if (rc == 0)
        rc = session_skills(arg_str(a, "library"), arg_str(a, "at"), &skills);
    if (rc < 0)
        goto out;
    g = engine_group(s.engine, PHASE_OTHER);
    rc = g ? group_add(g, task, skills, draw_number(&s.draws, DRAW_TEST, again)) : GRASP_ENOMEM;
    if (rc >= 0)
        rc = group_wait(g);
    session_say_journal(&s, "--again 1 draws anew");
    const struct rollout *r = group_result(g, 0);
    correct = rc == 0 && r->correct;
    if (rc == 0 && r->status == ROLLOUT_UNSCORED)
        rc = err_set(GRASP_EOUTAGE, "%s could not be scored: %s", r->task->id,
                     r->error ? r->error : rollout_verdict(r)->reason);
    if (rc == 0)
        accounts_done(s.accounts);
    if (rc == 0 && arg_flag(a, "json")) {
        json_t *v = rollout_to_json(r);
        json_dumpf(v, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(v);
    } else if (rc == 0) {
        print_rollout(r, arg_flag(a, "whole"));
    }
out:
    group_free(g);
    session_drain(&s, rc);
    session_close(&s);
    skills_view_unref(skills);
    free((void *)o.sets);
    return arg_flag(a, "exit-code") ? exit_code(rc, correct) : rc;
}

const struct command cmd_run = {
    .name = "run",
    .summary = "one rollout, printed turn by turn",
    .operands = "CONFIG TASK_ID",
    .min = 2,
    .max = 2,
    .options =
        (const struct option_def[]){
            {"library", 'l', "DIR", "skills from this library", NULL},
            {"at", 0, "REV", "at this revision", NULL},
            {"model", 'm', "NAME", "another model name than the configuration's", NULL},
            {"whole", 'w', NULL, "do not cut long messages", NULL},
            AGAIN_OPTION,
            {"json", 0, NULL, "the rollout as JSON", NULL},
            {"exit-code", 0, NULL,
             "exit 0 when correct, 1 when not, 125 when it could not be scored, 128 on any other "
             "failure: for git bisect run",
             NULL},
            SESSION_OPTIONS,
            {0}},
    .run = run,
};
