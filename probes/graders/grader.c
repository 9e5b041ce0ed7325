/* grader.c - what the graders of both benchmarks share: families, searches, posts, reasons. */
#include "probes/graders/grader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/graders/grading.h"
#include "runtime/base/buf.h"
#include "runtime/base/err.h"

#define POST_MARK     "POST"
#define POST_ACCEPTED "POST request accepted"

const struct family *grader_family(const struct task *task, enum benchmark benchmark)
{
    const struct family *f = benchmark == BENCHMARK_V2 ? grader_families_v2 : grader_families_v1;
    for (; f->name; f++)
        if (strcmp(f->name, task->family) == 0)
            return f;
    return NULL;
}

static int unknown_family(const struct task *task, enum benchmark benchmark)
{
    return err_set(GRASP_EINVAL,
                   "task '%s': there is no grader for family '%s' in benchmark v%d (task1 to "
                   "task10); check the id or 'benchmark.version'",
                   task->id, task->family, (int)benchmark);
}

int grader_searches(const struct task *task, const struct grader_settings *settings,
                    struct strlist *queries)
{
    const struct family *f = grader_family(task, settings->benchmark);
    if (!f)
        return unknown_family(task, settings->benchmark);
    if (f->searches[0] && !task->mrn)
        return err_set(GRASP_EINVAL, "task '%s': no 'eval_MRN', which its grader needs", task->id);
    int rc = 0;
    struct buf mrn = BUF_INIT;
    if (task->mrn)
        buf_add_url(&mrn, task->mrn, strlen(task->mrn));
    rc = buf_check(&mrn);
    for (size_t i = 0; rc == 0 && i < SEARCHES_MAX && f->searches[i]; i++)
        rc = strlist_addf(queries, f->searches[i], mrn.ptr);
    buf_release(&mrn);
    return rc;
}

bool grading_fail(struct grading *g, const char *fmt, ...)
{
    if (!g->verdict->reason[0]) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(g->verdict->reason, sizeof(g->verdict->reason), fmt, ap);
        va_end(ap);
    }
    return false;
}

static bool message_has(const struct message *m, const char *text)
{
    return memmem(m->text, m->len, text, strlen(text)) != NULL;
}

/* The URL is the first line from the fifth character on, whatever the first four are; the payload
 * is the rest, and must parse. */
static bool read_post(struct grading *g, const struct message *m, struct post *post)
{
    const char *end = m->text + m->len, *line = memchr(m->text, '\n', m->len);
    if (!line)
        return false;
    post->url = m->text + utf8_prefix(m->text, (size_t)(line - m->text), 4);
    post->url_len = (size_t)(line - post->url);
    py_strip(&post->url, &post->url_len);
    return py_json(&g->arena, line + 1, (size_t)(end - line - 1), &post->payload);
}

static bool read_posts(struct grading *g)
{
    const struct chat *chat = g->trace->chat;
    size_t mentions = 0;
    for (size_t i = 0; i < chat->n; i++)
        if (chat->v[i].role == CHAT_AGENT && message_has(&chat->v[i], POST_MARK)) {
            mentions++;
            g->ends_in_post = i + 1 == chat->n;
        }
    g->has_post = mentions > 0;
    if (!mentions)
        return true;
    g->posts = calloc(mentions, sizeof(*g->posts));
    if (!g->posts)
        return false;
    for (size_t i = 0; i + 1 < chat->n; i++)
        if (chat->v[i].role == CHAT_AGENT && message_has(&chat->v[i], POST_MARK) &&
            message_has(&chat->v[i + 1], POST_ACCEPTED) &&
            read_post(g, &chat->v[i], &g->posts[g->n_posts]))
            g->n_posts++;
    return true;
}

void grader_grade(const struct task *task, const struct grader_settings *settings,
                  const struct trace *trace, json_t *const *found, struct verdict *verdict)
{
    struct grading g = {.task = task,
                        .settings = settings,
                        .trace = trace,
                        .found = found,
                        .verdict = verdict,
                        .payload = "payload"};
    const struct family *f = grader_family(task, settings->benchmark);
    memset(verdict, 0, sizeof(*verdict));
    if (!f)
        grading_fail(&g, "task: no grader for family '%.40s'", task->family);
    else if (f->searches[0] && !task->mrn)
        grading_fail(&g, "task: no eval_MRN");
    else if (!trace->result)
        grading_fail(&g, "no_answer: the conversation ended without FINISH");
    else if (!read_posts(&g))
        grading_fail(&g, "out of memory");
    else if (g.ends_in_post && settings->benchmark == BENCHMARK_V2)
        grading_fail(&g,
                     "has_post: a POST (or the word) in the last message, which nothing answers");
    else
        verdict->correct = f->grade(&g);
    if (verdict->correct)
        strcpy(verdict->reason, "ok");
    free(g.posts);
    py_arena_release(&g.arena);
}

json_t *grader_reference(const struct task *task, const struct grader_settings *settings,
                         json_t *const *found)
{
    const struct family *f = grader_family(task, settings->benchmark);
    if (!f || !f->reference)
        return NULL;
    struct verdict verdict = {0};
    struct grading g = {.task = task, .settings = settings, .found = found, .verdict = &verdict};
    // cppcheck-suppress returnDanglingLifetime
    return f->reference(&g);
}

json_t *grader_expected(const struct task *task)
{
    return json_incref(json_object_get(task->raw, "sol"));
}

bool check_silent(struct grading *g)
{
    if (g->has_post)
        return grading_fail(g, "has_post: a POST (or the word) where nothing is to be sent");
    return true;
}

bool check_posts(struct grading *g, size_t n)
{
    if (g->n_posts == n)
        return true;
    return grading_fail(g, "posts: %s: %zu accepted where %zu %s expected",
                        g->n_posts < n ? "missing" : "extra", g->n_posts, n, n == 1 ? "is" : "are");
}

const struct pyvalue *take_payload(struct grading *g, size_t i)
{
    if (g->n_posts > 1)
        snprintf(g->payload, sizeof(g->payload), "payload[%zu]", i);
    return &g->posts[i].payload;
}

bool is_subject(const struct grading *g, const struct pyvalue *v)
{
    const struct pyvalue *reference = py_get(v, "reference");
    size_t n = g->task->mrn ? strlen(g->task->mrn) : 0;
    return n && reference && v->n == 1 && py_is_str(reference) && reference->n == n + 8 &&
           memcmp(reference->s, "Patient/", 8) == 0 &&
           memcmp(reference->s + 8, g->task->mrn, n) == 0;
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
    return grading_fail(g, "%s.subject: not the reference to the task's patient alone", g->payload);
}

bool compare_times(struct grading *g, const struct pytime *a, const struct pytime *b, int *order)
{
    if (pytime_compare(a, b, order))
        return true;
    return grading_fail(g, "data: a time without zone cannot be compared with one that has one");
}

const struct pyvalue *payload_at(struct grading *g, const struct pyvalue *payload, const char *path)
{
    const struct pyvalue *v = payload;
    const char *p = path;
    while (*p) {
        const struct pyvalue *next;
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
            return NULL;
        }
        if (!next) {
            grading_fail(g, "%s.%s: missing", g->payload, path);
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

/* "It's T now", else the last stamp in the context, else a fixed one. */
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
        if (p - context >= 5 && strncmp(p - 5, "It's ", 5) == 0 && str_starts(p + n, " now"))
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
