/* grader.c - one grading from outside: the searches it needs, the posts it saw, the verdict. */
#include "probes/graders/grader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/graders/grading_private.h"
#include "runtime/base/buf.h"
#include "runtime/base/err.h"

#define POST_MARK     "POST"
#define POST_ACCEPTED "POST request accepted"

const struct grader_family *grader_family(const struct task *task, enum benchmark benchmark)
{
    const struct grader_family *f =
        benchmark == BENCHMARK_V2 ? grader_families_v2 : grader_families_v1;
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
    const struct grader_family *f = grader_family(task, settings->benchmark);
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

static bool message_has(const struct message *m, const char *text)
{
    return memmem(m->text, m->len, text, strlen(text)) != NULL;
}

/* The URL is the first line from the fifth character on, whatever the first four are; the payload
 * is the rest, and must parse. */
static bool read_post(struct grading *g, const struct message *m, struct grading_post *post)
{
    const char *end = m->text + m->len, *line = memchr(m->text, '\n', m->len);
    if (!line)
        return false;
    post->url = m->text + utf8_prefix(m->text, (size_t)(line - m->text), 4);
    post->url_len = (size_t)(line - post->url);
    py_strip(&post->url, &post->url_len);
    return py_json(&g->arena, line + 1, (size_t)(end - line - 1), &post->payload);
}

/* A message with POST in it that is no order: one in vain, or the word. */
static void count_uncounted(struct grading *g, const struct message *m, const struct message *reply)
{
    if (message_has(reply, POST_ACCEPTED))
        g->n_unread++;
    else if (str_starts(m->text, POST_MARK))
        g->n_refused++;
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
        else if (chat->v[i].role == CHAT_AGENT && message_has(&chat->v[i], POST_MARK))
            count_uncounted(g, &chat->v[i], &chat->v[i + 1]);
    return true;
}

static bool lacks_posts(const struct verdict *v)
{
    for (size_t i = 0; i < VERDICT_REASONS; i++)
        if (str_starts(v->reasons[i], "posts: missing"))
            return true;
    return false;
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
    const struct grader_family *f = grader_family(task, settings->benchmark);
    memset(verdict, 0, sizeof(*verdict));
    if (!f) {
        grading_fail(&g, "task: no grader for family '%.*s'",
                     (int)utf8_cut(task->family, strlen(task->family), 40), task->family);
    } else if (f->searches[0] && !task->mrn) {
        grading_fail(&g, "task: no eval_MRN");
    } else if (!read_posts(&g)) {
        grading_fail(&g, "out of memory");
    } else {
        bool ok = true;
        if (!trace->result)
            ok = grading_fail(&g, "no_answer: the conversation ended without FINISH");
        else if (g.ends_in_post && settings->benchmark == BENCHMARK_V2)
            ok = grading_fail(&g, "has_post: a POST (or the word) in the last message, which "
                                  "nothing answers");
        verdict->correct = f->grade(&g) && ok;
        if (!verdict->correct && lacks_posts(verdict))
            posts_unread(&g);
    }
    if (verdict->correct) { /* orders that were looked at and passed over have left reasons */
        memset(verdict->reasons, 0, sizeof(verdict->reasons));
        strcpy(verdict->reason, "ok");
    }
    free(g.posts);
    py_arena_release(&g.arena);
}

json_t *verdict_reasons(const struct verdict *v)
{
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; ok && !v->correct && i < VERDICT_REASONS && v->reasons[i][0]; i++)
        ok = json_array_append_new(list, json_string(v->reasons[i])) == 0;
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

json_t *grader_expected(const struct task *task)
{
    return json_incref(json_object_get(task->raw, "sol"));
}
