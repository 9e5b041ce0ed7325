/*
 * grader.h - the graders of MedAgentBench v1 and v2: pure functions of (task, trace, resources).
 * action.h beside it reads what an agent says, recorded.h what somebody logged; the grading headers
 * are private to this folder.
 *
 *     struct strlist queries = {0};
 *     grader_searches(task, &settings, &queries);   // "Observation?patient=S1&code=MG&_count=5000"
 *     ... run them; found[i] = array of the resources that answer queries.v[i] ...
 *     struct verdict v;
 *     grader_grade(task, &settings, &trace, found, &v);
 *
 * Searches depend on the task alone; what a trace says never reaches the FHIR server. Resources are
 * given as they stand in the store, in its order, `meta` included. The parameters used are patient,
 * identifier, status, and code with commas as "or" (the code of any coding, or the text).
 *
 * A verdict lists every check that failed, in the order of checking; the first one decided it, and
 * grader_tags goes by that. A reason begins with the name of its check:
 *
 *     ok
 *     no_answer               no text was handed to FINISH
 *     answer: WHY             the text is not the answer
 *     has_post: WHY           a POST (or the word) where none may be
 *     posts: missing|extra    too few or too many accepted POSTs, or none that is the wanted order
 *     url: WHY                sent to the wrong place
 *     payload.PATH: WHY       a field of the payload; payload[1].PATH where there are several
 *     data: WHY               the patient's data stops the grader: no behaviour can be right
 *     task: WHY               the task object lacks something
 *
 * It says what kind of thing is wrong ("a string where a number is expected: the right one stands in
 * it", "the right time, but without its offset from UTC", "a number, but another one") and never what
 * would have been right, so that it can be shown to a model that learns from it: values are named by
 * their field, forms are told. Nothing of what an agent or a record says is repeated in one.
 */
#ifndef GRASP_PROBES_GRADERS_GRADER_H
#define GRASP_PROBES_GRADERS_GRADER_H

#include <stdbool.h>

#include "probes/task.h"
#include "runtime/base/chat.h"
#include "runtime/base/text.h"

enum benchmark { BENCHMARK_V1 = 1, BENCHMARK_V2 = 2 };

struct grader_settings {
    enum benchmark benchmark;
    const char *base;  /* FHIR base URL as shown to the agent, with a trailing slash */
    const char *today; /* v2 task1's real current time, ISO 8601; NULL: the clock */
    bool lenient;      /* v1 task5 also takes the route {text: "IV"} */
};

struct trace {
    const struct chat *chat; /* all messages as they stood */
    const char *result;      /* the text handed to FINISH, NULL: none */
};

#define VERDICT_REASONS     24
#define VERDICT_REASON_SIZE 160

/* All zero is a verdict nobody has given yet. A value without resources: copy it freely. */
struct verdict {
    bool correct;
    union {
        /* "ok", or the first reason. */
        char reason[VERDICT_REASON_SIZE];
        /* Why it is not correct, the first one first ("payload.dosageInstruction[0].route: an object
         * where a string is expected"). An empty one ends the list; of too many, the last one says
         * how many are left out. */
        char reasons[VERDICT_REASONS][VERDICT_REASON_SIZE];
    };
};
/* Puts down the reason that `at` others stand before. */
void verdict_say(struct verdict *v, size_t at, const char *text);
/* The reasons as a JSON array of strings, empty for a correct verdict. A new reference, NULL when
 * out of memory. */
json_t *verdict_reasons(const struct verdict *v);

/* Appends the searches the task's grader needs; GRASP_EINVAL for a family it does not know. */
int grader_searches(const struct task *task, const struct grader_settings *settings,
                    struct strlist *queries);
/* found[i]: array of resources for the i-th search (borrowed). Never fails: what cannot be judged
 * is incorrect, with the reason. */
void grader_grade(const struct task *task, const struct grader_settings *settings,
                  const struct trace *trace, json_t *const *found, struct verdict *verdict);
/* The expected answer as shown to the writer, where the task has one (`sol`); NULL otherwise.
 * New reference. */
json_t *grader_expected(const struct task *task);
/* The context with "Current time: T" semantics: v1's fixed now, v2's from the context. ISO text
 * into `out` (64 bytes). */
void grader_now(const struct task *task, const struct grader_settings *settings, char *out);
/* Failure tags as hints for the writer: protocol_invalid, no_finish,
 * finish_not_json, answered_without_query, read_only_task_used_post, missing_required_post,
 * extra_post, wrong_post_url, post_body_mismatch:FIELD. `status` is the rollout's status text.
 * GRASP_ENOMEM only. */
int grader_tags(const struct task *task, const struct grader_settings *settings,
                const struct trace *trace, const struct verdict *verdict, const char *status,
                struct strlist *tags);

#endif
