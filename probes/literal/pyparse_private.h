/* pyparse_private.h - private to pyvalue.c, pyparse.c and pyliteral.c: memory of values, and what the two
 * readers share. */
#ifndef GRASP_PROBES_LITERAL_PYPARSE_PRIVATE_H
#define GRASP_PROBES_LITERAL_PYPARSE_PRIVATE_H

#include "probes/literal/pyvalue.h"

struct py_parser {
    struct py_arena *arena;
    const char *p, *end;
    struct pyitem *stack; /* items of the containers that are open */
    size_t n, cap;
    int depth;
    char *scratch; /* literals: as long as the text */
    bool sign;     /* literals: the value just read is a number behind a sign */
    bool sum;      /* literals: ... is written as the sum of two parts */
};

/* Puts a value (and a key, or NULL) on the stack. All of these are false when memory is out. */
bool py_push(struct py_parser *q, const struct pyvalue *key, const struct pyvalue *value);
/* Takes the items above `mark` off the stack into a list or tuple. */
bool py_close_list(struct py_parser *q, size_t mark, enum py_kind kind, struct pyvalue *out);
char *py_copy_text(struct py_parser *q, const char *s, size_t n);
/* A decimal integer: sign and digits, no leading zeros. */
bool py_set_integer(struct py_parser *q, const char *s, size_t n, struct pyvalue *out);
bool py_set_real(struct py_parser *q, const char *s, size_t n, struct pyvalue *out);
/* Encodes a code point; surrogates too. Returns the place behind it. */
char *py_put_utf8(char *to, uint32_t c);
/* `count` hexadecimal digits at p; false when there are fewer. */
bool py_hex_digits(const char *p, const char *end, int count, uint32_t *out);

#endif
