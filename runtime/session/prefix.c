/* prefix.c - a set of hashes, each of everything from a chat's start to the end of a block. */
#include "runtime/session/prefix.h"

#include <stdlib.h>
#include <xxhash.h>

#define BLOCK 256
#define START 4096

struct prefix {
    uint64_t *v; /* open addressing; 0: free */
    size_t n, size;
};

struct prefix *prefix_new(void)
{
    struct prefix *p = calloc(1, sizeof(*p));
    if (p && !(p->v = calloc(START, sizeof(*p->v)))) {
        free(p);
        return NULL;
    }
    if (p)
        p->size = START;
    return p;
}

void prefix_free(struct prefix *p)
{
    if (p)
        free(p->v);
    free(p);
}

static bool insert(uint64_t *v, size_t size, uint64_t h)
{
    size_t i = h & (size - 1);
    while (v[i] && v[i] != h)
        i = (i + 1) & (size - 1);
    bool fresh = !v[i];
    v[i] = h;
    return fresh;
}

static void grow(struct prefix *p)
{
    uint64_t *v = calloc(p->size * 2, sizeof(*v));
    if (!v)
        return;
    for (size_t i = 0; i < p->size; i++)
        if (p->v[i])
            insert(v, p->size * 2, p->v[i]);
    free(p->v);
    p->v = v;
    p->size *= 2;
}

/* True when it was not there. */
static bool remember(struct prefix *p, uint64_t h)
{
    if (p->n >= p->size / 2)
        grow(p);
    if (p->n >= p->size / 4 * 3)
        return true;
    bool fresh = insert(p->v, p->size, h ? h : 1);
    p->n += fresh;
    return fresh;
}

int64_t prefix_add(struct prefix *p, const struct chat *chat)
{
    uint64_t h = 0;
    int64_t fresh = 0;
    for (size_t i = 0; p && i < chat->n; i++) {
        const struct message *m = &chat->v[i];
        h = XXH3_64bits_withSeed(&m->role, sizeof(m->role), h);
        for (size_t at = 0; at < m->len; at += BLOCK) {
            size_t len = m->len - at < BLOCK ? m->len - at : BLOCK;
            h = XXH3_64bits_withSeed(m->text + at, len, h);
            if (remember(p, h))
                fresh += (int64_t)len;
        }
    }
    return fresh;
}
