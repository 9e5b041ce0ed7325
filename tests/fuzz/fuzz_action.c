/* fuzz_action.c - hostile messages of an agent: what is read lies within the cleaned text. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "probes/graders/action.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(const struct buf *b, const char *s, size_t len)
{
    return s >= b->ptr && s + len <= b->ptr + b->len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf clean = BUF_INIT;
    struct agent_action a;
    agent_action_read(&a, (const char *)data, size, &clean);
    if (clean.len > size || !within(&clean, a.text, a.len))
        abort();
    if (a.payload && (a.verb != AGENT_POST || !within(&clean, a.payload, a.payload_len)))
        abort();
    buf_release(&clean);
    return 0;
}
