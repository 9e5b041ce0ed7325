/*
 * grading_private.h - private to the graders: what one grading knows, and the checks they are made of.
 *
 * Checks return false when they fail, and each failure writes a reason (see grader.h). The verdict is
 * that of the published graders, which stop at the first one; ours go on as far as they can see, so
 * that a model that learns from the reasons mends all of them at once. So a check that fails is no
 * cause to return: `ok = check_a(g) && ok`.
 */
#ifndef GRASP_PROBES_GRADERS_GRADING_PRIVATE_H
#define GRASP_PROBES_GRADERS_GRADING_PRIVATE_H

#include "probes/graders/differ_private.h"
#include "probes/graders/grader.h"
#include "probes/literal/pytime.h"
#include "probes/literal/pyvalue.h"

struct grading_post {
    const char *url; /* not terminated */
    size_t url_len;
    struct pyvalue payload;
    bool taken; /* it was compared with an order */
};

struct grading {
    const struct task *task;
    const struct grader_settings *settings;
    const struct trace *trace;
    json_t *const *found;
    struct verdict *verdict;
    struct py_arena arena;
    struct grading_post *posts; /* accepted ones whose payload parses */
    size_t n_posts;
    size_t n_refused;  /* messages that begin with POST and were not accepted */
    size_t n_unread;   /* accepted, but graders cannot read them */
    bool has_post;     /* the text POST in any agent message */
    bool ends_in_post; /* ... in the last message */
    char payload[32];  /* what the payload looked at is called in reasons: "payload[1]", say */
    struct {
        const char *path; /* borrowed from a table of checks */
        size_t len;
    } amiss[8]; /* parts of that payload that are missing or ill-formed: what is below them is not
                   complained about again */
    size_t n_amiss;
    size_t n_reasons; /* also those that found no room */
};

#define SEARCHES_MAX 4

struct grader_family {
    const char *name;
    const char *searches[SEARCHES_MAX]; /* %s stands for the patient's identifier */
    bool (*grade)(struct grading *g);
    bool reads_only; /* the task never asks for an order */
};

/* In the order of their names; the last has none. */
extern const struct grader_family grader_families_v1[], grader_families_v2[];
/* NULL when the benchmark has no such family. */
const struct grader_family *grader_family(const struct task *task, enum benchmark benchmark);

/* Adds a reason; returns false. Texts from outside have no place in one. */
bool grading_fail(struct grading *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The text handed to FINISH is not JSON: says so, and what it is. */
bool answer_unread(struct grading *g);
/* The answer is a list, but of another length. */
bool wrong_length(struct grading *g, size_t given, size_t wanted);

/* No agent message holds POST. */
bool check_silent(struct grading *g);
/* Says of posts that did not count why they did not. */
void posts_unread(struct grading *g);
/* Exactly `n` accepted posts. */
bool check_posts(struct grading *g, size_t n);
/* Says of each accepted post that nothing of the kind is due; false. */
bool surplus_posts(struct grading *g);
/* "a ServiceRequest", or "a resource": what a payload says it is, where that may be repeated. */
const char *payload_type(const struct pyvalue *payload);
/* Turns to the i-th post; reasons call it "payload", or "payload[i]" where there are several. */
const struct pyvalue *payload_take(struct grading *g, size_t i);
/* The value is {"reference": "Patient/MRN"} and nothing more; sets no reason. */
bool subject_is_patient(const struct grading *g, const struct pyvalue *v);
/* Sets the reason why the subject is not right; returns false. */
bool subject_fail(struct grading *g, const struct pyvalue *v);
/* a < b, a == b, a > b as *order; a reason when one has a zone and the other has none. */
bool check_comparable(struct grading *g, const struct pytime *a, const struct pytime *b,
                      int *order);
/* The value at a path of a payload; NULL, with a reason, when it is not there. The path must outlive
 * the grading. */
const struct pyvalue *payload_at(struct grading *g, const struct pyvalue *payload,
                                 const char *path);
/* Notes that the first `len` bytes of a path lead to something of the wrong form. */
void payload_amiss(struct grading *g, const char *path, size_t len);

#define NOW_V1 "2023-11-13T10:15:00+00:00"
#define NOW_V2 "2023-11-07T22:47:00+00:00" /* where the context names no time */

#endif
