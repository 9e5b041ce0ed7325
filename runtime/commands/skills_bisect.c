/* skills_bisect.c - `grasp skills bisect`: which commit changed a task's verdict, by rollouts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/commands/skills.h"
#include "runtime/commands/session_args.h"
#include "runtime/history/bisect.h"
#include "runtime/history/frozen.h"

struct bisect {
    struct session s;
    const struct task *task;
    const char *dir;
    struct library *lib;
    struct history h; /* newest first: commit number i is h.v[h.n - 1 - i] */
    json_t *known;    /* tree -> verdict: the same skills are not asked twice */
    json_t *steps;    /* what was measured, in order */
    int rollouts;
    bool quiet; /* JSON: no words */
};

static const struct step *commit_at(const struct bisect *b, size_t i)
{
    return &b->h.v[b->h.n - 1 - i];
}

static const char *verdict_word(bool correct)
{
    return correct ? "correct" : "incorrect";
}

static int roll_out(struct bisect *b, const struct step *s, bool *correct)
{
    struct skills_view *skills = NULL;
    struct group *g = NULL;
    int rc = session_skills(b->dir, s->info.commit.hex, &skills);
    if (rc == 0 && !(g = engine_group(b->s.engine, PHASE_OTHER)))
        rc = GRASP_ENOMEM;
    if (rc == 0)
        rc = group_add(g, b->task, skills, draw_number(&b->s.draws, DRAW_TEST, 0));
    if (rc >= 0)
        rc = group_wait(g);
    const struct rollout *r = rc == 0 ? group_result(g, 0) : NULL;
    if (r && r->status == ROLLOUT_UNSCORED)
        rc = err_set(GRASP_EOUTAGE, "%s could not be scored at %.10s: %s", b->task->id,
                     s->info.commit.hex, r->error ? r->error : rollout_verdict(r)->reason);
    *correct = r && r->correct;
    b->rollouts++;
    group_free(g);
    skills_view_unref(skills);
    return rc;
}

/* The verdict at commit number i. */
static int measure(struct bisect *b, size_t i, bool *correct)
{
    const struct step *s = commit_at(b, i);
    const json_t *known = json_object_get(b->known, s->info.tree.hex);
    int rc = 0;
    if (known)
        *correct = json_is_true(known);
    else
        rc = roll_out(b, s, correct);
    if (rc < 0)
        return rc;
    json_object_set_new(b->known, s->info.tree.hex, json_boolean(*correct));
    json_array_append_new(
        b->steps, json_pack("{s:s, s:b}", "commit", s->info.commit.hex, "correct", *correct));
    if (!b->quiet) {
        printf("%.10s  %-9s  ", s->info.commit.hex, verdict_word(*correct));
        print_text(s->info.subject, 0);
        putchar('\n');
        fflush(stdout);
    }
    return 0;
}

/* The number of a revision in the line; GRASP_EINVAL when it is not in it. */
static int number_of(struct bisect *b, const char *rev, size_t *out)
{
    struct oid commit;
    int rc = library_resolve(b->lib, rev, &commit);
    for (size_t i = 0; rc == 0 && i < b->h.n; i++)
        if (strcmp(commit_at(b, i)->info.commit.hex, commit.hex) == 0) {
            *out = i;
            return 0;
        }
    return rc < 0 ? rc
                  : err_set(GRASP_EINVAL, "%s (%.10s) is not in the history of the branch '%s'",
                            rev, commit.hex, library_branch(b->lib));
}

/* Both ends and what is known of them: what the user says is believed, the rest is measured. */
static int find_ends(struct bisect *b, const struct args *a, struct bisection *range, bool *was)
{
    const char *said[2] = {arg_str(a, "bad"), arg_str(a, "good")}; /* by verdict */
    size_t end[2] = {0, b->h.n - 1};                               /* oldest, newest */
    bool known[2] = {false, false}, verdict[2];
    size_t at[2];
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++)
        if (said[i])
            rc = number_of(b, said[i], &at[i]);
    if (rc < 0)
        return rc;
    if (said[0] && said[1]) {
        int older = at[0] > at[1]; /* which of the two comes first */
        end[0] = at[older];
        end[1] = at[!older];
        verdict[0] = older;
        verdict[1] = !older;
        known[0] = known[1] = true;
    } else if (said[0] || said[1]) {
        int which = said[1] != NULL;
        int side = at[which] == b->h.n - 1; /* the head: look back; else look forward */
        end[side] = at[which];
        verdict[side] = which;
        known[side] = true;
    }
    if (end[0] == end[1])
        return err_set(GRASP_EINVAL, "there is one commit only: nothing to bisect");
    for (int i = 0; rc == 0 && i < 2; i++)
        if (!known[i])
            rc = measure(b, end[i], &verdict[i]);
    if (rc == 0 && verdict[0] == verdict[1])
        rc = err_set(GRASP_ENOTFOUND,
                     "%s is %s at %.10s and at %.10s: no change between them to find", b->task->id,
                     verdict_word(verdict[0]), commit_at(b, end[0])->info.commit.hex,
                     commit_at(b, end[1])->info.commit.hex);
    *range = (struct bisection){end[0], end[1]};
    *was = verdict[0];
    return rc;
}

static int print_found(const struct bisect *b, const struct bisection *range, bool was)
{
    const struct step *s = commit_at(b, range->new);
    if (b->quiet)
        return print_json(json_pack("{s:s, s:s, s:s, s:s, s:o, s:O, s:i}", "task", b->task->id,
                                    "first", s->info.commit.hex, "before", verdict_word(was),
                                    "after", verdict_word(!was), "commit", step_to_json(s), "steps",
                                    b->steps, "rollouts", b->rollouts));
    printf("\n%.10s made %s %s\n  ", s->info.commit.hex, b->task->id, verdict_word(!was));
    print_text(s->info.subject, 0);
    printf("\n%d rollout%s\n", b->rollouts, b->rollouts == 1 ? "" : "s");
    return 0;
}

static int search(struct bisect *b, const struct args *a)
{
    struct bisection range;
    bool was = false, now;
    int rc = skills_open(&b->lib, b->dir, LIBRARY_READ, NULL);
    if (rc == 0)
        rc = manifest_check_read(b->lib, rev_of(a));
    if (rc == 0)
        rc = history_read(b->lib, rev_of(a), &b->h);
    if (rc == 0)
        rc = session_task(&b->s, operand(a, 2), &b->task);
    if (rc == 0)
        rc = find_ends(b, a, &range, &was);
    while (rc == 0 && !bisection_done(&range)) {
        rc = measure(b, bisection_next(&range), &now);
        if (rc == 0)
            bisection_set(&range, now != was);
    }
    return rc < 0 ? rc : print_found(b, &range, was);
}

static int run_bisect(const struct args *a)
{
    struct bisect b = {.dir = operand(a, 1),
                       .known = json_object(),
                       .steps = json_array(),
                       .quiet = arg_flag(a, "json")};
    struct session_options o = {.model_name = arg_str(a, "model")};
    int rc = session_options(a, &o);
    if (rc == 0)
        rc = session_open(&b.s, &o);
    if (rc == 0)
        rc = session_keep_spent(a, &b.s);
    if (rc == 0)
        rc = search(&b, a);
    session_drain(&b.s, rc);
    if (rc == 0)
        accounts_done(b.s.accounts);
    session_close(&b.s);
    history_release(&b.h);
    library_close(b.lib);
    json_decref(b.known);
    json_decref(b.steps);
    free((void *)o.sets);
    return rc;
}

const struct command skills_bisect = {
    .name = "bisect",
    .summary = "which commit changed a task's verdict, by as few rollouts as it takes",
    .operands = "CONFIG DIR TASK",
    .min = 3,
    .max = 3,
    .options =
        (const struct option_def[]){
            {"good", 0, "REV", "here the task is correct (believed, not measured)", NULL},
            {"bad", 0, "REV", "here it is not (likewise)", NULL},
            AT_OPTION,
            {"model", 'm', "NAME", "another model name than the configuration's", NULL},
            JSON_OPTION,
            SESSION_OPTIONS,
            {0}},
    .details = "Either of --good and --bad may be the older one. What is not given is the other "
               "end of the\n"
               "history, which is measured first. With a journal, what was measured once is free. "
               "The same\n"
               "as, in the library's directory, for a task that was correct once:\n"
               "    git bisect start BAD GOOD\n"
               "    git bisect run grasp run CONFIG TASK --library . --at HEAD --exit-code\n"
               "Exit 1 when the verdict is the same at both ends.",
    .run = run_bisect,
};
