/* scores.c - what a finished run scored, task by task. */
#include "runtime/compare/scores.h"

#include <stdlib.h>
#include <string.h>

#include "probes/task.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/config/yaml.h"

void split_scores_release(struct split_scores *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->v[i].id);
        free(s->v[i].family);
    }
    free(s->v);
    *s = (struct split_scores){0};
}

int split_scores_add(struct split_scores *s, const char *id, bool scored, bool correct)
{
    int rc = grow(&s->v, &s->cap, s->n + 1);
    if (rc < 0)
        return rc;
    struct task_score *t = &s->v[s->n++];
    *t = (struct task_score){
        .id = str_dup(id), .family = task_family(id), .scored = scored, .correct = correct};
    s->total += scored;
    s->correct += scored && correct;
    return t->id && t->family ? 0 : err_oom();
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct task_score *)a)->id, ((const struct task_score *)b)->id);
}

int split_scores_sort(struct split_scores *s)
{
    if (s->n)
        qsort(s->v, s->n, sizeof(*s->v), by_id);
    for (size_t i = 1; i < s->n; i++)
        if (strcmp(s->v[i - 1].id, s->v[i].id) == 0)
            return err_set(GRASP_EINVAL, "task %s is there twice", s->v[i].id);
    return 0;
}

static int add_line(json_t *line, size_t number, void *arg)
{
    const char *id = json_str_at(line, "task_id", NULL),
               *status = json_str_at(line, "status", NULL);
    const json_t *correct = json_object_get(line, "correct");
    if (!id || !status || !json_is_boolean(correct))
        return err_set(GRASP_EPARSE,
                       "line %zu: no rollout: 'task_id', 'status' and 'correct' are wanted",
                       number);
    return split_scores_add(arg, id, strcmp(status, "unscored") != 0, json_is_true(correct));
}

int split_scores_read(struct split_scores *s, const char *file)
{
    *s = (struct split_scores){0};
    int rc = json_read_lines(file, add_line, s);
    if (rc == 0)
        rc = split_scores_sort(s);
    return rc < 0 ? err_prefix(rc, "%s", file) : 0;
}

double split_share(const struct split_scores *s)
{
    return s->total ? (double)s->correct / s->total : 0;
}

const char *scored_split_name(enum scored_split s)
{
    return s == SCORED_ID_TEST ? "id_test" : "test";
}

static int read_split(struct run_result *r, const char *dir, enum scored_split split,
                      const char *which)
{
    struct buf path = BUF_INIT;
    buf_addf(&path, "%s/%s_eval_%s/test_runs.jsonl", dir, scored_split_name(split), which);
    int rc = buf_check(&path);
    if (rc == 0 && fs_exists(path.ptr))
        rc = split_scores_read(&r->split[split], path.ptr);
    buf_release(&path);
    return rc;
}

static int read_val(struct run_result *r, const char *dir)
{
    char *path = fs_join(dir, "val_scores.json");
    json_t *vals = NULL, *v;
    size_t i;
    int rc = path ? 0 : err_oom();
    if (rc == 0 && fs_exists(path))
        rc = json_read_file(&vals, path);
    json_array_foreach (vals, i, v) {
        double score = json_num_at(v, "score", -1);
        if (!json_is_integer(json_object_get(v, "epoch")))
            r->val_baseline = score;
        else if (score > r->val_best)
            r->val_best = score;
    }
    json_decref(vals);
    free(path);
    return rc;
}

/* Of config.yaml and run_summary.json: whose scores these are. */
static int read_identity(struct run_result *r, const char *dir)
{
    char *path = fs_join(dir, "config.yaml"), *summary_path = fs_join(dir, "run_summary.json"),
         *state_path = fs_join(dir, "run.json");
    json_t *config = NULL, *summary = NULL, *state = NULL;
    int rc = path && summary_path && state_path ? 0 : err_oom();
    if (rc == 0 && !fs_exists(path))
        rc = err_set(GRASP_ENOTFOUND, "'%s' is no run: it has no config.yaml", dir);
    if (rc == 0)
        rc = yaml_read_file(path, &config, NULL);
    if (rc == 0 && fs_exists(summary_path))
        rc = json_read_file(&summary, summary_path);
    if (rc == 0 && fs_exists(state_path))
        rc = json_read_file(&state, state_path);
    if (rc == 0) {
        r->seed = json_int_at(config, "cycle.seed", 1);
        r->benchmark = str_dup(json_str_at(config, "benchmark.version", ""));
        r->executor = str_dup(json_str_at(summary, "executor", ""));
        r->draws_shared = strcmp(json_str_at(summary, "draws", ""), "shared") == 0;
        r->calls = json_int_at(summary, "spent.calls", 0);
        r->usd = json_num_at(summary, "spent.usd", 0);
        r->dir = str_dup(dir);
        r->inputs = json_incref(json_object_get(state, "inputs"));
        rc = r->benchmark && r->executor && r->dir ? 0 : err_oom();
    }
    json_decref(config);
    json_decref(summary);
    json_decref(state);
    free(path);
    free(summary_path);
    free(state_path);
    return rc;
}

int run_result_read(struct run_result *r, const char *dir, bool without_skills)
{
    *r = (struct run_result){.val_best = -1, .val_baseline = -1};
    int rc = read_identity(r, dir);
    if (rc == 0)
        rc = read_val(r, dir);
    for (int i = 0; rc == 0 && i < SCORED_SPLITS; i++)
        rc = read_split(r, dir, (enum scored_split)i, without_skills ? "baseline" : "best");
    if (without_skills)
        r->val_best = r->val_baseline;
    return rc;
}

void run_result_release(struct run_result *r)
{
    for (int i = 0; i < SCORED_SPLITS; i++)
        split_scores_release(&r->split[i]);
    free(r->benchmark);
    free(r->executor);
    free(r->dir);
    json_decref(r->inputs);
    *r = (struct run_result){0};
}
