/* endings.c - how rollouts ended, and words for it. */
#include "runtime/engine/endings.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 160 /* characters of a reply */

static const char *const names[ENDINGS] = {"answer",  "empty",   "cut",    "refused",
                                           "context", "invalid", "rounds", "error"};

const char *ending_name(enum ending e)
{
    return names[e];
}

void endings_release(struct endings *e)
{
    for (int i = 0; i < ENDINGS; i++)
        free(e->first[i]);
    *e = (struct endings){0};
}

void endings_count(struct endings *e, enum ending kind, const char *text, size_t len)
{
    e->n[kind]++;
    e->all++;
    if (text && len && kind != ENDING_ANSWER && !e->first[kind])
        e->first[kind] = str_ndup(text, utf8_prefix(text, len, SHOWN));
}

enum ending ending_of_said(enum said_kind kind)
{
    return kind == SAID_EMPTY     ? ENDING_EMPTY
           : kind == SAID_CUT     ? ENDING_CUT
           : kind == SAID_REFUSED ? ENDING_REFUSED
                                  : ENDING_ANSWER;
}

static enum ending ending_of(const struct rollout *r)
{
    if (r->status == ROLLOUT_CONTEXT_LIMIT)
        return ENDING_CONTEXT;
    if (r->status == ROLLOUT_TASK_ERROR)
        return ENDING_ERROR;
    if (r->said != SAID_TEXT && !r->correct)
        return ending_of_said(r->said);
    return r->status == ROLLOUT_INVALID_ACTION ? ENDING_INVALID
           : r->status == ROLLOUT_TASK_LIMIT   ? ENDING_ROUNDS
                                               : ENDING_ANSWER;
}

void endings_add(struct endings *e, const struct rollout *r)
{
    const struct message *last = NULL; /* of the agent: the world may have had the last word */
    for (size_t i = 0; i < r->chat.n; i++)
        if (r->chat.v[i].role == CHAT_AGENT)
            last = &r->chat.v[i];
    if (r->status == ROLLOUT_RUNNING || r->status == ROLLOUT_UNSCORED)
        return;
    enum ending kind = ending_of(r);
    if (kind == ENDING_ERROR || kind == ENDING_CONTEXT)
        endings_count(e, kind, r->error, r->error ? strlen(r->error) : 0);
    else
        endings_count(e, kind, last ? last->text : NULL, last ? last->len : 0);
}

enum ending endings_most(const struct endings *e, double share)
{
    for (int i = ENDING_ANSWER + 1; i < ENDINGS; i++)
        if (e->all && (double)e->n[i] >= share * (double)e->all)
            return (enum ending)i;
    return ENDING_ANSWER;
}

void endings_describe(const struct endings *e, enum ending kind, bool writer, struct buf *out)
{
    static const struct {
        const char *what, *rest;
    } words[2][ENDINGS] = {
        {[ENDING_EMPTY] = {"answers were", "empty"},
         [ENDING_CUT] = {"answers were", "empty: thinking used all of max_tokens"},
         [ENDING_REFUSED] = {"answers were", "refused by the model or its endpoint"},
         [ENDING_CONTEXT] = {"rollouts", "exceeded the context"},
         [ENDING_INVALID] = {"rollouts were", "an invalid action"},
         [ENDING_ROUNDS] = {"rollouts", "used all their rounds without an answer"},
         [ENDING_ERROR] = {"rollouts", "ended with an error of their world"}},
        {[ENDING_EMPTY] = {"proposals were", "empty"},
         [ENDING_CUT] = {"proposals were", "empty: thinking used all of max_tokens"},
         [ENDING_REFUSED] = {"proposals were", "refused by the model or its endpoint"},
         [ENDING_CONTEXT] = {"proposals", "exceeded the context"},
         [ENDING_INVALID] = {"proposals", "had no JSON array"}}};
    const char *what = words[writer][kind].what;
    if (!what)
        return;
    buf_addf(out, "%lld of %lld %s %s", (long long)e->n[kind], (long long)e->all, what,
             words[writer][kind].rest);
    if (e->first[kind])
        buf_addf(out, "; the first %s was: %s",
                 kind == ENDING_ERROR || kind == ENDING_CONTEXT ? "message" : "reply",
                 e->first[kind]);
}

json_t *endings_to_json(const struct endings *e)
{
    json_t *out = json_object();
    for (int i = 0; i < ENDINGS; i++)
        if (e->n[i])
            json_object_set_new(out, names[i], json_integer(e->n[i]));
    return out;
}
