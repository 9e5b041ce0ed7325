/*
 * method.h - the methods that GRASP is compared with (spec/baselines.md): what they keep, what of it
 * an agent is shown, how tasks and replies of the writer change it.
 *
 *     struct memory *m = NULL;
 *     rc = memory_new(&m, &settings);                      // or memory_of_set: a library's
 *     memory_block(m, query, &text);                       // what the agent is shown now
 *     ...
 *     struct method_run *run = method_run_new(m, &writer);
 *     method_after_task(run, &trace, &changed);            // seq_memory, evo_memory
 *     method_after_batch(run, traces, n, &changed);        // batch_memory
 *     method_after_epoch(run, traces, n, &changed);        // expel, skillx
 *     memory_document(m, &skill);                          // to be committed
 *
 * What a method keeps is one document: a folder of a library with a SKILL.md for people and a
 * memory.json, an entry a line, that is read back. So it is versioned, frozen and transferred as
 * skills are. Each method is a file here; none of them asks a model or touches a disk: the writer is
 * one call-back. `fidelity: published` does what the released code does, `repaired` what it says.
 */
#ifndef GRASP_RUNTIME_METHOD_METHOD_H
#define GRASP_RUNTIME_METHOD_METHOD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/chat.h"
#include "runtime/base/text.h"
#include "skills/skill.h"

enum method {
    METHOD_GRASP,
    METHOD_NONE, /* learns nothing: the scores without skills */
    METHOD_SEQ_MEMORY,
    METHOD_BATCH_MEMORY,
    METHOD_EXPEL,
    METHOD_EVO_MEMORY,
    METHOD_SKILLX,
    METHODS
};
enum fidelity { FIDELITY_PUBLISHED, FIDELITY_REPAIRED };
extern const char *const method_names[METHODS + 1]; /* ends with NULL, as the next */
extern const char *const fidelity_names[3];

struct method_settings {
    int name, fidelity;  /* enums */
    int64_t max_bullets; /* memory.: notes kept; published: read and never applied */
    int64_t max_rules;   /* expel. */
    int64_t episodic_top_k, semantic_top_k, max_episodes, max_semantic_rules,
        max_context_chars; /* evo_memory. */
    int64_t retrieval_top_k, extractor_max_retries, max_history_messages, max_message_chars,
        max_action_chars, max_actions; /* skillx. */
};

/* ---- what is kept, and what of it is shown ---- */

struct memory;
/* An empty one. 0 or GRASP_ENOMEM. */
int memory_new(struct memory **m, const struct method_settings *settings);
/* The memory that a library holds: *m NULL when it holds skills of GRASP's or nothing. GRASP_EPARSE
 * for a damaged document, GRASP_EINVAL when something else stands beside it. */
int memory_of_set(struct memory **m, const struct skill_set *set);
/* The settings are these from here on; method and fidelity stay. */
void memory_configure(struct memory *m, const struct method_settings *settings);
void memory_free(struct memory *m);
/* For a memory that does not change any more: retrieval becomes faster. 0 or GRASP_ENOMEM. */
int memory_prepare(struct memory *m);
enum method memory_method(const struct memory *m);
enum fidelity memory_fidelity(const struct memory *m);
/* The lists of entries, by name ("notes", "rules", "episodes", "skills"); borrowed. */
json_t *memory_list(const struct memory *m, const char *name);
size_t memory_size(const struct memory *m); /* entries in all lists */

/* Where the block stands when the agent is asked for its turn (0: the first). */
enum memory_place {
    PLACE_FIRST,   /* in the first message, where skills stand */
    PLACE_LAST,    /* at the end of the last user message; the first shows none */
    PLACE_NOWHERE, /* the agent does not see it any more */
};
/* Repaired: always in the first message, as skills are. */
enum memory_place memory_place(const struct memory *m, size_t turn);
/* Whether the block depends on what it is for; else it is the same for every task. */
bool memory_retrieves(const struct memory *m);
/* Appends the block; nothing when nothing is to be shown. `query` is the text that entries are chosen
 * for: the last user message (published: at the first turn the prompt, the task first), or the
 * task's text. */
void memory_block(const struct memory *m, const char *query, struct buf *out);
/* The document: NAME, version 1, its memory.json in it. 0 or GRASP_ENOMEM. */
int memory_document(const struct memory *m, struct skill *out);

/* ---- learning ---- */

/* A rollout that has ended. Everything is borrowed. */
struct method_trace {
    const char *id, *instruction, *context;
    const struct chat *chat;
    const struct strlist *actions;
    const char *status;   /* "completed", ... */
    const char *result;   /* what was answered; NULL: nothing */
    const char *expected; /* where the task has one; else NULL */
    bool correct;
    bool error; /* of the task, not of the agent */
};

/* A prompt of skills/prompts with its data, and what came back. */
struct method_call {
    const char *prompt;
    json_t *data;     /* owned by who asks */
    struct buf reply; /* empty where the writer had nothing to say */
};
/* Asks all of them at once and waits; negative ends the run, which goes on later. */
struct method_writer {
    int (*ask)(struct method_writer *w, struct method_call *calls, size_t n);
};

struct method_run;
/* Changes `m`, which is borrowed as the writer is. NULL: no memory. */
struct method_run *method_run_new(struct memory *m, struct method_writer *writer);
void method_run_free(struct method_run *r);
/* Whether a task is run with what the task before it left: one at a time. */
bool method_is_serial(enum method m);
/* Calls of the writer at most, for a plan: `dev` tasks, every one of them failing where that costs
 * more. */
int64_t method_calls(const struct method_settings *s, int64_t dev, int64_t epochs);
/* The seed of the order of dev in an epoch is seed * 1000000 + epoch; published, the memories take the
 * epoch alone. */
uint64_t method_order_seed(const struct method_settings *s, uint64_t seed);
/* One of these does something for each method; *changed: the document is another one now. */
int method_after_task(struct method_run *r, const struct method_trace *t, bool *changed);
int method_after_batch(struct method_run *r, const struct method_trace *t, size_t n, bool *changed);
int method_after_epoch(struct method_run *r, const struct method_trace *t, size_t n, bool *changed);

#endif
