/* arena.h - inside of libfhir: memory that lives as long as one request and is freed at once. */
#ifndef GRASP_FHIR_ARENA_H
#define GRASP_FHIR_ARENA_H

#include <stddef.h>

struct fhir_arena_chunk;
struct fhir_arena {
    struct fhir_arena_chunk *head;
};

/* Zeroed; NULL when out of memory (the message is set). Aligned for anything. */
void *fhir_arena_alloc(struct fhir_arena *a, size_t size);
/* A copy with a terminator. */
char *fhir_arena_ndup(struct fhir_arena *a, const char *s, size_t len);
void fhir_arena_release(struct fhir_arena *a);

#endif
