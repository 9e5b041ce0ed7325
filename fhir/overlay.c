/*
 * overlay.c - the writes of one rollout.
 *
 * A list, searched from its end, and no index: an episode writes a handful of resources, while
 * hundreds of episodes share the store below. Nothing is ever changed in place, because a
 * transaction that fails is undone by cutting the list back to where it was.
 */
#include "fhir/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

struct fhir_overlay *fhir_overlay_new(void)
{
    return calloc(1, sizeof(struct fhir_overlay));
}

void fhir_overlay_free(struct fhir_overlay *o)
{
    if (!o)
        return;
    fhir_overlay_cut(o, 0);
    free(o->v);
    free(o);
}

static struct fhir_overlay_entry *find(const struct fhir_overlay *o, const char *type,
                                       const char *id)
{
    for (size_t i = o->n; i-- > 0;)
        if (strcmp(o->v[i].record.id, id) == 0 && strcmp(o->v[i].record.type, type) == 0)
            return &o->v[i];
    return NULL;
}

const struct fhir_overlay_entry *fhir_overlay_find(const struct fhir_overlay *o, const char *type,
                                                   const char *id)
{
    return find(o, type, id);
}

static char *append(char **p, const void *bytes, size_t len)
{
    char *at = *p;
    memcpy(at, bytes, len);
    *p += len;
    return at;
}

int fhir_overlay_put(struct fhir_overlay *o, const struct fhir_resource_type *type,
                     const struct fhir_record *r, bool deleted)
{
    struct fhir_overlay_entry e = {.record = *r, .type = type, .deleted = deleted};
    struct fhir_overlay_entry *old = find(o, r->type, r->id);
    if (o->n == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 8;
        struct fhir_overlay_entry *v = realloc(o->v, cap * sizeof(*v));
        if (!v)
            return err_oom();
        old = old ? v + (old - o->v) : NULL;
        o->v = v;
        o->cap = cap;
    }
    size_t id_len = strlen(r->id) + 1;
    char *p = malloc(id_len + r->values_len + r->text_len + 1);
    if (!p)
        return err_oom();
    e.memory = p;
    e.record.type = type->name;
    e.record.id = append(&p, r->id, id_len);
    e.record.values = (uint8_t *)append(&p, r->values, r->values_len);
    e.record.text = append(&p, r->text, r->text_len);
    *p = '\0';
    if (old)
        old->superseded = true;
    o->v[o->n++] = e;
    o->writes++;
    return 0;
}

void fhir_overlay_cut(struct fhir_overlay *o, size_t n)
{
    while (o->n > n) {
        struct fhir_overlay_entry e = o->v[--o->n];
        struct fhir_overlay_entry *older = find(o, e.record.type, e.record.id);
        if (older)
            older->superseded = false;
        free(e.memory);
        o->writes++;
    }
}
