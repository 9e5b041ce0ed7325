/* array.c - room in an array that grows. */
#include "runtime/base/array.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

int array_room(void *v, size_t n, size_t *cap, size_t size)
{
    enum { FIRST = 8 };
    void *old, *grown;
    if (n < *cap)
        return 0;
    size_t want = *cap ? *cap * 2 : FIRST;
    memcpy(&old, v, sizeof(old)); /* a pointer to any type, read as what it is */
    if (!(grown = reallocarray(old, want, size)))
        return err_set(GRASP_ENOMEM, "out of memory");
    memcpy(v, &grown, sizeof(grown));
    *cap = want;
    return 0;
}
