/*
 * recorded.h - episodes that somebody recorded, read as something to grade. Pure.
 *
 *     struct recorded r;
 *     if ((rc = recorded_read(&r, row)) == 0) {
 *         struct trace trace = {&r.chat, r.result};
 *         ... r.task, r.task_id or r.index says which task; r.base which FHIR base was shown ...
 *     }
 *     recorded_release(&r);
 *
 * A row is one episode, in one of the forms that are around:
 *
 *     {"task": {...} or "task_id": "task5_3", "messages": [...], "result": "[1.8]"}
 *     a line of our own dev_runs.jsonl or test_runs.jsonl: the same with more in it
 *     a line of the benchmark's runs.jsonl: {"index": 3, "output": {"result", "history"}}
 *     a row of its overall.json, or a submission: {"index" or "task_name", "result", "history"}
 *
 * Messages are {role, content}. A result may be a text, or the list or number that the text would
 * stand for; where it is missing or null, it is what the last message hands to FINISH. Members of
 * other types are refused: what was not understood must not count as a wrong answer.
 */
#ifndef GRASP_PROBES_GRADERS_RECORDED_H
#define GRASP_PROBES_GRADERS_RECORDED_H

#include <jansson.h>
#include <stdint.h>

#include "runtime/base/chat.h"

struct recorded {
    const json_t *task;  /* the task itself, or NULL */
    const char *task_id; /* its id where it is named, or NULL */
    int64_t index;       /* else its place in the file of all tasks, from 0; -1: not said */
    struct chat chat;
    char *result; /* the text handed to FINISH; NULL: none */
    char *base;   /* the FHIR base that the conversation names, with a trailing slash; NULL: none */
};

/* Reads a row, which must outlive it. GRASP_EPARSE with what is wrong, GRASP_ENOMEM; *r is to be
 * released in any case. */
int recorded_read(struct recorded *r, const json_t *row);
void recorded_release(struct recorded *r);
/* The rows of a document: the one itself, those of an array, of "results" or "raw_results" (also in
 * "custom", as in overall.json). Borrowed; NULL: it is no document but a row. */
const json_t *recorded_rows(const json_t *document);

#endif
