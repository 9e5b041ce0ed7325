/* cache.c - hashes of prompts' beginnings, each from the start to the end of a block, per machine. */
#include "runtime/simulator/cache.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/grow.h"
#include "runtime/base/text.h"

enum { TOKEN = 4, ROUTED_BY = 256 * TOKEN, START = 4096, ROUTES = 1 << 16 };

struct known {
    uint64_t hash;       /* 0: free */
    int64_t ready, used; /* there from, last asked for */
};
struct sim_cache {
    struct sim_cache_settings s;
    int64_t lifetime_ns;
    struct known *v; /* open addressing */
    size_t n, size;
    uint64_t *pending; /* of the last prompt: what was not there */
    size_t n_pending, cap_pending;
    uint64_t asked;
    /* Requests of the minute, by what routes them; one of two that share a slot starts anew. */
    struct {
        uint64_t hash;
        int64_t since, n;
    } routes[ROUTES];
};

int sim_cache_parse(struct sim_cache_settings *s, const char *text)
{
    static const char wanted[] = "machines=M,lifetime=SECONDS, and if need be rate=N, block=N, "
                                 "minimum=N";
    *s = (struct sim_cache_settings){.lifetime_s = 600, .rate = 15, .block = 128, .minimum = 1024};
    const struct {
        const char *name;
        int64_t least, *to;
    } numbers[] = {{"machines=", 1, &s->machines},
                   {"rate=", 0, &s->rate},
                   {"block=", 1, &s->block},
                   {"minimum=", 0, &s->minimum}};
    int rc = 0;
    for (const char *p = text; rc == 0 && *p;) {
        size_t len = strcspn(p, ","), i = 0, n = 0;
        char *part = str_ndup(p, len);
        bool good = false;
        for (; part && i < sizeof(numbers) / sizeof(*numbers) && !good; i++) {
            n = strlen(numbers[i].name);
            good = str_starts(part, numbers[i].name) &&
                   str_to_i64(part + n, numbers[i].least, INT32_MAX, numbers[i].to);
        }
        if (part && !good && str_starts(part, "lifetime="))
            good = str_to_double(part + 9, &s->lifetime_s) && s->lifetime_s >= 0 &&
                   s->lifetime_s < 1e9;
        if (!part)
            rc = err_oom();
        else if (!good)
            rc = err_set(GRASP_EUSAGE, "--cache: '%s' is none of %s", part, wanted);
        free(part);
        p += len + (p[len] == ',');
    }
    if (rc == 0 && !s->machines)
        rc = err_set(GRASP_EUSAGE, "--cache: how many machines? %s", wanted);
    return rc;
}

struct sim_cache *sim_cache_new(const struct sim_cache_settings *s)
{
    struct sim_cache *c = calloc(1, sizeof(*c));
    if (!c || !(c->v = calloc(START, sizeof(*c->v)))) {
        free(c);
        err_oom();
        return NULL;
    }
    c->s = *s;
    c->lifetime_ns = s->lifetime_s > 0 ? (int64_t)(s->lifetime_s * (double)NS_PER_SEC) : INT64_MAX;
    c->size = START;
    return c;
}

void sim_cache_free(struct sim_cache *c)
{
    if (!c)
        return;
    free(c->v);
    free(c->pending);
    free(c);
}

static struct known *slot(struct known *v, size_t size, uint64_t hash)
{
    size_t i = hash & (size - 1);
    while (v[i].hash && v[i].hash != hash)
        i = (i + 1) & (size - 1);
    return &v[i];
}

static bool there(const struct sim_cache *c, const struct known *k, int64_t now)
{
    return k->hash && k->ready <= now && now - k->used <= c->lifetime_ns;
}

/* What is forgotten already is not taken along. */
static int make_room(struct sim_cache *c, int64_t now)
{
    if (c->n < c->size / 2)
        return 0;
    size_t size = c->size * 2;
    struct known *v = calloc(size, sizeof(*v));
    if (!v)
        return GRASP_ENOMEM;
    c->n = 0;
    for (size_t i = 0; i < c->size; i++)
        if (c->v[i].hash && (c->v[i].ready > now || there(c, &c->v[i], now))) {
            *slot(v, size, c->v[i].hash) = c->v[i];
            c->n++;
        }
    free(c->v);
    c->v = v;
    c->size = size;
    return 0;
}

/* The machine that takes the request. */
static uint64_t route(struct sim_cache *c, const char *key, const struct chat *chat, int64_t now)
{
    uint64_t h = key ? XXH3_64bits(key, strlen(key)) : 0, machines = (uint64_t)c->s.machines;
    size_t left = ROUTED_BY;
    for (size_t i = 0; i < chat->n && left; i++) {
        size_t len = chat->v[i].len < left ? chat->v[i].len : left;
        h = XXH3_64bits_withSeed(chat->v[i].text, len, h);
        left -= len;
    }
    size_t at = h % ROUTES;
    if (c->routes[at].hash != h || now - c->routes[at].since >= 60 * NS_PER_SEC) {
        c->routes[at].hash = h;
        c->routes[at].since = now;
        c->routes[at].n = 0;
    }
    c->asked++;
    if (c->s.rate && ++c->routes[at].n > c->s.rate)
        h = XXH3_64bits(&c->asked, sizeof(c->asked));
    return h % machines;
}

static void note(struct sim_cache *c, uint64_t hash)
{
    if (grow(&c->pending, &c->cap_pending, c->n_pending + 1) == 0)
        c->pending[c->n_pending++] = hash;
    else
        err_clear();
}

int64_t sim_cache_ask(struct sim_cache *c, const char *key, const struct chat *chat, int64_t now)
{
    uint64_t h = route(c, key, chat, now);
    size_t block = (size_t)c->s.block * TOKEN, fill = 0;
    int64_t blocks = 0;
    bool hit = true;
    c->n_pending = 0;
    for (size_t i = 0; i < chat->n; i++) {
        const struct message *m = &chat->v[i];
        h = XXH3_64bits_withSeed(&m->role, sizeof(m->role), h);
        for (size_t at = 0, len; at < m->len; at += len) {
            len = m->len - at < block - fill ? m->len - at : block - fill;
            h = XXH3_64bits_withSeed(m->text + at, len, h);
            if ((fill += len) < block)
                continue;
            fill = 0;
            uint64_t hash = h ? h : 1;
            struct known *k = slot(c->v, c->size, hash);
            if (hit && (hit = there(c, k, now))) {
                k->used = now;
                blocks++;
            } else {
                note(c, hash);
            }
        }
    }
    int64_t tokens = blocks * c->s.block;
    return tokens < c->s.minimum ? 0 : tokens;
}

void sim_cache_ready(struct sim_cache *c, int64_t when)
{
    for (size_t i = 0; i < c->n_pending; i++) {
        if (make_room(c, when) < 0)
            break;
        struct known *k = slot(c->v, c->size, c->pending[i]);
        bool gone = k->hash && when - k->used > c->lifetime_ns;
        c->n += !k->hash;
        if (!k->hash || gone || when < k->ready)
            k->ready = when;
        k->hash = c->pending[i];
        k->used = when > k->used ? when : k->used;
    }
    c->n_pending = 0;
}
