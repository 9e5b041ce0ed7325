/* fuzz_exec.c - answers of child processes: what was asked from the first byte, the rest is the
 * line. Either it is refused with a message, or its parts are bounded, valid UTF-8 and printable
 * where a line is promised. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/env/exec_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plain(const struct buf *b, size_t max)
{
    if (b->len > max || !utf8_valid(b->ptr, b->len))
        abort();
    for (size_t i = 0; i < b->len; i++)
        if ((unsigned char)b->ptr[i] < 0x20 || b->ptr[i] == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct exec_answer a;
    struct buf text = BUF_INIT;
    if (!size)
        return 0;
    enum exec_op op = (enum exec_op)(data[0] % EXEC_END);
    char *line = malloc(size); /* exactly as long, so that reading past it is seen */
    memcpy(line, data + 1, size - 1);
    if (exec_read(&a, op, 1, line, size - 1) < 0) {
        if (!utf8_valid(err_msg(), strlen(err_msg())) ||
            strncmp(err_msg(), "its answer to ", 14) != 0)
            abort();
    } else {
        plain(&a.action, EXEC_ACTION_MAX);
        for (size_t i = 0; i < a.reasons.n; i++)
            if (!utf8_valid(a.reasons.v[i], strlen(a.reasons.v[i])))
                abort();
        if (!utf8_valid(a.text.ptr, a.text.len) || a.tags.n > EXEC_TAGS_MAX ||
            a.reasons.n > EXEC_REASONS_MAX ||
            (op == EXEC_HELLO && (a.episodes < 1 || a.episodes > EXEC_EPISODES_MAX)) ||
            exec_answer_digest(&a) != exec_answer_digest(&a))
            abort();
        exec_answer_release(&a);
    }
    exec_add_plain(&text, line, size - 1, 100);
    plain(&text, 100);
    buf_reset(&text);
    /* A model's reply, whatever its bytes, makes one line of JSON. */
    exec_write_step(&text, 1, 2, line, size - 1);
    json_t *v = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, NULL);
    if (!v || memchr(text.ptr, '\n', text.len) != text.ptr + text.len - 1)
        abort();
    json_decref(v);
    buf_release(&text);
    free(line);
    return 0;
}
