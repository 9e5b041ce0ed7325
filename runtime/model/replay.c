/*
 * replay.c - recorded episodes as a chat model: given a conversation so far, the agent message that
 * came next in the episode that went the same way.
 *
 * The file is JSON Lines, one episode a line with `messages` [{role, content}] and maybe `model`:
 * MedAgentBench's recordings as well as our own *_runs.jsonl. An episode matches a conversation when
 *
 *   - its task is the same: `task.description` where the first user message is a JSON object, what
 *     follows the last "Question: " where it is the benchmark's plain prompt, else the whole
 *     message; white space counts as one blank. The rest of the prompt may differ.
 *   - the agent's messages so far are the same, white space at their ends aside.
 *
 * The episodes of the configured model are used where the file has any of it, else all. Among
 * several that match, draw n takes the n-th (modulo their number). The FHIR base URL that a
 * recorded prompt names is replaced in replies by the one of the present prompt. No match:
 * MODEL_MISSING.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/base/traces.h"
#include "runtime/model/backend.h"
#include "runtime/model/local.h"

struct replay_episode {
    uint8_t task[HASH_SIZE];
    struct strlist replies;
    char *base;
    bool of_model;
};
struct replay {
    struct local_model local;
    struct replay_episode *v;
    size_t n, cap;
    bool some_of_model;
    const char *path; /* borrowed while loading */
};

/* ---- what a first user message is about ---- */

struct replay_topic {
    uint8_t task[HASH_SIZE];
    char *base;   /* FHIR base URL without the last slash; NULL: none named */
    bool as_json; /* from our prompt: a sure sign */
};

static void hash_words(const char *s, size_t len, uint8_t out[HASH_SIZE])
{
    struct buf words = BUF_INIT;
    for (size_t i = 0; i < len; i++) {
        if (!ascii_isspace(s[i]))
            buf_addch(&words, s[i]);
        else if (words.len && words.ptr[words.len - 1] != ' ')
            buf_addch(&words, ' ');
    }
    while (words.len && words.ptr[words.len - 1] == ' ')
        buf_truncate(&words, words.len - 1);
    hash_once(words.ptr, words.len, out);
    buf_release(&words);
}

static char *url_at(const char *s)
{
    size_t n = s ? strcspn(s, " \t\r\n\"'<>") : 0;
    while (n && (s[n - 1] == '/' || s[n - 1] == '.' || s[n - 1] == ','))
        n--;
    return n ? str_ndup(s, n) : NULL;
}

static struct replay_topic topic_of(const char *text, size_t len)
{
    struct replay_topic t = {0};
    json_t *root = len && *text == '{' ? json_loadb(text, len, JSON_ALLOW_NUL, NULL) : NULL;
    const char *task =
        json_str_at(root, "task.description", json_str_at(root, "task.instruction", NULL));
    if (task) {
        hash_words(task, strlen(task), t.task);
        t.base = url_at(json_str_at(root, "api.base_url", NULL));
        t.as_json = true;
    } else {
        static const char mark[] = "Question: ", base_mark[] = "should use ";
        const char *from = text, *at = text;
        while ((at = memmem(at, len - (size_t)(at - text), mark, sizeof(mark) - 1)))
            from = at += sizeof(mark) - 1;
        hash_words(from, len - (size_t)(from - text), t.task);
        at = strstr(text, base_mark);
        if (at && strncmp(at + sizeof(base_mark) - 1, "http", 4) == 0)
            t.base = url_at(at + sizeof(base_mark) - 1);
    }
    json_decref(root);
    return t;
}

/* The topic of a conversation: of its first user message, or of a later one before the agent's
 * first where that is the prompt (a block of skills may stand before it). False: there is none. */
static bool find_topic(const struct chat *chat, struct replay_topic *t)
{
    bool found = false;
    for (size_t i = 0; i < chat->n && chat->v[i].role != CHAT_AGENT; i++) {
        if (chat->v[i].role != CHAT_USER)
            continue;
        struct replay_topic next = topic_of(chat->v[i].text, chat->v[i].len);
        if (!found || (next.as_json && !t->as_json)) {
            if (found)
                free(t->base);
            *t = next;
        } else {
            free(next.base);
        }
        found = true;
    }
    return found;
}

/* ---- loading ---- */

static int add_episode(json_t *line, size_t number, void *arg)
{
    struct replay *r = arg;
    struct chat chat = {0};
    struct replay_episode e = {0};
    struct replay_topic t = {0};
    int rc = chat_from_json(&chat, json_object_get(line, "messages"));
    if (rc < 0)
        return err_prefix(rc, "%s:%zu", r->path, number);
    if (!find_topic(&chat, &t)) {
        rc = err_set(GRASP_EPARSE, "%s:%zu: the episode does not begin with a user message",
                     r->path, number);
        goto out;
    }
    memcpy(e.task, t.task, sizeof(e.task));
    e.base = t.base;
    e.of_model = strcmp(json_str_at(line, "model", ""), r->local.m.name) == 0;
    for (size_t i = 0; i < chat.n && rc == 0; i++)
        if (chat.v[i].role == CHAT_AGENT)
            rc = strlist_addn(&e.replies, chat.v[i].text, chat.v[i].len);
    if (rc == 0 && r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct replay_episode *v = reallocarray(r->v, cap, sizeof(*v));
        rc = v ? 0 : err_oom();
        r->v = v ? v : r->v;
        r->cap = v ? cap : r->cap;
    }
    if (rc < 0)
        goto out;
    r->v[r->n++] = e;
    r->some_of_model |= e.of_model;
    e = (struct replay_episode){0};
out:
    free(e.base);
    strlist_release(&e.replies);
    chat_release(&chat);
    return rc;
}

/* ---- answering ---- */

/* `text` with every occurrence of `from` replaced by `to`. */
static void add_rebased(struct buf *out, const char *text, const char *from, const char *to)
{
    const char *hit;
    while (from && to && (hit = strstr(text, from))) {
        buf_add(out, text, (size_t)(hit - text));
        buf_adds(out, to);
        text = hit + strlen(from);
    }
    buf_adds(out, text);
}

static bool same_reply(const char *recorded, const struct replay_episode *e, const char *base,
                       const struct message *said)
{
    struct buf want = BUF_INIT;
    const char *a, *b = said->text;
    size_t n, m = said->len;
    add_rebased(&want, recorded, e->base, base);
    a = want.ptr;
    n = want.len;
    while (n && ascii_isspace(*a))
        a++, n--;
    while (n && ascii_isspace(a[n - 1]))
        n--;
    while (m && ascii_isspace(*b))
        b++, m--;
    while (m && ascii_isspace(b[m - 1]))
        m--;
    bool same = n == m && memcmp(a, b, n) == 0;
    buf_release(&want);
    return same;
}

static bool goes_on(const struct replay_episode *e, const struct replay_topic *t,
                    const struct chat *chat)
{
    size_t k = 0;
    if (memcmp(e->task, t->task, sizeof(t->task)) != 0)
        return false;
    for (size_t i = 0; i < chat->n; i++) {
        if (chat->v[i].role != CHAT_AGENT)
            continue;
        if (k >= e->replies.n || !same_reply(e->replies.v[k], e, t->base, &chat->v[i]))
            return false;
        k++;
    }
    return k < e->replies.n;
}

static enum model_result answer(struct local_model *l, const struct model_request *rq, int attempt,
                                bool *again, struct buf *text)
{
    struct replay *r = (struct replay *)l;
    const struct replay_episode *found = NULL;
    struct replay_topic t = {0};
    size_t said = 0, matches = 0, wanted = 0;
    bool known = find_topic(rq->chat, &t);
    (void)attempt;
    (void)again;
    for (size_t i = 0; i < rq->chat->n; i++)
        said += rq->chat->v[i].role == CHAT_AGENT;
    /* Two passes: count, then take the draw-th. */
    for (int pass = 0; known && pass < 2 && !found; pass++) {
        if (pass == 1 && matches == 0)
            break;
        wanted = pass == 1 ? (size_t)(rq->draw & 0xfffffff) % matches : 0;
        for (size_t i = 0; i < r->n && !found; i++) {
            if ((r->some_of_model && !r->v[i].of_model) || !goes_on(&r->v[i], &t, rq->chat))
                continue;
            if (pass == 0)
                matches++;
            else if (wanted-- == 0)
                found = &r->v[i];
        }
    }
    if (found)
        add_rebased(text, found->replies.v[said], found->base, t.base);
    else
        buf_addf(text, "no recorded episode has this task and goes on after %zu agent messages",
                 said);
    free(t.base);
    return found ? MODEL_OK : MODEL_MISSING;
}

static void release(struct local_model *l)
{
    struct replay *r = (struct replay *)l;
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].base);
        strlist_release(&r->v[i].replies);
    }
    free(r->v);
}

int model_open_replay(struct model **m, struct loop *loop, const struct model_settings *s)
{
    if (!s->replay_file || !*s->replay_file)
        return err_set(GRASP_EINVAL, "model.kind 'replay' needs a file of recorded episodes "
                                     "(model.replay_file)");
    struct replay *r = calloc(1, sizeof(*r));
    if (!r)
        return err_oom();
    r->local.answer = answer;
    r->local.release = release;
    int rc = local_init(&r->local, loop, s);
    r->path = s->replay_file;
    if (rc == 0)
        rc = trace_lines(s->replay_file, add_episode, r);
    if (rc == 0 && r->n == 0)
        rc = err_set(GRASP_EINVAL, "%s: no episodes in it", s->replay_file);
    if (rc < 0) {
        model_close(&r->local.m);
        return rc;
    }
    *m = &r->local.m;
    return 0;
}
