/* reach.c - whether the endpoints of a configuration are there: one GET each that costs nothing. */
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/loop/loop.h"
#include "runtime/session/session.h"

#define PATIENCE_NS (5 * NS_PER_SEC)

struct knock {
    bool done, there;
    char why[160];
};

static void answered(const struct http_reply *r, void *arg)
{
    struct knock *k = arg;
    k->done = true;
    k->there = r->result == HTTP_OK;
    snprintf(k->why, sizeof(k->why), "%s", r->error ? r->error : "no answer");
}

/* Any answer will do: what a key or a path is worth, doctor finds out. No key is sent. */
static int knock(struct session *s, const char *what, const char *base, const char *path,
                 const struct model_config *m)
{
    struct buf url = BUF_INIT;
    struct knock k = {0};
    size_t n = strlen(base);
    while (n && base[n - 1] == '/')
        n--;
    buf_add(&url, base, n);
    buf_adds(&url, path);
    struct http_request rq = {.method = "GET",
                              .url = url.ptr,
                              .timeout_ns = PATIENCE_NS,
                              .max_body = (size_t)16 << 20,
                              .unix_socket = m ? m->unix_socket : NULL,
                              .client_cert = m ? m->client_cert : NULL,
                              .client_key = m ? m->client_key : NULL};
    int rc = buf_check(&url);
    if (rc == 0 && !http_start(s->loop, &rq, answered, &k))
        rc = GRASP_EIO;
    while (rc == 0 && !k.done) {
        rc = loop_turn(s->loop, -1);
        rc = rc < 0 ? rc : 0;
    }
    if (rc == 0 && !k.there)
        rc = err_set(GRASP_EOUTAGE,
                     "%s: %s does not answer (%s); start it or correct the address, 'grasp doctor "
                     "%s' looks closer",
                     what, base, k.why, s->config->path);
    buf_release(&url);
    return rc;
}

static int knock_model(struct session *s, const char *section, const struct model_config *m)
{
    size_t n = json_array_size(m->endpoints);
    int rc = 0;
    if (model_kind_here(m->kind))
        return 0;
    if (!n && m->base_url)
        return knock(s, section, m->base_url, "/models", m);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const json_t *e = json_array_get(m->endpoints, i);
        const char *base =
            json_is_string(e) ? json_string_value(e) : json_str_at(e, "base_url", "");
        rc = knock(s, section, base, "/models", m);
    }
    return rc;
}

int session_reach(struct session *s)
{
    const struct config *c = s->config;
    int rc = knock_model(s, "model", &c->model);
    if (rc == 0 && config_has_writer(c))
        rc = knock_model(s, "writer", &c->writer);
    if (rc == 0 && c->env.kind == ENV_FHIR && !c->fhir.store && !json_array_size(c->fhir.load))
        rc = knock(s, "FHIR server", c->fhir_api_base, "/metadata", NULL);
    return rc;
}
