/* fuzz_recorded.c - hostile rows of recorded episodes: read whole or refused with a message. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/graders/recorded.h"
#include "runtime/base/err.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    json_object_seed(1); /* an input takes the same way every time */
    return 0;
}

/* The input is a row, or else the text of a first message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *row = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    struct recorded r;
    if (!row)
        row = json_pack("{s:i, s:[{s:s, s:s%}]}", "index", 0, "messages", "role", "user", "content",
                        (const char *)data, size);
    if (!row)
        return 0;
    int rc = recorded_read(&r, row);
    if (rc < 0 && !err_msg()[0])
        abort();
    if (rc == 0 && !r.task && !r.task_id && r.index < 0)
        abort();
    if (r.base && r.base[strlen(r.base) - 1] != '/')
        abort();
    recorded_release(&r);
    recorded_rows(row);
    json_decref(row);
    return 0;
}
