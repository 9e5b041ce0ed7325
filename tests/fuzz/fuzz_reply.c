/* fuzz_reply.c - JSON in replies of models: of the shape asked for or a reason why not, and what was
 * read is read again from its own text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "skills/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(const struct reply_shape *shape, const char *text, size_t len)
{
    struct reply_fault fault;
    json_t *v = reply_read(text, len, shape, &fault);
    if ((v != NULL) != (fault.state == REPLY_READ) || (v && json_is_array(v) != shape->list) ||
        (!v && !*fault.text) || strlen(fault.text) >= sizeof(fault.text) ||
        strchr(fault.text, '\n'))
        abort();
    char *again = v ? json_dumps(v, 0) : NULL;
    json_t *w = again ? reply_read(again, strlen(again), shape, &fault) : NULL;
    if (again && !strstr(again, "\\u0000") && !json_equal(v, w))
        abort();
    free(again);
    json_decref(v);
    json_decref(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const labels[] = {"labels", "new_labels", NULL}, *const ids[] = {"a", "b",
                                                                                        NULL};
    static const struct reply_shape object = {.keys = labels, .type = JSON_OBJECT},
                                    notes = {.any = true, .keys = ids, .type = -1};
    check(&edit_reply_shape, (const char *)bytes, len);
    check(&object, (const char *)bytes, len);
    check(&notes, (const char *)bytes, len);
    return 0;
}
