/*
 * grow.h - arrays that grow at their end.
 *
 *     struct point *v = NULL;
 *     size_t n = 0, cap = 0;
 *     if ((rc = grow(&v, &cap, n + 1)) < 0)   // v is as it was then
 *         return rc;
 *     v[n++] = p;
 *     ...
 *     free(v);
 */
#ifndef GRASP_RUNTIME_BASE_GROW_H
#define GRASP_RUNTIME_BASE_GROW_H

#include <stddef.h>

/* Room for `want` elements in the malloc'ed array *v, which has room for *cap (a size_t): at least
 * doubled when it is too small. What is new is not set. 0 or GRASP_ENOMEM with the message set. */
#define grow(v, cap, want) grow_array((v), (cap), (want), sizeof(**(v)))
int grow_array(void *v, size_t *cap, size_t want, size_t size);

#endif
