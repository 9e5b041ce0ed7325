/*
 * recorded.c - reads rows of recorded episodes.
 *
 * The base is read where the conversation says it, and nowhere guessed: a skill or a function's
 * description may quote other URLs, and under a wrong base every right order is wrong.
 */
#include "probes/graders/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "probes/graders/action.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return names[json_typeof(v)];
}

static int wrong_type(const char *key, const json_t *v, const char *expected)
{
    return err_set(GRASP_EPARSE, "'%s' is %s where %s is expected", key, type_name(v), expected);
}

/* A member of the row or of its "output"; null is as good as none. */
static const json_t *member(const json_t *row, const char *key)
{
    const json_t *output = json_object_get(row, "output"), *v = json_object_get(row, key);
    if (!v || json_is_null(v))
        v = json_object_get(output, key);
    return json_is_null(v) ? NULL : v;
}

static int read_task(struct recorded *r, const json_t *row)
{
    static const char *const names[] = {"task_id", "task", "task_name", "id"};
    r->index = -1;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const json_t *v = member(row, names[i]);
        if (json_is_object(v) && strcmp(names[i], "task") == 0)
            r->task = v;
        else if (json_is_string(v) && !r->task_id)
            r->task_id = json_string_value(v);
        else if (v && !json_is_string(v))
            return wrong_type(names[i], v, "a string");
    }
    const json_t *index = member(row, "index");
    if (index && !json_is_integer(index))
        return wrong_type("index", index, "a whole number");
    if (index)
        r->index = json_integer_value(index);
    if (index && r->index < 0)
        return err_set(GRASP_EPARSE, "'index' is %lld; places are counted from 0",
                       (long long)r->index);
    if (!r->task && !r->task_id && !index)
        return err_set(GRASP_EPARSE, "needs a task, a task_id or an index");
    if (r->task_id && strrchr(r->task_id, '/')) /* medagentbench/task5_3 */
        r->task_id = strrchr(r->task_id, '/') + 1;
    return 0;
}

static int read_messages(struct recorded *r, const json_t *row)
{
    const json_t *messages = member(row, "messages"), *history = member(row, "history");
    const char *key = messages ? "messages" : "history";
    if (!messages)
        messages = history;
    if (!messages) /* a run that ended before its first message */
        return 0;
    if (!json_is_array(messages))
        return wrong_type(key, messages, "a list");
    int rc = chat_from_json(&r->chat, messages);
    return rc < 0 ? err_prefix(rc, "'%s'", key) : 0;
}

static int last_answer(struct recorded *r)
{
    const struct message *last = r->chat.n ? &r->chat.v[r->chat.n - 1] : NULL;
    struct buf clean = BUF_INIT;
    struct agent_action action = {0};
    int rc = 0;
    if (last && last->role == CHAT_AGENT) {
        agent_action_read(&action, last->text, last->len, &clean);
        rc = buf_check(&clean);
    }
    if (rc == 0 && action.verb == AGENT_FINISH && !(r->result = str_ndup(action.text, action.len)))
        rc = err_oom();
    buf_release(&clean);
    return rc;
}

static int read_result(struct recorded *r, const json_t *row)
{
    const json_t *v = member(row, "result");
    if (!v)
        return last_answer(r);
    if (json_is_string(v))
        r->result = str_ndup(json_string_value(v), json_string_length(v));
    else if (json_is_array(v) || json_is_number(v))
        r->result = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    else
        return wrong_type("result", v, "a string, a list, a number or null");
    return r->result ? 0 : err_oom();
}

/* The URL at the start of `s`, up to a blank, a quote or a bracket, without a full stop behind it;
 * its length, or 0. */
static size_t url_length(const char *s)
{
    if (!str_starts(s, "http://") && !str_starts(s, "https://"))
        return 0;
    size_t n = strcspn(s, " \t\r\n\"'`<>()[]{}");
    while (n && strchr(".,;:", s[n - 1]))
        n--;
    return n;
}

static bool is_quote(char c)
{
    return c && strchr(" \t\r\n\"'`<>()*", c);
}

/* "... use URL as the api_base": the URL whose end is near `as`. */
static const char *url_before(const char *text, const char *as, size_t *len)
{
    const char *p = as;
    while (p > text && is_quote(p[-1]))
        p--;
    while (p > text && !is_quote(p[-1]))
        p--;
    *len = url_length(p);
    return *len ? p : NULL;
}

/* "api_base is URL", "api_base: URL", "api_base = URL": what follows `p`. */
static const char *url_behind(const char *p, size_t *len)
{
    p += strspn(p, "\"'` ");
    if (str_starts(p, "is "))
        p += 3;
    else if (*p == ':' || *p == '=')
        p++;
    else
        return NULL;
    p += strspn(p, "\"'`< ");
    *len = url_length(p);
    return *len ? p : NULL;
}

static const char *said_base(const char *text, size_t *len)
{
    static const char name[] = "api_base", as[] = "as the ";
    for (const char *p = text; (p = strstr(p, name)); p += sizeof(name) - 1) {
        const char *q = p, *url;
        while (q > text && strchr("\"'`*", q[-1]))
            q--;
        size_t before = (size_t)(q - text);
        if (before >= sizeof(as) - 1 && strncmp(q - (sizeof(as) - 1), as, sizeof(as) - 1) == 0 &&
            (url = url_before(text, q - (sizeof(as) - 1), len)))
            return url;
        if ((url = url_behind(p + sizeof(name) - 1, len)))
            return url;
    }
    return NULL;
}

/* What a message tells of the base: api.base_url of the JSON in it, else the words around a URL. */
static char *message_base(const struct message *m)
{
    const char *brace = strchr(m->text, '{'), *url = NULL;
    size_t len = 0;
    char *base = NULL;
    json_t *prompt = brace ? json_loadb(brace, m->len - (size_t)(brace - m->text),
                                        JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL)
                           : NULL;
    url = json_str_at(prompt, "api.base_url", NULL);
    if (url && *url)
        len = strlen(url);
    else
        url = said_base(m->text, &len);
    if (url && (base = malloc(len + 2))) {
        memcpy(base, url, len);
        if (base[len - 1] != '/')
            base[len++] = '/';
        base[len] = '\0';
    }
    json_decref(prompt);
    return base;
}

int recorded_read(struct recorded *r, const json_t *row)
{
    *r = (struct recorded){.index = -1};
    if (!json_is_object(row))
        return err_set(GRASP_EPARSE, "%s where an episode (an object) is expected", type_name(row));
    const json_t *output = json_object_get(row, "output");
    if (output && !json_is_object(output) && !json_is_null(output))
        return wrong_type("output", output, "an object");
    int rc = read_task(r, row);
    if (rc == 0)
        rc = read_messages(r, row);
    if (rc == 0)
        rc = read_result(r, row);
    for (size_t i = 0; rc == 0 && !r->base && i < r->chat.n; i++) {
        if (r->chat.v[i].role == CHAT_AGENT) /* what was shown before it began */
            break;
        r->base = message_base(&r->chat.v[i]);
    }
    return rc;
}

void recorded_release(struct recorded *r)
{
    chat_release(&r->chat);
    free(r->result);
    free(r->base);
    *r = (struct recorded){.index = -1};
}

const json_t *recorded_rows(const json_t *document)
{
    static const char *const places[] = {"custom.raw_results", "raw_results", "results"};
    if (json_is_array(document))
        return document;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
        if (json_is_array(json_at(document, places[i])))
            return json_at(document, places[i]);
    return NULL;
}
