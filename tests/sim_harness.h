/* sim_harness.h - rollouts of the simulated model for tests: the conversation of a rollout over
 * resources in memory, or over whatever answers a search. */
#ifndef GRASP_SIM_HARNESS_H
#define GRASP_SIM_HARNESS_H

#include "test.h"

#include <jansson.h>

#include "runtime/base/buf.h"
#include "runtime/base/chat.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/simulator/simulator.h"

#define SIM_BASE   "http://localhost:8080/fhir/"
#define SIM_ROUNDS 8

/* Answers "Observation?patient=..." with a searchset's text. */
typedef void (*sim_search_fn)(void *arg, const char *target, struct buf *out);

struct sim_world {
    struct sim_settings settings;
    sim_search_fn search;
    void *arg;
    const char *skills; /* rendered block; "" for none */
    bool inject;        /* as a message of its own instead of a field */
    int64_t *fresh;     /* not NULL: each turn is a draw of its own, as over HTTP */
};
struct sim_result {
    struct chat chat;
    char *result;   /* between the brackets of FINISH */
    bool completed; /* false: invalid action or rounds used up */
    size_t gets, posts;
};

static inline void sim_result_release(struct sim_result *s)
{
    chat_release(&s->chat);
    free(s->result);
}

static inline void sim_first_message(const struct sim_world *w, const char *instruction,
                                     const char *context, const char *now, struct chat *chat)
{
    struct buf text = BUF_INIT, ctx = BUF_INIT;
    buf_addf(&ctx, "%s%sCurrent time: %s", context, *context ? "\n" : "", now);
    json_t *first =
        json_pack("{s:s,s:{s:s,s:[{s:s,s:s}]},s:s,s:s,s:{s:s,s:s}}", "phase", "task_execution",
                  "api", "base_url", SIM_BASE, "functions", "name", "GET {api_base}/Patient",
                  "description", "Search \"patients\" {by} [name]\\", "response_format",
                  "GET, POST or FINISH", "behavioral_skills", w->inject ? "" : w->skills, "task",
                  "description", instruction, "context", ctx.ptr);
    assert_non_null(first);
    buf_add_json_value(&text, first);
    json_decref(first);
    assert_int_equal(chat_add(chat, CHAT_USER, text.ptr, text.len), 0);
    buf_release(&text);
    buf_release(&ctx);
}

/* One reply, with the block injected as the engine does it: before the last user message while
 * nothing was done, after it from then on. */
static inline void sim_ask(const struct sim_world *w, const struct chat *chat, int64_t draw,
                           struct buf *out)
{
    struct chat shown = {0};
    for (size_t i = 0; i < chat->n; i++) {
        if (w->inject && chat->n == 1)
            chat_add(&shown, CHAT_USER, w->skills, strlen(w->skills));
        chat_add(&shown, chat->v[i].role, chat->v[i].text, chat->v[i].len);
    }
    if (w->inject && chat->n > 1)
        chat_add(&shown, CHAT_USER, w->skills, strlen(w->skills));
    assert_int_equal(sim_reply(&w->settings, &shown, draw, out), 0);
    chat_release(&shown);
}

static inline void sim_rollout(const struct sim_world *w, const char *instruction,
                               const char *context, const char *now, int64_t draw,
                               struct sim_result *s)
{
    *s = (struct sim_result){0};
    sim_first_message(w, instruction, context, now, &s->chat);
    for (int round = 0; round < SIM_ROUNDS; round++) {
        struct buf reply = BUF_INIT, answer = BUF_INIT;
        sim_ask(w, &s->chat, w->fresh ? (*w->fresh)++ : draw, &reply);
        chat_add(&s->chat, CHAT_AGENT, reply.ptr, reply.len);
        bool over = true;
        if (str_starts(reply.ptr, "GET " SIM_BASE)) {
            s->gets++;
            w->search(w->arg, reply.ptr + strlen("GET " SIM_BASE), &answer);
            over = false;
        } else if (str_starts(reply.ptr, "POST " SIM_BASE)) {
            s->posts++;
            buf_adds(&answer, "POST request accepted and executed successfully.");
            over = false;
        } else if (str_starts(reply.ptr, "FINISH(") && reply.len > 8) {
            s->result = str_ndup(reply.ptr + 7, reply.len - 8);
            s->completed = true;
        }
        if (!over)
            chat_add(&s->chat, CHAT_USER, answer.ptr, answer.len);
        buf_release(&answer);
        buf_release(&reply);
        if (over)
            break;
    }
}

/* The payload of the n-th POST; a new reference, NULL when there are fewer. */
static inline json_t *sim_payload(const struct sim_result *s, size_t n)
{
    for (size_t i = 0; i < s->chat.n; i++) {
        const struct message *m = &s->chat.v[i];
        if (m->role != CHAT_AGENT || !str_starts(m->text, "POST ") || n-- > 0)
            continue;
        const char *nl = strchr(m->text, '\n');
        return nl ? json_loads(nl, 0, NULL) : NULL;
    }
    return NULL;
}

/* ---- a server in memory: equality of a few parameters, pages of `page` entries ---- */

struct sim_memory {
    json_t *resources;
    size_t page;
};

static inline bool sim_param(const char *target, const char *key, char *out, size_t size)
{
    char needle[40];
    snprintf(needle, sizeof(needle), "%s=", key);
    const char *p = strchr(target, '?');
    while (p) {
        p++;
        if (str_starts(p, needle)) {
            snprintf(out, size, "%.*s", (int)strcspn(p + strlen(needle), "&"), p + strlen(needle));
            return true;
        }
        p = strchr(p, '&');
    }
    return false;
}

static inline bool sim_matches(const json_t *v, const char *target)
{
    static const struct {
        const char *param, *path;
    } fields[] = {
        {"identifier", "identifier[0].value"}, {"family", "name[0].family"},
        {"given", "name[0].given[0]"},         {"birthdate", "birthDate"},
        {"patient", "subject.reference"},      {"status", "status"},
    };
    char want[512];
    if (sim_param(target, "name", want, sizeof(want)))
        return false;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const char *have = json_str_at(v, fields[i].path, "");
        if (str_starts(have, "Patient/"))
            have += 8;
        if (sim_param(target, fields[i].param, want, sizeof(want)) && strcmp(want, have) != 0)
            return false;
    }
    if (!sim_param(target, "code", want, sizeof(want)))
        return true;
    const char *code = json_str_at(v, "code.coding[0].code", json_str_at(v, "code.text", ""));
    for (char *p = strtok(want, ","); p; p = strtok(NULL, ","))
        if (strcmp(p, code) == 0)
            return true;
    return false;
}

static inline void sim_memory_search(void *arg, const char *target, struct buf *out)
{
    struct sim_memory *m = arg;
    char text[64];
    size_t i, total = 0, from = 0, count = m->page, type = strcspn(target, "?");
    json_t *v, *entry = json_array(), *bundle;
    if (sim_param(target, "_count", text, sizeof(text)))
        count = (size_t)atoi(text);
    if (sim_param(target, "_from", text, sizeof(text)))
        from = (size_t)atoi(text);
    json_array_foreach (m->resources, i, v) {
        const char *t = json_str_at(v, "resourceType", "");
        if (strlen(t) != type || strncmp(t, target, type) != 0 || !sim_matches(v, target))
            continue;
        if (total >= from && total < from + count)
            json_array_append_new(entry, json_pack("{s:O}", "resource", v));
        total++;
    }
    bundle = json_pack("{s:s,s:s,s:I,s:[]}", "resourceType", "Bundle", "type", "searchset", "total",
                       (json_int_t)total, "link");
    if (total > from + count) {
        struct buf next = BUF_INIT;
        buf_addf(&next, SIM_BASE "%.*s&_from=%zu", (int)strcspn(target, "#"), target, from + count);
        json_array_append_new(json_object_get(bundle, "link"),
                              json_pack("{s:s,s:s}", "relation", "next", "url", next.ptr));
        buf_release(&next);
    }
    if (json_array_size(entry))
        json_object_set(bundle, "entry", entry);
    json_decref(entry);
    buf_add_json_value(out, bundle);
    json_decref(bundle);
}

#endif
