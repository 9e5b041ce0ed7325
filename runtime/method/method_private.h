/* method_private.h - what the files of the methods share. */
#ifndef GRASP_RUNTIME_METHOD_METHOD_PRIVATE_H
#define GRASP_RUNTIME_METHOD_METHOD_PRIVATE_H

#include "runtime/method/method.h"
#include "skills/reply.h"

/* The tokens of a text, [a-z0-9]+ of its lower-cased form, as a set: hashes, ascending. */
struct words {
    uint64_t *v;
    size_t n, cap;
};

struct memory {
    struct method_settings settings;
    json_t *lists;             /* name -> array of entries */
    struct words *prepared[2]; /* of the entries of each list (method_ops.keys); NULL: not yet */
    size_t n_prepared[2];
};

struct method_run {
    struct memory *m;
    struct method_writer *writer;
    /* expel: every trace seen, [{instruction, history, ...}]; made anew by a run that is resumed */
    json_t *failures, *successes;
};

/* What there is to a method; NULL where it has nothing of the kind. */
struct method_ops {
    const char *title;          /* "Sequential memory" */
    const char *lists[2];       /* of its entries */
    const char *const *keys[2]; /* of an entry: the texts that it is found by (NULL at the end) */
    bool serial, retrieves;
    bool epoch_order;        /* published: dev is shuffled by the epoch alone */
    enum memory_place later; /* published: where the block stands after the first turn */
    void (*block)(const struct memory *m, const char *query, struct buf *out);
    /* The entries for people, as Markdown. */
    void (*describe)(const struct memory *m, struct buf *out);
    int (*after_task)(struct method_run *r, const struct method_trace *t, bool *changed);
    int (*after_batch)(struct method_run *r, const struct method_trace *t, size_t n, bool *changed);
    int (*after_epoch)(struct method_run *r, const struct method_trace *t, size_t n, bool *changed);
};
extern const struct method_ops method_seq_memory, method_batch_memory, method_expel,
    method_evo_memory, method_skillx;
const struct method_ops *method_ops_of(const struct memory *m);

static inline bool repaired(const struct memory *m)
{
    return m->settings.fidelity == FIDELITY_REPAIRED;
}

/* ---- trace.c ---- */

/* {instruction, status, correct: "True" or "False"}, and what the released code believes to give and
 * does not have, where repaired: context, result, expected. NULL: no memory. */
json_t *trace_data(const struct memory *m, const struct method_trace *t);
/* The agent's answer (repaired), else its last message; at most `chars` characters. */
json_t *trace_answer(const struct memory *m, const struct method_trace *t, size_t chars);
/* [{role, text}] of the whole conversation, each text on one line. What stands for the first message
 * is the task it gave: the functions beside it are every task's. */
json_t *trace_history(const struct method_trace *t);
/* A JSON string of at most `chars` characters. */
json_t *cut_text(const char *s, size_t chars);
/* Asks for one reply. */
int ask_one(struct method_run *r, const char *prompt, json_t *data, struct buf *reply);
void calls_free(struct method_call *calls, size_t n);

/* ---- words.c ---- */

void words_release(struct words *w);
int words_of(struct words *w, const char *text);
/* The tokens of an entry's texts and lists of texts under these keys (NULL at the end). */
int words_of_entry(struct words *w, const json_t *entry, const char *const *keys);
/* |A and B| / |A or B|; 0 when both are empty. */
double words_jaccard(const struct words *a, const struct words *b);
/* |A and B| / sqrt(|A| |B|); 0 when one is empty. */
double words_overlap(const struct words *a, const struct words *b);
/* Calls fn with each token in its order; stops at the first non-zero return. */
int words_each(const char *text, int (*fn)(const char *token, size_t len, void *arg), void *arg);

/* ---- reply.c (JSON in a reply: skills/reply.h) ---- */

/* The inside of the first code fence when there is one, else all of it. */
void reply_unfence(const char *s, size_t len, const char **from, size_t *n);
/* The text between <tag> and </tag>; false: none. */
bool reply_tag(const char *s, const char *tag, const char **from, size_t *n);
/* Appends with every run of white space as one blank, none at the ends. */
void add_folded(struct buf *out, const char *s, size_t len);
/* A line without its bullets ("- ", "* ", "3. ") and blanks. */
void strip_bullet(const char **s, size_t *len);

#endif
