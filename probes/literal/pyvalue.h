/*
 * pyvalue.h - values as Python reads, compares and prints them; the manual of this folder, together
 * with pytime.h.
 *
 * The published graders are Python, and their verdicts hang on it at the edges: json.loads takes
 * NaN, Infinity, 1e400, integers of any size and lone surrogates; True equals 1 equals 1.0; a
 * search in str(x) searches x's printed form. jansson refuses or folds most of that, so what an
 * agent said (an answer, a payload) is read here; what the FHIR server said stays jansson's.
 *
 *     struct py_arena arena = {0};
 *     struct pyvalue v;
 *     if (py_json(&arena, text, len, &v)) ...       // v lives as long as the arena
 *     py_arena_release(&arena);
 */
#ifndef GRASP_PROBES_LITERAL_PYVALUE_H
#define GRASP_PROBES_LITERAL_PYVALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

enum py_kind {
    PY_NONE,
    PY_BOOL,
    PY_INT,
    PY_BIG, /* an integer past 64 bits */
    PY_FLOAT,
    PY_COMPLEX, /* literals only */
    PY_STR,
    PY_BYTES, /* literals only */
    PY_LIST,
    PY_TUPLE, /* literals only */
    PY_DICT,
};

struct pyitem;

struct pyvalue {
    enum py_kind kind;
    union {
        int64_t i; /* PY_INT, PY_BOOL */
        double f;
        const double *z;              /* PY_COMPLEX: real and imaginary part */
        const char *s;                /* PY_STR, PY_BYTES: bytes with a terminator; UTF-8, lone
                                         surrogates as three bytes. PY_BIG: -?digits */
        const struct pyvalue *items;  /* PY_LIST, PY_TUPLE */
        const struct pyitem *members; /* PY_DICT: no key twice, the last value at the first place */
    };
    size_t n; /* bytes, items or members */
};

struct pyitem {
    struct pyvalue key, value;
};

/* Memory of values. All zero is empty; released in one go. */
struct py_arena {
    struct py_chunk *head;
};
/* Memory aligned for any value; NULL when there is none. */
void *py_arena_get(struct py_arena *a, size_t bytes);
void py_arena_release(struct py_arena *a);

/* json.loads. False when Python would raise (nesting past 900, integers past 4300 digits included),
 * or out of memory. */
bool py_json(struct py_arena *a, const char *text, size_t len, struct pyvalue *out);
/* ast.literal_eval, for lists, tuples, strings, bytes, numbers (also complex ones), True, False and
 * None. Sets and dicts are refused: nothing here asks for them. */
bool py_literal(struct py_arena *a, const char *text, size_t len, struct pyvalue *out);

/* A dict's value; NULL when it is not there or `v` is no dict. */
const struct pyvalue *py_get(const struct pyvalue *v, const char *key);
/* A list's or tuple's item; NULL when it is not there or `v` is neither. */
const struct pyvalue *py_at(const struct pyvalue *v, size_t i);
bool py_is_str(const struct pyvalue *v);
/* An int of any size, a bool or a float. */
bool py_is_number(const struct pyvalue *v);
/* v == "text" */
bool py_eq_str(const struct pyvalue *v, const char *text);
/* v == number, for ints, bools, big ints, floats and complex numbers. */
bool py_eq_num(const struct pyvalue *v, double number);
/* v == json.loads(text of j) */
bool py_eq_json(const struct pyvalue *v, const json_t *j);
/* Whether v is an int, bool or float; its value as a double in *out. False for integers past a
 * double's range, as arithmetic with them raises. */
bool py_number(const struct pyvalue *v, double *out);
/* float(v): numbers, and strings that hold one. False when Python would raise. Digits of other
 * scripts than ASCII are not taken. */
bool py_float(const struct pyvalue *v, double *out);
/* Appends repr(v). */
void py_repr(struct buf *b, const struct pyvalue *v);
/* Cut Unicode white space (U+00A0, U+0085, U+2028, U+3000, 0x1c to 0x1f too) as str.lstrip(),
 * str.rstrip() and str.strip() do. */
void py_lstrip(const char **s, size_t *len);
void py_rstrip(const char *s, size_t *len);
void py_strip(const char **s, size_t *len);
/* s[:-1]: without the last character, however many bytes it has. */
size_t py_but_last(const char *s, size_t len);
/* Whether a word goes on in the text at s (re's \w): what \b stands before or behind. Outside of
 * ASCII, all but punctuation, symbols and blanks of the common blocks. */
bool py_word_at(const char *s, size_t len);
/* "a string", "an object", "null", ...: v's type in JSON's words; "nothing" for NULL. */
const char *py_kind_name(const struct pyvalue *v);

#endif
