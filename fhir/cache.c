/* cache.c - answers of recent searches. */
#include "fhir/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct cache_slot {
    char *key; /* NULL: empty */
    char *body;
    json_t *tree;
    size_t len, cost;
    uint64_t generation;
    enum fhir_cache_kind kind;
};

struct fhir_cache {
    pthread_mutex_t lock;
    size_t bytes;
    struct cache_slot slots[CACHE_SLOTS];
};

struct fhir_cache *fhir_cache_new(void)
{
    struct fhir_cache *c = calloc(1, sizeof(*c));
    if (c)
        pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void empty(struct fhir_cache *c, struct cache_slot *s)
{
    c->bytes -= s->cost;
    free(s->key);
    free(s->body);
    json_decref(s->tree);
    *s = (struct cache_slot){0};
}

void fhir_cache_free(struct fhir_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        empty(c, &c->slots[i]);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct cache_slot *slot_of(struct fhir_cache *c, enum fhir_cache_kind kind, const char *key)
{
    return &c->slots[XXH3_64bits_withSeed(key, strlen(key), (uint64_t)kind) % CACHE_SLOTS];
}

bool fhir_cache_get(struct fhir_cache *c, enum fhir_cache_kind kind, const char *key,
                    uint64_t generation, struct buf *body, json_t **tree)
{
    struct cache_slot *s = slot_of(c, kind, key);
    bool hit = false;
    pthread_mutex_lock(&c->lock);
    if (s->key && s->kind == kind && s->generation == generation && strcmp(s->key, key) == 0) {
        hit = true;
        if (kind == CACHE_TREE)
            *tree = json_incref(s->tree);
        else
            buf_add(body, s->body, s->len);
    }
    pthread_mutex_unlock(&c->lock);
    return hit;
}

void fhir_cache_put(struct fhir_cache *c, enum fhir_cache_kind kind, const char *key,
                    uint64_t generation, const struct buf *body, json_t *tree, size_t cost)
{
    struct cache_slot *s = slot_of(c, kind, key), new = {.generation = generation, .kind = kind};
    new.cost = cost + strlen(key) + 1;
    if (new.cost > CACHE_ENTRY_MAX)
        return;
    new.key = strdup(key);
    if (tree) {
        new.tree = json_incref(tree);
    } else if ((new.body = malloc(body->len + 1))) {
        memcpy(new.body, body->ptr, body->len);
        new.len = body->len;
    }
    pthread_mutex_lock(&c->lock);
    empty(c, s);
    if (c->bytes + new.cost > CACHE_BYTES)
        for (size_t i = 0; i < CACHE_SLOTS; i++)
            empty(c, &c->slots[i]);
    *s = new;
    c->bytes += new.cost;
    if (!new.key || (!new.tree && !new.body))
        empty(c, s);
    pthread_mutex_unlock(&c->lock);
}
