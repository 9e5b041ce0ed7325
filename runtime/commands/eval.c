/* eval.c - `grasp eval`: scores splits, with or without a library. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/commands/table.h"
#include "runtime/history/history.h"
#include "runtime/engine/score.h"
#include "runtime/commands/session_args.h"
#include "runtime/compare/table.h"
#include "runtime/compare/contrast.h"
#include "runtime/history/frozen.h"

/* Where RUN has the scores of a split: an eval's --out, or a run's tests with its best library. */
static int read_against(const char *dir, enum split split, struct split_scores *out)
{
    struct buf eval = BUF_INIT, tests = BUF_INIT;
    buf_addf(&eval, "%s/%s/test_runs.jsonl", dir, split_name(split));
    buf_addf(&tests, "%s/%s_eval_best/test_runs.jsonl", dir, split_name(split));
    int rc = fs_exists(eval.ptr) ? split_scores_read(out, eval.ptr)
             : fs_exists(tests.ptr)
                 ? split_scores_read(out, tests.ptr)
                 : err_set(GRASP_ENOTFOUND, "--against: neither %s nor %s is there", eval.ptr,
                           tests.ptr);
    buf_release(&eval);
    buf_release(&tests);
    return rc;
}

static int compare_with(const char *dir, enum split split, const struct group *g, json_t **out)
{
    struct contrast_options o = {.unpaired = 0.05};
    struct split_scores now = {0}, then = {0};
    int rc = read_against(dir, split, &then);
    for (size_t i = 0; rc == 0 && i < group_size(g); i++) {
        const struct rollout *r = group_result(g, i);
        if (r->status != ROLLOUT_RUNNING)
            rc = split_scores_add(&now, r->task->id, r->status != ROLLOUT_UNSCORED, r->correct);
    }
    if (rc == 0)
        rc = split_scores_sort(&now);
    if (rc == 0 && (rc = contrast_libraries(&now, &then, &o, out)) < 0)
        err_prefix(rc, "%s against %s", split_name(split), dir);
    split_scores_release(&now);
    split_scores_release(&then);
    return rc;
}

/* Runs one split; partial results are written whatever stopped it. */
static int eval_split(struct session *s, enum split split, struct skills_view *skills,
                      uint32_t again, const char *out_dir, struct score *score, const char *against,
                      json_t **contrast)
{
    const struct task_set *tasks;
    int rc = session_split(s, split, &tasks);
    if (rc < 0)
        return rc;
    life_where(s->life, "eval, %s", split_name(split));
    struct group *g = engine_group_of(s->engine, PHASE_ROLLOUT_TEST, false, tasks, skills,
                                      draw_number(&s->draws, DRAW_TEST, again));
    if (!g)
        return GRASP_ENOMEM;
    rc = group_wait(g);
    progress_clear();
    int written = score_of(g, score);
    if (written == 0 && out_dir) {
        char *dir = fs_join(out_dir, split_name(split));
        /* the message of what stopped it outlives the writing */
        char *why = rc < 0 ? str_dup(err_msg()) : NULL;
        written = score_write(dir, "test", g, score, NULL);
        if (written == 0)
            written = barrier_path(dir);
        if (why)
            rc = err_set(rc, "%s", why);
        free(why);
        free(dir);
    }
    if (rc == 0 && written == 0 && against)
        rc = compare_with(against, split, g, contrast);
    group_free(g);
    return rc < 0 ? rc : written;
}

static int print_scores(struct session *s, const struct args *a, const enum split *splits,
                        const struct score *scores, json_t *const *contrasts, size_t n, bool whole)
{
    const struct score *rows[SPLITS], *idle[SPLITS];
    const char *names[SPLITS];
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        idle[i] = NULL;
        if (whole && rc == 0)
            rc = session_idle(s, splits[i], &idle[i]);
    }
    if (arg_flag(a, "json")) {
        json_t *out = json_object();
        for (size_t i = 0; i < n; i++) {
            json_t *v = score_to_json(&scores[i]);
            if (contrasts[i])
                json_object_set(v, "against", contrasts[i]);
            if (idle[i])
                json_object_set_new(v, "do_nothing", score_to_json(idle[i]));
            json_object_set_new(out, split_name(splits[i]), v);
        }
        json_object_set_new(out, "model", json_string(s->backend[0]->label));
        json_dumpf(out, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(out);
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        rows[i] = &scores[i];
        names[i] = split_name(splits[i]);
    }
    printf("%s%s%s%s%s\n", s->backend[0]->label,
           arg_str(a, "library") ? ", library " : ", no skills",
           arg_str(a, "library") ? arg_str(a, "library") : "", arg_str(a, "at") ? " at " : "",
           arg_str(a, "at") ? arg_str(a, "at") : "");
    score_table(stdout, rows, idle, names, n);
    for (size_t i = 0; i < n; i++)
        if (contrasts[i]) {
            printf("\n%s ", split_name(splits[i]));
            table_print_libraries(contrasts[i], arg_str(a, "against"), stdout);
        }
    return rc;
}

static int run(const struct args *a)
{
    struct session s = {0};
    struct session_options o = {.model_name = arg_str(a, "model")};
    struct skills_view *skills = NULL;
    struct score scores[SPLITS] = {0};
    json_t *contrasts[SPLITS] = {0};
    enum split splits[SPLITS];
    size_t n = 0, done = 0;
    uint32_t again = 0;
    int rc = splits_parse(arg_str(a, "split"), splits, &n);
    if (rc == 0)
        rc = session_options(a, &o);
    /* what can be wrong with files is found before anything is spent */
    for (size_t i = 0; i < n; i++)
        o.splits |= 1u << splits[i];
    for (size_t i = 0; rc == 0 && arg_str(a, "against") && i < n; i++) {
        struct split_scores there = {0};
        rc = read_against(arg_str(a, "against"), splits[i], &there);
        split_scores_release(&there);
    }
    if (rc == 0)
        rc = session_skills(arg_str(a, "library"), arg_str(a, "at"), &skills);
    if (rc == 0)
        rc = session_open(&s, &o);
    if (rc == 0)
        rc = session_keep_spent(a, &s);
    if (rc == 0)
        rc = session_again(a, &s, &again);
    if (rc == 0 && skills)
        rc = manifest_warn(arg_str(a, "library"), arg_str(a, "at"), s.config, !o.preset);
    if (rc == 0 && arg_str(a, "out"))
        rc = fs_mkdirs(arg_str(a, "out"));
    while (rc == 0 && done < n) {
        rc = eval_split(&s, splits[done], skills, again, arg_str(a, "out"), &scores[done],
                        arg_str(a, "against"), &contrasts[done]);
        if (rc == 0)
            rc = score_covered(&scores[done], s.config->gate.coverage_floor,
                               split_name(splits[done]), s.engine);
        done++;
    }
    session_drain(&s, rc);
    if (rc == 0)
        accounts_done(s.accounts);
    char *why = rc < 0 ? str_dup(err_msg()) : NULL; /* outlives what is printed now */
    if (done)
        session_say_journal(&s, "--again 1 draws anew");
    if (s.engine && done && (rc == 0 || rc == GRASP_ESTOPPED)) {
        int printed = print_scores(&s, a, splits, scores, contrasts, done, rc == 0);
        rc = rc < 0 ? err_set(rc, "%s", why ? why : "out of memory") : printed;
    }
    free(why);
    for (size_t i = 0; i < SPLITS; i++)
        score_release(&scores[i]);
    for (size_t i = 0; i < SPLITS; i++)
        json_decref(contrasts[i]);
    session_close(&s);
    skills_view_unref(skills);
    free((void *)o.sets);
    return rc;
}

const struct command cmd_eval = {
    .name = "eval",
    .summary = "score a split, with or without a library",
    .operands = "CONFIG",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){
            {"split", 's', "NAME", "dev, val, id_test, test, full; several with commas; or all",
             "val"},
            {"library", 'l', "DIR", "skills from this library", NULL},
            {"at", 0, "REV", "at this revision", NULL},
            {"model", 'm', "NAME", "another model name than the configuration's", NULL},
            {"out", 'o', "DIR", "write SPLIT/test_runs.jsonl and SPLIT/test_score.json here", NULL},
            {"against", 0, "RUN", "compare with an eval's --out or a run: tasks fixed and broken",
             NULL},
            AGAIN_OPTION,
            {"json", 0, NULL, "scores as JSON", NULL},
            SESSION_OPTIONS,
            {0}},
    .run = run,
};
