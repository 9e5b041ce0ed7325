/*
 * expel.c - ExpeL: rules with counters, from comparing each failure with the success that is most like
 * it. Every trace of the run is kept and compared again in every epoch.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/method/method_private.h"

enum { COUNTER_NEW = 2, REMOVE_FULL = 3, SUCCESSES = 10 };

/* ---- what is shown ---- */

static void block(const struct memory *m, const char *query, struct buf *out)
{
    size_t i;
    json_t *rule;
    (void)query; /* all of them, always */
    if (!memory_size(m))
        return;
    buf_adds(out,
             "Rules learned from earlier tasks. Follow those that concern the task at hand:\n");
    json_array_foreach (memory_list(m, "rules"), i, rule)
        buf_addf(out, "%zu. %s\n", i + 1, json_str_at(rule, "text", ""));
}

static void describe(const struct memory *m, struct buf *out)
{
    size_t i;
    json_t *rule;
    json_array_foreach (memory_list(m, "rules"), i, rule)
        buf_addf(out, "%zu. %s (counter %lld)\n", i + 1, json_str_at(rule, "text", ""),
                 (long long)json_int_at(rule, "counter", 0));
}

/* ---- operations ---- */

enum op { OP_REMOVE, OP_AGREE, OP_EDIT, OP_ADD, OPS };
static const char *const op_names[OPS] = {"REMOVE", "AGREE", "EDIT", "ADD"};

struct operation {
    enum op op;
    int64_t number; /* 0: none was given */
    char *text;
};
struct operations {
    struct operation *v;
    size_t n, cap;
};

static void operations_release(struct operations *o)
{
    for (size_t i = 0; i < o->n; i++)
        free(o->v[i].text);
    free(o->v);
}

/* "OP: " or "OP 3: " at p; its end, or NULL. */
static const char *op_at(const char *p, enum op *op, int64_t *number)
{
    for (int i = 0; i < OPS; i++) {
        size_t n = strlen(op_names[i]);
        char *end = NULL;
        if (strncmp(p, op_names[i], n) != 0)
            continue;
        *op = (enum op)i;
        *number = 0;
        p += n;
        if (*p == ' ' && ascii_isdigit(p[1])) {
            *number = strtoll(p + 1, &end, 10);
            p = end;
        }
        return p[0] == ':' && p[1] == ' ' ? p + 2 : NULL;
    }
    return NULL;
}

/* Behind "words: ", where the text begins so. */
static const char *behind_words(const char *p)
{
    const char *q = p;
    while (ascii_isalnum(*q) || *q == ' ' || *q == '\t')
        q++;
    return q > p && q[0] == ':' && q[1] == ' ' ? q + 2 : p;
}

static int add_operation(struct operations *o, enum op op, int64_t number, const char *text)
{
    struct buf t = BUF_INIT;
    text = behind_words(text);
    add_folded(&t, text, strlen(text));
    if (!t.len || strstr(t.ptr, "ADD") || strstr(t.ptr, "AGREE") || strstr(t.ptr, "EDIT")) {
        buf_release(&t); /* two operations on one line, or none */
        return 0;
    }
    if (t.ptr[t.len - 1] != '.')
        buf_addch(&t, '.');
    int rc = grow(&o->v, &o->cap, o->n + 1);
    char *copy = rc == 0 ? buf_detach(&t) : NULL;
    if (rc == 0 && !copy)
        rc = err_oom();
    if (rc == 0)
        o->v[o->n++] = (struct operation){op, number, copy};
    buf_release(&t);
    return rc;
}

/* One operation a line, wherever it begins in it. */
static int parse(struct operations *o, const char *reply)
{
    int rc = 0;
    for (const char *p = reply; rc == 0 && *p;) {
        const char *eol = strchrnul(p, '\n'), *text = NULL;
        char *line = str_ndup(p, (size_t)(eol - p));
        enum op op = OP_ADD;
        int64_t number = 0;
        if (!line)
            return err_oom();
        for (const char *q = line; *q && !text; q++)
            text = op_at(q, &op, &number);
        if (text)
            rc = add_operation(o, op, number, text);
        free(line);
        p = *eol ? eol + 1 : eol;
    }
    return rc;
}

/* Which rule an operation is about; NULL: none. As released, one with a number is about no rule, since
 * "EDIT 3" is compared with "EDIT", and one without is about the first rule whose number occurs in
 * its text. */
static json_t *rule_of(const struct memory *m, const json_t *rules, const struct operation *o)
{
    if (repaired(m))
        return o->number > 0 ? json_array_get(rules, (size_t)o->number - 1) : NULL;
    for (size_t i = 0; !o->number && i < json_array_size(rules); i++) {
        char digits[24];
        snprintf(digits, sizeof(digits), "%zu", i + 1);
        if (strstr(o->text, digits))
            return json_array_get(rules, i);
    }
    return NULL;
}

static void count(json_t *rule, int64_t more)
{
    json_object_set_new(rule, "counter", json_integer(json_int_at(rule, "counter", 0) + more));
}

static bool has_text(const json_t *rules, const char *text)
{
    size_t i;
    json_t *rule;
    json_array_foreach (rules, i, rule)
        if (strcmp(json_str_at(rule, "text", ""), text) == 0)
            return true;
    return false;
}

static int apply_one(const struct memory *m, const json_t *shown, json_t *rules,
                     const struct operation *o)
{
    bool full = json_array_size(shown) >= (size_t)m->settings.max_rules;
    json_t *rule = o->op == OP_ADD ? NULL : rule_of(m, shown, o);
    if (o->op == OP_ADD && !has_text(rules, o->text))
        return json_array_append_new(rules, json_pack("{s:o, s:i}", "text",
                                                      json_text(o->text, strlen(o->text)),
                                                      "counter", COUNTER_NEW));
    if (!rule)
        return 0;
    count(rule, o->op == OP_REMOVE ? (full ? -REMOVE_FULL : -1) : 1);
    if (o->op == OP_EDIT)
        json_object_set_new(rule, "text", json_text(o->text, strlen(o->text)));
    return 0;
}

/* Those still counted, highest counter first, equal ones as they stood. */
static json_t *sorted(const json_t *rules, size_t most)
{
    json_t *out = json_array(), *rule;
    size_t i;
    json_array_foreach (rules, i, rule) {
        int64_t counter = json_int_at(rule, "counter", 0);
        size_t at = json_array_size(out);
        while (at && json_int_at(json_array_get(out, at - 1), "counter", 0) < counter)
            at--;
        if (counter > 0)
            json_array_insert(out, at, rule);
    }
    while (json_array_size(out) > most)
        json_array_remove(out, most);
    return out;
}

/* Every reply saw the same rules, so all of their operations are one update: REMOVE, AGREE, EDIT,
 * ADD. */
static int apply(struct memory *m, const struct operations *o, bool *changed)
{
    json_t *was = memory_list(m, "rules"), *now = json_deep_copy(was), *shown = json_copy(now);
    int rc = now && shown ? 0 : err_oom();
    for (int op = 0; op < OPS; op++)
        for (size_t i = 0; rc == 0 && i < o->n; i++)
            if ((int)o->v[i].op == op && apply_one(m, shown, now, &o->v[i]) < 0)
                rc = err_oom();
    json_t *kept = rc == 0 ? sorted(now, (size_t)m->settings.max_rules) : NULL;
    if (rc == 0 && !kept)
        rc = err_oom();
    if (rc == 0 && !json_equal(kept, was)) {
        *changed = true;
        json_object_set(m->lists, "rules", kept);
    }
    json_decref(kept);
    json_decref(shown);
    json_decref(now);
    return rc;
}

/* ---- comparing ---- */

/* What the writer is told of a trace that is kept. */
static json_t *kept_trace(const struct memory *m, const struct method_trace *t)
{
    json_t *v = trace_data(m, t), *history = trace_history(t);
    if (v && history && json_object_set_new(v, "history", history) == 0)
        return v;
    json_decref(v);
    return NULL;
}

static json_t *with_rules(const struct memory *m, json_t *data)
{
    json_t *list = json_array(), *rule;
    size_t i;
    json_array_foreach (memory_list(m, "rules"), i, rule)
        json_array_append_new(
            list, json_pack("{s:i, s:O}", "n", (int)i + 1, "text", json_object_get(rule, "text")));
    if (json_array_size(list) >= (size_t)m->settings.max_rules)
        json_object_set_new(data, "full", json_true());
    json_object_set_new(data, "rules", list);
    return data;
}

static int words_of_all(const json_t *traces, struct words **out)
{
    size_t i;
    json_t *v;
    int rc = 0;
    *out = calloc(json_array_size(traces) + 1, sizeof(**out));
    if (!*out)
        return err_oom();
    json_array_foreach (traces, i, v)
        if (rc == 0)
            rc = words_of(&(*out)[i], json_str_at(v, "instruction", ""));
    return rc;
}

static void words_free(struct words *w, size_t n)
{
    for (size_t i = 0; w && i < n; i++)
        words_release(&w[i]);
    free(w);
}

/* The success whose instruction is most like it; the earliest of equal ones. */
static size_t nearest(const struct words *failure, const struct words *successes, size_t n)
{
    size_t best = 0;
    double most = -1;
    for (size_t i = 0; i < n; i++) {
        double like = words_jaccard(failure, &successes[i]);
        if (like > most) {
            most = like;
            best = i;
        }
    }
    return best;
}

static int plan_calls(struct method_run *r, struct method_call *calls, size_t *n)
{
    size_t failures = json_array_size(r->failures), successes = json_array_size(r->successes);
    struct words *f = NULL, *s = NULL;
    int rc = words_of_all(r->failures, &f);
    if (rc == 0)
        rc = words_of_all(r->successes, &s);
    for (size_t i = 0; rc == 0 && successes && i < failures; i++) {
        json_t *data = json_pack("{s:O, s:O}", "failure", json_array_get(r->failures, i), "success",
                                 json_array_get(r->successes, nearest(&f[i], s, successes)));
        if (!data)
            rc = err_oom();
        else
            calls[(*n)++] = (struct method_call){"expel-compare", with_rules(r->m, data), BUF_INIT};
    }
    if (rc == 0 && successes) {
        json_t *first = json_array();
        for (size_t i = 0; i < successes && i < SUCCESSES; i++)
            json_array_append(first, json_array_get(r->successes, i));
        json_t *data = json_pack("{s:o}", "traces", first);
        if (!data)
            rc = err_oom();
        else
            calls[(*n)++] =
                (struct method_call){"expel-successes", with_rules(r->m, data), BUF_INIT};
    }
    words_free(f, failures);
    words_free(s, successes);
    return rc;
}

static int after_epoch(struct method_run *r, const struct method_trace *t, size_t n, bool *changed)
{
    struct operations ops = {0};
    size_t asked = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *v = kept_trace(r->m, &t[i]);
        if (!v || json_array_append_new(t[i].correct ? r->successes : r->failures, v) < 0)
            return err_oom();
    }
    struct method_call *calls = calloc(json_array_size(r->failures) + 2, sizeof(*calls));
    int rc = calls ? plan_calls(r, calls, &asked) : err_oom();
    if (rc == 0 && asked)
        rc = r->writer->ask(r->writer, calls, asked);
    for (size_t i = 0; rc == 0 && i < asked; i++)
        rc = parse(&ops, calls[i].reply.ptr);
    if (rc == 0)
        rc = apply(r->m, &ops, changed);
    operations_release(&ops);
    calls_free(calls, asked);
    return rc;
}

const struct method_ops method_expel = {
    .title = "ExpeL",
    .lists = {"rules"},
    .later = PLACE_NOWHERE,
    .block = block,
    .describe = describe,
    .after_epoch = after_epoch,
};
