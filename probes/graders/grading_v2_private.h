/*
 * grading_v2_private.h - private to v2's graders: what they read in a chart, and how they look for an order
 * among the accepted posts.
 *
 * A v2 grader asks two things: does this chart call for an order (grader_v2_chart.c, jansson's
 * values as the FHIR server gave them), and do the posts hold it (grader_v2_orders.c, Python's
 * values as the agent wrote them). The published graders find drugs and codes by searching a
 * value's printed form, so that is what is searched here.
 *
 * Functions that return bool and take a grading set the reason when they return false; of the
 * others, those that say so.
 */
#ifndef GRASP_PROBES_GRADERS_GRADING_V2_PRIVATE_H
#define GRASP_PROBES_GRADERS_GRADING_V2_PRIVATE_H

#include "probes/graders/grading_private.h"
#include "runtime/base/buf.h"

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

/* grader_v2_chart.c: data that Python would stumble over stops the grader ("data: ..."). */

/* The time that the context calls now. */
struct pytime chart_now(struct grading *g);
/* Reads a time of a resource that must be one. */
bool chart_time(struct grading *g, const json_t *v, struct pytime *t);
/* *in: recorded up to the cut-off, or nobody knows when. */
bool chart_in_time(struct grading *g, const json_t *resource, bool *in);

/* The latest of some times. */
struct chart_latest {
    bool any;
    struct pytime time;
};

/* Keeps `time` when it is later; the first of equal ones stays. */
bool chart_keep_later(struct grading *g, struct chart_latest *latest, const json_t *time);
/* The latest Procedure of a search: performedDateTime, else the period's end, else its start. One
 * without any is passed over. */
bool chart_latest_procedure(struct grading *g, const json_t *found, struct chart_latest *latest);
/* *old: there is none, or it is more than `us` microseconds before `now`. */
bool chart_none_or_older(struct grading *g, const struct chart_latest *latest,
                         const struct pytime *now, int64_t us, bool *old);
/* The medication's text in lower case ("" without one); the codeable concept must be there. */
bool chart_medication(struct grading *g, const json_t *request, struct buf *out);

/* grader_v2_orders.c: printed text. */

/* Whether any of the words is part of `text` (both in lower case). */
bool text_names_any(const char *text, size_t len, const char *const *words, size_t n);
/* ASCII letters only. */
void text_lower(struct buf *b);
/* Appends str(v): a string as it is, anything else printed. NULL adds nothing. */
void print_add(struct buf *b, const struct pyvalue *v);
/* Whether v in print, in lower case, holds any of the words. */
bool print_names_any(const struct pyvalue *v, const char *const *words, size_t n);
bool print_names(const struct pyvalue *v, const char *word);

/* grader_v2_orders.c: orders. */

/* What an accepted post is, seen as the order that is looked for. */
enum order_match {
    ORDER_OTHER,  /* something else; the walk goes on */
    ORDER_WANTED, /* this is it, as far as was looked */
    ORDER_STOPS,  /* a field of the wrong type, on which Python raises: all is incorrect */
};

enum {
    SERVICE = 1, /* ServiceRequest */
    MEDICATION = 2,
    EITHER = SERVICE | MEDICATION,
};

bool order_of_type(const struct pyvalue *payload, int types);
/* Says that a field is no string; ORDER_STOPS. */
enum order_match order_stops(struct grading *g, const char *field, const struct pyvalue *v);
/* A text field against one word, in any case. Missing is another word: no reason then. */
enum order_match order_word_is(struct grading *g, const struct pyvalue *payload, const char *field,
                               const char *word);
/* Whether a post's status is one that ends an order. */
enum order_match order_is_stopped(struct grading *g, const struct pyvalue *payload);
/* Says what else it is; ORDER_STOPS. */
enum order_match order_is_object(struct grading *g, const struct pyvalue *payload);
/* An active order for the patient, of one of the types. Says what is wrong with one of the right
 * type; one of another type is passed over in silence. */
enum order_match order_envelope(struct grading *g, const struct pyvalue *payload, int types);
/* Exactly one accepted post, with a right envelope and of which `is_order` holds. That is asked of each
 * post that is an object, also where there are several, so that all that is wrong is said. */
typedef bool (*order_fn)(struct grading *g, const struct grading_post *post);
bool order_single(struct grading *g, int types, order_fn is_order);
/* Says how a field that is to be this word differs from it, or that it is missing. */
void field_differs(struct grading *g, const struct pyvalue *payload, const char *field,
                   const char *want);
/* Says that the resource is of another type, or of none; false. */
bool other_type(struct grading *g, const struct pyvalue *payload);
/* Where an order is missing: says of each post why it is not that one. `why` is asked about those of
 * the types. */
typedef void (*passed_over_fn)(struct grading *g, const struct pyvalue *payload, void *arg);
void passed_over(struct grading *g, int types, passed_over_fn why, void *arg);
/* Says that the field names another drug, or the drug in another dose; false. */
bool other_drug(struct grading *g, const char *field, bool drug);
/* Says that an order of this kind is missing; false. */
bool order_missing(struct grading *g, const char *what);
/* No accepted post; the word POST may stand in other messages (see check_silent). */
bool check_no_posts(struct grading *g);

/* grader_v2_labs.c: the families that read Observations, task3, task6 and task7. */
bool grade_mean_heart_rates(struct grading *g);
bool grade_thyroid(struct grading *g);
bool grade_qt_interval(struct grading *g);

#endif
