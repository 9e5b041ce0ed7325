/* urn.c - a hash map from urn to "Type/id", and references rewritten by it. */
#include "fhir/urn.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fhir/jsontext.h"
#include "runtime/base/err.h"

void fhir_urn_map_init(struct fhir_urn_map *m)
{
    memset(m, 0, sizeof(*m));
    buf_init(&m->names);
}

void fhir_urn_map_release(struct fhir_urn_map *m)
{
    free(m->slots);
    if (m->names.ptr)
        buf_release(&m->names);
    fhir_urn_map_init(m);
}

static struct fhir_urn_slot *find(const struct fhir_urn_map *m, const char *urn, size_t len)
{
    for (size_t i = XXH3_64bits(urn, len);; i++) {
        struct fhir_urn_slot *s = &m->slots[i & (m->cap - 1)];
        if (!s->urn_len || (s->urn_len == len && memcmp(m->names.ptr + s->urn, urn, len) == 0))
            return s;
    }
}

static int grow(struct fhir_urn_map *m)
{
    struct fhir_urn_map bigger = {.cap = m->cap ? m->cap * 2 : 64, .names = m->names};
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return err_oom();
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].urn_len)
            *find(&bigger, m->names.ptr + m->slots[i].urn, m->slots[i].urn_len) = m->slots[i];
    free(m->slots);
    m->slots = bigger.slots;
    m->cap = bigger.cap;
    return 0;
}

int fhir_urn_map_put(struct fhir_urn_map *m, const char *urn, size_t urn_len, const char *target)
{
    if (!urn_len)
        return 0;
    if (!m->names.ptr)
        buf_init(&m->names);
    if (m->n * 4 >= m->cap * 3 && grow(m) < 0)
        return GRASP_ENOMEM;
    struct fhir_urn_slot *s = find(m, urn, urn_len);
    struct fhir_urn_slot now = {.urn = s->urn, .urn_len = urn_len};
    if (!s->urn_len) {
        now.urn = m->names.len;
        buf_add(&m->names, urn, urn_len);
    }
    now.target = m->names.len;
    buf_add(&m->names, target, strlen(target) + 1);
    if (m->names.failed)
        return buf_check(&m->names);
    m->n += !s->urn_len;
    *s = now;
    return 0;
}

const char *fhir_urn_map_get(const struct fhir_urn_map *m, const char *urn, size_t urn_len)
{
    if (!m->n || !urn_len)
        return NULL;
    const struct fhir_urn_slot *s = find(m, urn, urn_len);
    return s->urn_len ? m->names.ptr + s->target : NULL;
}

struct resolution {
    const struct fhir_urn_map *map;
    size_t replaced, unknown;
};

static const char *resolve(const char *s, size_t len, void *arg)
{
    struct resolution *r = arg;
    if (len < 4 || memcmp(s, "urn:", 4) != 0)
        return NULL;
    const char *target = fhir_urn_map_get(r->map, s, len);
    *(target ? &r->replaced : &r->unknown) += 1;
    return target;
}

void fhir_urn_resolve(const struct fhir_urn_map *m, const char *text, size_t len, struct buf *out,
                      size_t *replaced, size_t *unknown)
{
    struct resolution r = {.map = m};
    fhir_jsontext_replace_references(out, text, len, resolve, &r);
    *replaced = r.replaced;
    *unknown = r.unknown;
}
