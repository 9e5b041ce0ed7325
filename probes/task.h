/*
 * task.h - benchmark items and the files they come in: a JSON array (or JSON Lines) of
 * {id "taskF_N", instruction, context, eval_MRN, maybe sol, maybe type}.
 */
#ifndef GRASP_PROBES_TASK_H
#define GRASP_PROBES_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct task {
    const char *id; /* all strings belong to `raw` */
    const char *instruction;
    const char *context; /* "" when absent */
    const char *mrn;  /* eval_MRN; NULL where a task has none: it has `sol`, or none was needed */
    const char *type; /* the `type` field, NULL when absent */
    char *family;     /* the id's part before the last '_' (the whole id without one) */
    json_t *raw;      /* the object as it stands in the file; owned */
};

/* Tasks of one file, in file order. All zero is empty. */
struct task_set {
    struct task *v;
    size_t n;
    char *path;
    json_t *index; /* id -> place in v */
};

/* Reads a task file. Errors name the file, the line (or the entry of an array), the task, what is
 * missing and what to do: no id, no instruction, no eval_MRN (when `need_mrn`; a task with `sol`
 * may do without), an id twice, no task at all. GRASP_ENOTFOUND, GRASP_EIO, GRASP_EPARSE,
 * GRASP_EINVAL, GRASP_ENOMEM; *set is empty then. */
int task_set_load(struct task_set *set, const char *path, bool need_mrn);
void task_set_release(struct task_set *set);
/* NULL when it is not there. */
const struct task *task_set_find(const struct task_set *set, const char *id);
/* One task out of a JSON object (a reference is taken). `where` names it in messages. */
int task_from_json(struct task *task, json_t *object, const char *where, bool need_mrn);
void task_release(struct task *task);
/* The family of a task's id; the caller frees it, NULL: no memory. */
char *task_family(const char *id);

#endif
