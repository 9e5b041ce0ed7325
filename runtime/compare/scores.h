/* scores.h - what a finished run scored, task by task, read from its files. */
#ifndef GRASP_RUNTIME_COMPARE_SCORES_H
#define GRASP_RUNTIME_COMPARE_SCORES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task_score {
    char *id, *family;
    bool scored, correct;
};
/* A split, tasks sorted by id. */
struct split_scores {
    struct task_score *v;
    size_t n, cap;
    int correct, total; /* of the scored ones */
};
void split_scores_release(struct split_scores *s);
/* FILE is a *_runs.jsonl. GRASP_EPARSE names the line; a task that is there twice is GRASP_EINVAL. */
int split_scores_read(struct split_scores *s, const char *file);
/* Appends a task's outcome; split_scores_sort when all are in. GRASP_EINVAL: a task is there twice. */
int split_scores_add(struct split_scores *s, const char *id, bool scored, bool correct);
int split_scores_sort(struct split_scores *s);
double split_share(const struct split_scores *s); /* 0 for nothing */

enum scored_split { SCORED_ID_TEST, SCORED_TEST, SCORED_SPLITS };
const char *scored_split_name(enum scored_split s);

struct run_result {
    int64_t seed;
    double val_best, val_baseline;            /* -1: not there */
    struct split_scores split[SCORED_SPLITS]; /* n = 0: not there */
    bool draws_shared;
    char *benchmark, *executor; /* version of the benchmark; who acted */
    char *dir;                  /* as it was named */
    json_t *inputs;             /* run.json's hashes of what it decided from; NULL: not there */
    int64_t calls;
    double usd;
};
/* DIR is a run's directory, done or not. `without_skills`: its scores without skills instead of its
 * best library's. GRASP_ENOTFOUND where it is no run. */
int run_result_read(struct run_result *r, const char *dir, bool without_skills);
void run_result_release(struct run_result *r);

#endif
