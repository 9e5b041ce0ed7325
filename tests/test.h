/* test.h - what every cmocka test includes, and where test data is. */
#ifndef GRASP_TEST_H
#define GRASP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/base/err.h"

/* A call that must not fail; the message when it does. */
#define works(call)                                                                                \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ < 0)                                                                               \
            fail_msg("%s: %d %s", #call, rc_, err_msg());                                          \
    } while (0)

/* The path of a file of the shared test data, or NULL when it is not there: then the test says that
 * it was skipped (`skip()`). Static buffer of the caller's choosing: `out` holds 512 bytes. */
static inline const char *shared_file(const char *name, char *out)
{
    const char *dir = getenv("GRASP_SHARED");
    snprintf(out, 512, "%s/%s", dir ? dir : "../shared", name);
    return access(out, R_OK) == 0 ? out : NULL;
}

#endif
