/*
 * array.h - room in an array that grows.
 *
 *     struct item *v = NULL;
 *     size_t n = 0, cap = 0;
 *     if ((rc = array_room(&v, n, &cap, sizeof(*v))) < 0)
 *         return rc;
 *     v[n++] = item;
 *
 * The array is the caller's and goes with free(3).
 */
#ifndef GRASP_BASE_ARRAY_H
#define GRASP_BASE_ARRAY_H

#include <stddef.h>

/* Room for one item more than the `n` that are there. `v` is the address of the array's pointer; it
 * and `*cap` stay as they are when there is no memory (GRASP_ENOMEM). */
int array_room(void *v, size_t n, size_t *cap, size_t size);

#endif
