/* fuzz_pyvalue.c - any bytes as JSON, as a literal, as a time. What reads as JSON must read back
 * the same from jansson's print where jansson can hold it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probes/literal/pytime.h"
#include "probes/literal/pyvalue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    struct py_arena arena = {0};
    struct pyvalue v, again;
    struct pytime t;
    struct buf b = BUF_INIT;
    double number;
    /* jansson takes a NUL behind a value for the text's end. */
    json_t *j = strlen(text) == size
                    ? json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                    : NULL;
    bool is_json = py_json(&arena, text, size, &v);
    if (j && !is_json && size < 900)
        abort(); /* Python takes all that jansson takes, but for deeper nesting */
    if (j && is_json && !py_eq_json(&v, j))
        abort();
    if (is_json) {
        py_repr(&b, &v);
        py_float(&v, &number);
        py_get(&v, "a");
    }
    json_decref(j);
    buf_reset(&b);
    if (py_literal(&arena, text, size, &v)) {
        py_repr(&b, &v);
        py_float(&v, &number);
        struct buf c = BUF_INIT;
        bool special = strstr(b.ptr, "nan") || strstr(b.ptr, "inf");
        if (!special && !py_literal(&arena, b.ptr, b.len, &again))
            abort(); /* what is printed is a literal again */
        if (!special) {
            py_repr(&c, &again);
            /* Python itself reads (-0-7j) back as -7j, and that as (-0-7j). */
            if (strcmp(b.ptr, c.ptr) != 0 && !strstr(b.ptr, "(-0") && !strstr(c.ptr, "(-0"))
                abort();
        }
        buf_release(&c);
    }
    pytime_parse(text, size, &t);
    buf_release(&b);
    py_arena_release(&arena);
    free(text);
    return 0;
}
