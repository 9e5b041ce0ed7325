/* arena.c - memory of one request. */
#include "fhir/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

#define CHUNK_SIZE 4000

struct fhir_arena_chunk {
    struct fhir_arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

void *fhir_arena_alloc(struct fhir_arena *a, size_t size)
{
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!a->head || a->head->size - a->head->used < size) {
        size_t want = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        struct fhir_arena_chunk *c = malloc(sizeof(*c) + want);
        if (!c) {
            err_oom();
            return NULL;
        }
        *c = (struct fhir_arena_chunk){.next = a->head, .size = want};
        a->head = c;
    }
    void *p = a->head->bytes + a->head->used;
    a->head->used += size;
    return memset(p, 0, size);
}

char *fhir_arena_ndup(struct fhir_arena *a, const char *s, size_t len)
{
    char *p = fhir_arena_alloc(a, len + 1);
    return p ? memcpy(p, s, len) : NULL;
}

void fhir_arena_release(struct fhir_arena *a)
{
    while (a->head) {
        struct fhir_arena_chunk *next = a->head->next;
        free(a->head);
        a->head = next;
    }
}
