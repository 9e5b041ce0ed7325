/* grow.c - arrays that grow at their end. */
#include "runtime/base/grow.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

#define FIRST 8

int grow_array(void *v, size_t *cap, size_t want, size_t size)
{
    void *old, *larger;
    if (want <= *cap)
        return 0;
    size_t n = *cap < FIRST / 2 ? FIRST : 2 * *cap;
    if (n < want)
        n = want;
    memcpy(&old, v, sizeof(old)); /* `v` points to a pointer of a type that is not known here */
    larger = reallocarray(old, n, size);
    if (!larger)
        return err_oom();
    memcpy(v, &larger, sizeof(larger));
    *cap = n;
    /* the caller has it: cppcheck-suppress memleak */
    return 0;
}
