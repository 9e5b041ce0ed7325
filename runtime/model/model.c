/* model.c - what all chat models share: asking, closing, and the canonical hash of a request. */
#include "runtime/model/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/model/backend.h"

const char *model_phase_name(enum model_phase p)
{
    static const char *const names[MODEL_PHASES + 1] = {
        "rollout_dev", "rollout_val", "rollout_probe", "rollout_test", "classify",
        "diagnose",    "propose",     "revise",        "other",        "total"};
    return (unsigned)p <= MODEL_PHASES ? names[p] : "?";
}

bool model_kind_here(const char *kind)
{
    return strcmp(kind, "simulated") == 0 || strcmp(kind, "replay") == 0;
}

void model_usage_add(struct model_usage *to, const struct model_usage *u)
{
    to->prompt_tokens += u->prompt_tokens;
    to->completion_tokens += u->completion_tokens;
    to->cached_tokens += u->cached_tokens;
    to->cache_write_tokens += u->cache_write_tokens;
    to->cost += u->cost;
    to->estimated |= u->estimated;
}

int model_ask(struct model *m, const struct model_request *rq, model_fn fn, void *arg)
{
    int rc = chat_wake(rq->chat); /* it may have been held back and slept meanwhile */
    if (rc < 0)
        return rc;
    return m->ops->ask(m, rq, fn, arg);
}

void model_halt(struct model *m, const char *why)
{
    if (m && m->halt)
        m->halt(m, why);
}

void model_close(struct model *m)
{
    if (!m)
        return;
    free(m->name);
    free(m->label);
    free(m->identity);
    m->ops->close(m);
}

int model_wrap(struct model *m, const struct model_ops *ops, const struct model *inner)
{
    m->ops = ops;
    m->name = str_dup(inner->name);
    m->label = str_dup(inner->label);
    m->identity = str_dup(inner->identity);
    if (m->name && m->label && (m->identity || !inner->identity))
        return 0;
    return err_oom();
}

int model_init(struct model *m, const struct model_ops *ops, const struct model_settings *s)
{
    struct buf id = BUF_INIT;
    bool simulated = strcmp(s->kind, "simulated") == 0;
    const char *name = s->model && *s->model ? s->model : s->kind;
    if (simulated && !str_starts(name, "simulated"))
        name = "simulated"; /* what it does is never shown under another model's name */
    m->ops = ops;
    m->name = str_dup(name);
    m->label = str_dup(simulated ? "simulated model" : name);
    buf_adds(&id, name);
    const char *where = s->identity      ? s->identity
                        : s->n_endpoints ? s->endpoints[0].base_url
                                         : NULL;
    if (where && !simulated) { /* another endpoint's answers are another model's */
        size_t len = strlen(where);
        while (len && where[len - 1] == '/')
            len--;
        buf_addf(&id, "\nat %.*s", (int)len, where);
    }
    if (json_object_size(s->extra)) {
        buf_addch(&id, '\n');
        buf_add_json_canonical(&id, s->extra);
    }
    if (simulated)
        buf_addf(&id, "\nsim %s %llu %.17g", s->sim.profile ? s->sim.profile : "default",
                 (unsigned long long)s->sim.seed, s->sim.noise);
    m->identity = buf_detach(&id);
    if (m->name && m->label && m->identity)
        return 0;
    return err_oom();
}

/* ---- the canonical request ----
 *
 * SHA-256 over parts, each with its length: a version, the model's identity, the parameters as
 * text, the draw, and last the SHA-256 of the messages (role, text, role, text, ...). The messages
 * come as a digest of their own so that a conversation's hash can be kept and grown by whoever
 * holds the conversation. */

void chat_hash_message(struct hash *h, const struct message *m)
{
    const char *role = chat_role_name(m->role);
    hash_add_part(h, role, strlen(role));
    hash_add_part(h, m->text, m->len);
}

void model_request_hash(const struct model_request *rq, const char *model, uint8_t out[HASH_SIZE])
{
    uint8_t messages[HASH_SIZE] = {0};
    char params[96];
    struct buf all = BUF_INIT;
    struct hash *h = rq->prefix ? rq->prefix : hash_new();
    memset(out, 0, HASH_SIZE);
    if (!h)
        return;
    for (size_t i = 0; !rq->prefix && i < rq->chat->n; i++)
        chat_hash_message(h, &rq->chat->v[i]);
    hash_peek(h, messages);
    if (!rq->prefix)
        hash_free(h);
    int n =
        snprintf(params, sizeof(params), "%.17g %d %lld",
                 rq->temperature < 0 ? -1.0 : rq->temperature, rq->max_tokens, (long long)rq->draw);
    buf_addf(&all, "grasp request 2\n%zu:%s\n%d:%s\n", strlen(model), model, n, params);
    buf_add(&all, messages, sizeof(messages));
    hash_once(all.ptr, all.len, out);
    buf_release(&all);
}
