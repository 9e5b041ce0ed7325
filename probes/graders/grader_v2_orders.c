/*
 * grader_v2_orders.c - what v2's graders look for in accepted posts: words in print, and the
 * envelope of an order.
 *
 * The published graders call methods of strings on whatever stands in a field, and an exception
 * makes the whole verdict incorrect, on any post that is reached. That is why a walk over the posts
 * knows three outcomes and not two.
 */
#include <string.h>

#include "probes/graders/grading_v2_private.h"

bool text_names_any(const char *text, size_t len, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memmem(text, len, words[i], strlen(words[i])))
            return true;
    return false;
}

void text_lower(struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        b->ptr[i] = ascii_lower(b->ptr[i]);
}

void print_add(struct buf *b, const struct pyvalue *v)
{
    if (v && v->kind == PY_STR)
        buf_add(b, v->s, v->n);
    else if (v)
        py_repr(b, v);
}

bool print_names_any(const struct pyvalue *v, const char *const *words, size_t n)
{
    struct buf b = BUF_INIT;
    print_add(&b, v);
    text_lower(&b);
    bool found = text_names_any(b.ptr, b.len, words, n);
    buf_release(&b);
    return found;
}

bool print_names(const struct pyvalue *v, const char *word)
{
    return print_names_any(v, &word, 1);
}

bool order_of_type(const struct pyvalue *payload, int types)
{
    const struct pyvalue *type = py_get(payload, "resourceType");
    return ((types & SERVICE) && py_eq_str(type, "ServiceRequest")) ||
           ((types & MEDICATION) && py_eq_str(type, "MedicationRequest"));
}

enum order_match order_stops(struct grading *g, const char *field, const struct pyvalue *v)
{
    grading_fail(g, "%s.%s: %s where a string is expected", g->payload, field, py_kind_name(v));
    return ORDER_STOPS;
}

enum order_match order_word_is(struct grading *g, const struct pyvalue *payload, const char *field,
                               const char *word)
{
    const struct pyvalue *v = py_get(payload, field);
    if (v && v->kind != PY_STR)
        return order_stops(g, field, v);
    if (v && v->n == strlen(word) && str_caseeq(v->s, word))
        return ORDER_WANTED;
    return ORDER_OTHER;
}

enum order_match order_is_object(struct grading *g, const struct pyvalue *payload)
{
    if (payload->kind == PY_DICT)
        return ORDER_WANTED;
    grading_fail(g, "%s: %s where an object is expected", g->payload, py_kind_name(payload));
    return ORDER_STOPS;
}

void field_differs(struct grading *g, const struct pyvalue *payload, const char *field,
                   const char *want)
{
    const struct pyvalue *v = payload_at(g, payload, field);
    char how[DIFFERS_SIZE];
    if (!v)
        return;
    differs_text(v, want, strlen(want), g->task, how);
    grading_fail(g, "%s.%s: %s", g->payload, field, how);
}

enum order_match order_envelope(struct grading *g, const struct pyvalue *payload, int types)
{
    static const char *const words[][2] = {{"status", "active"}, {"intent", "order"}};
    enum order_match all = order_is_object(g, payload);
    if (all != ORDER_WANTED)
        return all;
    if (!order_of_type(payload, types))
        return ORDER_OTHER;
    for (size_t i = 0; i < COUNT(words); i++) {
        enum order_match is = order_word_is(g, payload, words[i][0], words[i][1]);
        if (is == ORDER_OTHER)
            field_differs(g, payload, words[i][0], words[i][1]);
        if (all == ORDER_WANTED) /* the first of them decides */
            all = is;
    }
    if (!subject_is_patient(g, py_get(payload, "subject"))) {
        subject_fail(g, py_get(payload, "subject"));
        if (all == ORDER_WANTED)
            all = ORDER_OTHER;
    }
    return all;
}

bool other_type(struct grading *g, const struct pyvalue *payload)
{
    const struct pyvalue *type = py_get(payload, "resourceType");
    if (!type)
        return grading_fail(g, "%s.resourceType: missing", g->payload);
    if (type->kind != PY_STR)
        return order_stops(g, "resourceType", type) == ORDER_WANTED;
    return grading_fail(g, "%s.resourceType: a type of resource, but another one", g->payload);
}

void passed_over(struct grading *g, int types, passed_over_fn why, void *arg)
{
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        if (payload->kind != PY_DICT)
            continue;
        if (order_of_type(payload, types))
            why(g, payload, arg);
        else
            other_type(g, payload);
    }
}

bool other_drug(struct grading *g, const char *field, bool drug)
{
    return grading_fail(g, "%s.%s: names %s", g->payload, field,
                        drug ? "the drug asked for, but not the dose"
                             : "another drug than the one asked for");
}

bool order_single(struct grading *g, int types, order_fn is_order)
{
    bool ok = check_posts(g, 1);
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        ok = order_envelope(g, payload, types) == ORDER_WANTED && ok;
        if (payload->kind == PY_DICT && !order_of_type(payload, types))
            other_type(g, payload);
        ok = payload->kind == PY_DICT && is_order(g, &g->posts[i]) && ok;
    }
    return ok;
}

bool order_missing(struct grading *g, const char *what)
{
    return grading_fail(g, "posts: missing: no accepted %s", what);
}

bool check_no_posts(struct grading *g)
{
    if (!g->n_posts)
        return true;
    grading_fail(g, "posts: extra: %zu accepted where nothing is to be ordered", g->n_posts);
    return surplus_posts(g);
}

enum order_match order_is_stopped(struct grading *g, const struct pyvalue *payload)
{
    static const char *const stop_words[] = {"stopped", "cancelled", "completed",
                                             "entered-in-error"};
    for (size_t i = 0; i < COUNT(stop_words); i++) {
        enum order_match is = order_word_is(g, payload, "status", stop_words[i]);
        if (is != ORDER_OTHER)
            return is;
    }
    return ORDER_OTHER;
}
