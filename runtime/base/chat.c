/* chat.c - a conversation. */
#include "runtime/base/chat.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

static const char *const role_names[] = {"system", "user", "agent"};

void chat_release(struct chat *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].text);
    free(c->v);
    chat_head_unref(c->head);
    *c = (struct chat){0};
}

/* ---- what several begin with ---- */

struct chat_head {
    size_t refs, len;
    char text[];
};

struct chat_head *chat_head_new(const char *text, size_t len)
{
    struct chat_head *h = malloc(sizeof(*h) + len + 1);
    if (!h) {
        err_oom();
        return NULL;
    }
    *h = (struct chat_head){1, len};
    memcpy(h->text, text, len);
    h->text[len] = '\0';
    return h;
}

void chat_head_unref(struct chat_head *h)
{
    if (h && --h->refs == 0)
        free(h);
}

const char *chat_head_text(const struct chat_head *h, size_t *len)
{
    *len = h->len;
    return h->text;
}

void chat_share(struct chat *c, struct chat_head *h)
{
    if (!h || c->head || !c->n || c->v[0].len < h->len ||
        memcmp(c->v[0].text, h->text, h->len) != 0)
        return;
    c->head = h;
    h->refs++;
}

void chat_sleep(const struct chat *c)
{
    struct chat *own = (struct chat *)c;
    if (!c->head || c->asleep)
        return;
    struct message *m = &own->v[0];
    char *rest = str_ndup(m->text + c->head->len, m->len - c->head->len);
    if (!rest) /* then it stays awake */
        return;
    free(m->text);
    m->text = rest;
    own->asleep = true;
}

int chat_wake(const struct chat *c)
{
    struct chat *own = (struct chat *)c;
    if (!c->asleep)
        return 0;
    struct message *m = &own->v[0];
    char *whole = malloc(m->len + 1);
    if (!whole)
        return err_oom();
    memcpy(whole, c->head->text, c->head->len);
    memcpy(whole + c->head->len, m->text, m->len - c->head->len + 1);
    free(m->text);
    m->text = whole;
    own->asleep = false;
    return 0;
}

int chat_take(struct chat *c, enum chat_role role, char *text, size_t len)
{
    if (!text || grow(&c->v, &c->cap, c->n + 1) < 0) {
        free(text);
        return err_oom();
    }
    c->v[c->n++] = (struct message){role, text, len};
    return 0;
}

int chat_add(struct chat *c, enum chat_role role, const char *text, size_t len)
{
    return chat_take(c, role, str_ndup(text, len), len);
}

const char *chat_role_name(enum chat_role role)
{
    return role_names[role];
}

int chat_from_json(struct chat *c, const json_t *messages)
{
    size_t i;
    json_t *m;
    int rc = 0;
    *c = (struct chat){0};
    if (!json_is_array(messages))
        return err_set(GRASP_EPARSE, "messages: an array of {role, content} is needed");
    json_array_foreach (messages, i, m) {
        const char *name = json_string_value(json_object_get(m, "role"));
        const json_t *content = json_object_get(m, "content");
        int role = -1;
        for (int r = 0; name && r < 3; r++)
            if (strcmp(name, role_names[r]) == 0)
                role = r;
        if (name && strcmp(name, "assistant") == 0)
            role = CHAT_AGENT;
        if (role >= 0 && !content && json_object_get(m, "left_out"))
            rc = err_set(
                GRASP_EPARSE,
                "messages[%zu]: its text is left out; the .zst file beside its file has it", i);
        else if (role < 0 || !json_is_string(content))
            rc = err_set(GRASP_EPARSE,
                         "messages[%zu]: needs a role (system, user, agent) and a string content",
                         i);
        else
            rc = chat_add(c, (enum chat_role)role, json_string_value(content),
                          json_string_length(content));
        if (rc < 0)
            break;
    }
    if (rc < 0)
        chat_release(c);
    return rc;
}

json_t *chat_to_json(const struct chat *c)
{
    json_t *out = chat_wake(c) == 0 ? json_array() : NULL;
    for (size_t i = 0; out && i < c->n; i++) {
        json_t *content = json_text(c->v[i].text, c->v[i].len);
        json_t *m =
            content ? json_pack("{s:s,s:o}", "role", role_names[c->v[i].role], "content", content)
                    : NULL;
        if (!m || json_array_append_new(out, m) < 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

void chat_write_json(const struct chat *c, struct buf *out)
{
    out->failed |= chat_wake(c) < 0;
    buf_addch(out, '[');
    for (size_t i = 0; i < c->n; i++) {
        buf_addf(out, "%s{\"role\":\"%s\",\"content\":", i ? "," : "", role_names[c->v[i].role]);
        buf_add_json_string(out, c->v[i].text, c->v[i].len);
        buf_addch(out, '}');
    }
    buf_addch(out, ']');
}
