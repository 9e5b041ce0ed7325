/*
 * ahead.c - calls that were made before anybody wanted their answers: how many, and what became of
 * them. An answer that is there is everybody's; only what it was paid for is told apart.
 */
#include "runtime/journal/journal_private.h"

#include <stdlib.h>
#include <string.h>

#define WANTED UINT64_C(1)

void journal_ahead(const struct journal *j, struct journal_ahead *out)
{
    *out = j->ahead;
}

static uint64_t short_key(const uint8_t key[HASH_SIZE])
{
    uint64_t k;
    memcpy(&k, key, sizeof(k)); /* the key is a hash already */
    k &= ~WANTED;
    return k ? k : WANTED << 1;
}

/* Where the key stands, or would. The table is never full. */
static uint64_t *place(const struct ahead_keys *keys, uint64_t key)
{
    size_t at = (size_t)(key >> 8) & (keys->cap - 1);
    while (keys->v[at] && (keys->v[at] & ~WANTED) != key)
        at = (at + 1) & (keys->cap - 1);
    return &keys->v[at];
}

static bool grown(struct ahead_keys *keys)
{
    struct ahead_keys more = {.n = keys->n, .cap = keys->cap ? 2 * keys->cap : 256};
    if (2 * (keys->n + 1) <= keys->cap)
        return true;
    more.v = calloc(more.cap, sizeof(*more.v));
    if (!more.v)
        return false;
    for (size_t i = 0; i < keys->cap; i++)
        if (keys->v[i])
            *place(&more, keys->v[i] & ~WANTED) = keys->v[i];
    free(keys->v);
    *keys = more;
    return true;
}

void ahead_made(struct journal *j, struct journal_call *c)
{
    uint64_t key = short_key(c->answer.e.key), *at;
    j->ahead.made++;
    j->ahead.in_flight++;
    c->ahead = true;
    if (!grown(&j->ahead_keys))
        return;
    at = place(&j->ahead_keys, key);
    j->ahead_keys.n += !*at;
    *at = key;
}

/* Whether it is there and was not wanted before; from here on it was. */
static bool take(struct journal *j, const struct journal_call *c)
{
    uint64_t *at = j->ahead_keys.n ? place(&j->ahead_keys, short_key(c->answer.e.key)) : NULL;
    if (!at || !*at || *at & WANTED)
        return false;
    *at |= WANTED;
    return true;
}

void ahead_answered(struct journal *j, struct journal_call *c)
{
    j->ahead.in_flight -= c->ahead;
    c->ahead = false;
}

void ahead_failed(struct journal *j, const struct journal_call *c)
{
    take(j, c); /* asked again, it is another call */
}

void ahead_wanted(struct journal *j, struct journal_call *c)
{
    j->ahead.used += take(j, c);
    ahead_answered(j, c);
}
