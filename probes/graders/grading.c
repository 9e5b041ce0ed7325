/*
 * grading.c - the checks that graders of both benchmarks are made of, and the reasons they write.
 * It lies below all of them: what is here calls no grader.
 */
#include "probes/graders/grading_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void verdict_say(struct verdict *v, size_t at, const char *text)
{
    size_t n = utf8_cut(text, strlen(text), VERDICT_REASON_SIZE - 1);
    if (at < VERDICT_REASONS)
        snprintf(v->reasons[at], VERDICT_REASON_SIZE, "%.*s", (int)n, text);
    else
        snprintf(v->reasons[VERDICT_REASONS - 1], VERDICT_REASON_SIZE,
                 "more: %zu further reasons are left out", at - VERDICT_REASONS + 2);
}

static void add_reason(struct grading *g, const char *text)
{
    for (size_t i = 0; i < g->n_reasons && i < VERDICT_REASONS; i++)
        if (strcmp(g->verdict->reasons[i], text) == 0) /* two walks over the posts said it */
            return;
    verdict_say(g->verdict, g->n_reasons++, text);
}

bool grading_fail(struct grading *g, const char *fmt, ...)
{
    char text[VERDICT_REASON_SIZE];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    add_reason(g, text);
    return false;
}

bool check_silent(struct grading *g)
{
    if (!g->has_post)
        return true;
    grading_fail(g, g->n_posts
                        ? "has_post: a POST where nothing is to be sent"
                        : "has_post: the word POST in a message where nothing is to be sent");
    return surplus_posts(g);
}

const char *payload_type(const struct pyvalue *payload)
{
    static const char *const types[][2] = {{"ServiceRequest", "a ServiceRequest"},
                                           {"MedicationRequest", "a MedicationRequest"},
                                           {"Observation", "an Observation"}};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (py_eq_str(py_get(payload, "resourceType"), types[i][0]))
            return types[i][1];
    return "a resource";
}

bool surplus_posts(struct grading *g)
{
    for (size_t i = 0; i < g->n_posts; i++) {
        const struct pyvalue *payload = payload_take(g, i);
        grading_fail(g, "posts: extra: %s is %s where nothing is due", g->payload,
                     payload_type(payload));
    }
    return false;
}

void posts_unread(struct grading *g)
{
    if (g->n_refused)
        grading_fail(g, "posts: missing: %zu POST%s not accepted", g->n_refused,
                     g->n_refused == 1 ? " was" : "s were");
    if (g->n_unread)
        grading_fail(g, "posts: missing: %zu accepted without JSON alone below the first line",
                     g->n_unread);
}

bool check_posts(struct grading *g, size_t n)
{
    if (g->n_posts == n)
        return true;
    return grading_fail(g, "posts: %s: %zu accepted where %zu %s expected",
                        g->n_posts < n ? "missing" : "extra", g->n_posts, n, n == 1 ? "is" : "are");
}

const struct pyvalue *payload_take(struct grading *g, size_t i)
{
    g->n_amiss = 0;
    if (g->n_posts > 1)
        snprintf(g->payload, sizeof(g->payload), "payload[%zu]", i);
    return &g->posts[i].payload;
}

bool subject_is_patient(const struct grading *g, const struct pyvalue *v)
{
    const struct pyvalue *reference = py_get(v, "reference");
    size_t n = g->task->mrn ? strlen(g->task->mrn) : 0;
    return n && reference && v->n == 1 && py_is_str(reference) && reference->n == n + 8 &&
           memcmp(reference->s, "Patient/", 8) == 0 &&
           memcmp(reference->s + 8, g->task->mrn, n) == 0;
}

/* An object with a reference that is not the wanted one, or is not alone. */
static const char *other_subject(const struct grading *g, const struct pyvalue *v,
                                 const struct pyvalue *reference)
{
    const char *mrn = g->task->mrn;
    size_t n = mrn ? strlen(mrn) : 0;
    if (!py_is_str(reference))
        return "its reference is no string";
    if (!n || !memmem(reference->s, reference->n, mrn, n))
        return "a reference, but not to the task's patient";
    return reference->n == n + 8 && memcmp(reference->s, "Patient/", 8) == 0 && v->n > 1
               ? "the right reference, but with more beside it"
               : "the task's patient, but in another form than TYPE/ID";
}

bool subject_fail(struct grading *g, const struct pyvalue *v)
{
    if (!v)
        return grading_fail(g, "%s.subject: missing", g->payload);
    if (v->kind != PY_DICT)
        return grading_fail(g, "%s.subject: %s where an object is expected", g->payload,
                            py_kind_name(v));
    if (!py_get(v, "reference"))
        return grading_fail(g, "%s.subject.reference: missing", g->payload);
    return grading_fail(g, "%s.subject: %s", g->payload,
                        other_subject(g, v, py_get(v, "reference")));
}

bool check_comparable(struct grading *g, const struct pytime *a, const struct pytime *b, int *order)
{
    if (pytime_compare(a, b, order))
        return true;
    return grading_fail(g, "data: a time without zone cannot be compared with one that has one");
}

bool answer_unread(struct grading *g)
{
    const char *text = g->trace->result;
    size_t n = strlen(text);
    struct pyvalue v;
    py_strip(&text, &n);
    return grading_fail(g, "answer: what stands between FINISH( and ) is not JSON%s",
                        !n                                   ? ": nothing is there"
                        : py_literal(&g->arena, text, n, &v) ? ": it is in Python's notation"
                        : *text != '[' && *text != '{' ? ": it is text without quotation marks"
                                                       : "");
}

bool wrong_length(struct grading *g, size_t given, size_t wanted)
{
    return grading_fail(g, "answer: a list of %zu where one of %zu is expected", given, wanted);
}

void payload_amiss(struct grading *g, const char *path, size_t len)
{
    if (g->n_amiss == sizeof(g->amiss) / sizeof(*g->amiss))
        return;
    g->amiss[g->n_amiss].path = path;
    g->amiss[g->n_amiss++].len = len;
}

/* Whether a part of this path was complained about already. */
static bool is_amiss(const struct grading *g, const char *path)
{
    for (size_t i = 0; i < g->n_amiss; i++) {
        size_t n = g->amiss[i].len;
        if (strncmp(path, g->amiss[i].path, n) == 0 && (!n || !path[n] || strchr(".[", path[n])))
            return true;
    }
    return false;
}

const struct pyvalue *payload_at(struct grading *g, const struct pyvalue *payload, const char *path)
{
    const struct pyvalue *v = payload;
    const char *p = path;
    if (is_amiss(g, path))
        return NULL;
    while (*p) {
        const struct pyvalue *next;
        size_t holder = (size_t)(p - path);
        bool index = *p == '[';
        if (index) {
            next = py_at(v, strtoul(p + 1, NULL, 10));
            p = strchr(p, ']') + 1;
        } else {
            char key[64];
            size_t n = strcspn(p, ".[");
            snprintf(key, sizeof(key), "%.*s", (int)n, p);
            next = py_get(v, key);
            p += n;
        }
        if (!next && v->kind != (index ? PY_LIST : PY_DICT)) {
            size_t n = (size_t)(p - path);
            grading_fail(g, "%s.%s: %.*s is below %s, where %s is expected", g->payload, path,
                         (int)n, path, py_kind_name(v), index ? "a list" : "an object");
            payload_amiss(g, path, holder && !index ? holder - 1 : holder);
            return NULL;
        }
        if (!next) {
            grading_fail(g, "%s.%s: missing", g->payload, path);
            payload_amiss(g, path, (size_t)(p - path));
            return NULL;
        }
        v = next;
        p += *p == '.';
    }
    return v;
}

/* YYYY-MM-DDTHH:MM:SS[.f]+HH:MM at s; its length, or 0. */
static size_t stamp_at(const char *s)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    size_t n = 0;
    for (; shape[n]; n++)
        if (shape[n] == 'd' ? !ascii_isdigit(s[n]) : s[n] != shape[n])
            return 0;
    if (s[n] == '.' && ascii_isdigit(s[n + 1]))
        for (n++; ascii_isdigit(s[n]); n++)
            ;
    const char *z = s + n;
    bool zone = (z[0] == '+' || z[0] == '-') && ascii_isdigit(z[1]) && ascii_isdigit(z[2]) &&
                z[3] == ':' && ascii_isdigit(z[4]) && ascii_isdigit(z[5]);
    return zone ? n + 6 : 0;
}

/* Whether the stamp of `n` bytes at p stands in "It's T now": any case, "Its" too, any blanks between,
 * none needed before "now", which must end as a word. */
static bool says_now(const char *context, const char *p, size_t n)
{
    static const char *const heads[] = {"it's", "its"};
    size_t before = (size_t)(p - context), rest = strlen(p + n);
    const char *behind = p + n;
    py_rstrip(context, &before);
    py_lstrip(&behind, &rest);
    if (context + before == p || rest < 3 || strncasecmp(behind, "now", 3) != 0 ||
        py_word_at(behind + 3, rest - 3))
        return false;
    for (size_t i = 0; i < 2; i++) {
        size_t head = strlen(heads[i]);
        if (before >= head && strncasecmp(context + before - head, heads[i], head) == 0)
            return true;
    }
    return false;
}

/* The first stamp that is said to be now, else the last one in the context, else a fixed one. */
static void now_v2(const char *context, char *out)
{
    const char *best = NULL;
    size_t len = 0;
    for (const char *p = context; *p; p++) {
        size_t n = stamp_at(p);
        if (!n || n > 63)
            continue;
        best = p;
        len = n;
        if (says_now(context, p, n))
            break;
        p += n - 1;
    }
    struct pytime t;
    snprintf(out, 64, "%.*s", (int)len, best ? best : "");
    if (!best || !pytime_parse(out, len, &t))
        strcpy(out, NOW_V2);
}

void grader_now(const struct task *task, const struct grader_settings *settings, char *out)
{
    if (settings->benchmark == BENCHMARK_V2)
        now_v2(task->context, out);
    else
        strcpy(out, NOW_V1);
}
