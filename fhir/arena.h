/* arena.h - inside of libfhir: memory that lives as long as one request and is freed at once. */
#ifndef GRASP_FHIR_ARENA_H
#define GRASP_FHIR_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *head;
};

/* Zeroed; NULL when out of memory (the message is set). Aligned for anything. */
void *arena_alloc(struct arena *a, size_t size);
/* A copy with a terminator. */
char *arena_ndup(struct arena *a, const char *s, size_t len);
void arena_release(struct arena *a);

#endif
