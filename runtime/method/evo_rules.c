/*
 * evo_rules.c - the rules of Evo memory as values: their normal form, key and priority, how useful one
 * was, which are chosen for a query.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/method/evo.h"

#define WEIGHT  0.15 /* of the utility, beside the overlap */
#define EXPLORE 0.8

/* "[P1] " at the start: the digit; -1: none. */
static int mark_of(const char *s)
{
    return s[0] == '[' && s[1] == 'P' && s[2] >= '0' && s[2] <= '2' && s[3] == ']' ? s[2] - '0'
                                                                                   : -1;
}

int evo_priority(const char *text)
{
    int p = mark_of(text);
    return p < 0 ? 1 : p;
}

const char *evo_unmarked(const char *text)
{
    if (mark_of(text) < 0)
        return text;
    text += 4;
    while (*text == ' ')
        text++;
    return text;
}

/* Without the tags that stand around it. */
static void drop_wrapper(const char **s, size_t *len)
{
    const char *p = *s, *end = p + *len;
    const char *close = p < end && *p == '<' ? memchr(p, '>', (size_t)(end - p)) : NULL;
    if (close && close > p + 1 && !memchr(p, ' ', (size_t)(close - p)))
        p = close + 1;
    const char *open = end > p && end[-1] == '>' ? memrchr(p, '<', (size_t)(end - p)) : NULL;
    if (open && open[1] == '/')
        end = open;
    *s = p;
    *len = (size_t)(end - p);
}

void evo_normal(const char *text, struct buf *out)
{
    struct buf folded = BUF_INIT;
    size_t len = strlen(text);
    strip_bullet(&text, &len);
    drop_wrapper(&text, &len);
    strip_bullet(&text, &len);
    add_folded(&folded, text, len);
    int mark = mark_of(folded.ptr);
    const char *bare = evo_unmarked(folded.ptr);
    if (*bare && mark >= 0)
        buf_addf(out, "[P%d] %s", mark, bare);
    else if (*bare)
        buf_addf(out, "[P1] %c%s", *bare >= 'a' && *bare <= 'z' ? *bare - 32 : *bare, bare + 1);
    out->failed |= folded.failed;
    buf_release(&folded);
}

static int add_token(const char *token, size_t len, void *arg)
{
    struct buf *b = arg;
    if (b->len)
        buf_addch(b, ' ');
    buf_add(b, token, len);
    return 0;
}

void evo_key(const char *text, struct buf *out)
{
    words_each(evo_unmarked(text), add_token, out);
}

bool evo_usable(const char *text)
{
    static const char *const phrases[] = {"the answer is", "correct answer", "option ", "sample id",
                                          "task id"};
    enum { LEAST = 12 };
    const char *bare = evo_unmarked(text);
    if (utf8_length(bare, strlen(bare)) < LEAST)
        return false;
    for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
        if (str_casestr(bare, phrases[i]))
            return false;
    return true;
}

int64_t evo_shown(const json_t *rules)
{
    int64_t all = 0;
    size_t i;
    json_t *rule;
    json_array_foreach (rules, i, rule)
        all += json_int_at(rule, "shown", 0);
    return all;
}

double evo_utility(const json_t *rule, int64_t all)
{
    double shown = (double)json_int_at(rule, "shown", 0);
    if (shown <= 0)
        return 1;
    double seen = all + 1 > 2 ? (double)all + 1 : 2;
    return (double)json_int_at(rule, "success", 0) / shown + EXPLORE * sqrt(log(seen) / shown);
}

/* ---- choosing ---- */

struct ranked {
    size_t at;
    int priority;
    double score, utility;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->utility != y->utility)
        return x->utility > y->utility ? -1 : 1;
    return x->at < y->at ? -1 : 1;
}

/* The first `most` of them, in order. */
static json_t *take_best(const json_t *list, struct ranked *v, size_t n, size_t most)
{
    json_t *out = json_array();
    qsort(v, n, sizeof(*v), by_rank);
    for (size_t i = 0; i < n && i < most; i++)
        json_array_append(out, json_array_get(list, v[i].at));
    return out;
}

json_t *evo_choose(const json_t *list, const struct words *prepared, const char *query,
                   const char *const *keys, bool rules, size_t most)
{
    size_t n = json_array_size(list), kept = 0;
    struct ranked *v = calloc(n + 1, sizeof(*v));
    struct words q = {0}, w = {0};
    int64_t all = rules ? evo_shown(list) : 0;
    int rc = v ? words_of(&q, query) : err_oom();
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const json_t *entry = json_array_get(list, i);
        rc = prepared ? 0 : words_of_entry(&w, entry, keys);
        struct ranked r = {.at = i, .score = words_overlap(&q, prepared ? &prepared[i] : &w)};
        words_release(&w);
        if (rules) {
            r.priority = evo_priority(json_str_at(entry, "text", ""));
            r.utility = evo_utility(entry, all);
            r.score += WEIGHT * r.utility;
        } else if (r.score <= 0) {
            continue;
        }
        v[kept++] = r;
    }
    json_t *out = rc == 0 ? take_best(list, v, kept, most) : NULL;
    words_release(&q);
    free(v);
    return out;
}
