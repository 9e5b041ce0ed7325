/*
 * text.h - UTF-8 and ASCII helpers, and a list of strings.
 *
 * Text from outside is bytes with a length until utf8_valid said otherwise. Character classes are
 * ASCII ones and never depend on the locale.
 */
#ifndef GRASP_RUNTIME_BASE_TEXT_H
#define GRASP_RUNTIME_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point of valid or invalid UTF-8; returns the bytes taken (at least 1 when len >
 * 0; an invalid byte gives U+FFFD and 1). */
size_t utf8_decode(const char *s, size_t len, uint32_t *cp);
/* Whether a code point makes text read in another order than it stands in: the marks, embeddings, overrides
 * and isolates of Unicode's bidirectional algorithm (UAX 9). */
bool utf8_turns(uint32_t cp);
/* RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
bool utf8_valid(const char *s, size_t len);
/* The largest prefix length <= max that does not cut a code point. */
size_t utf8_cut(const char *s, size_t len, size_t max);
/* Bytes taken by the first `chars` code points (len when there are fewer). */
size_t utf8_prefix(const char *s, size_t len, size_t chars);
/* How many code points. */
size_t utf8_length(const char *s, size_t len);

static inline bool ascii_isdigit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool ascii_isalpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_isalnum(char c)
{
    return ascii_isdigit(c) || ascii_isalpha(c);
}
static inline bool ascii_isspace(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* ASCII case-insensitive strstr / strcmp==0. */
const char *str_casestr(const char *s, const char *needle);
bool str_caseeq(const char *a, const char *b);
/* strcmp==0; NULL is like NULL alone. */
bool str_same(const char *a, const char *b);
/* A copy of `len` bytes with a terminator; caller frees; NULL when out of memory. */
char *str_ndup(const char *s, size_t len);
char *str_dup(const char *s); /* NULL for NULL */
/* Whole-string decimal integer in [min, max]; false when it is anything else. */
bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out);
/* Whole-string finite decimal number ("1e3" too; no hex, no nan). Locale independent. */
bool str_to_double(const char *s, double *out);
/* Edit distance (Levenshtein, transpositions count one), for "did you mean". */
size_t str_distance(const char *a, const char *b);

/* A list of owned strings. All zero is empty. */
struct strlist {
    char **v;
    size_t n, cap;
};
void strlist_release(struct strlist *l);
/* Which of two words goes with a number: "1 fix", "2 fixes". */
const char *plural(int64_t n, const char *one, const char *many);
/* Copies `s`; 0 or GRASP_ENOMEM. */
int strlist_add(struct strlist *l, const char *s);
int strlist_addn(struct strlist *l, const char *s, size_t len);
int strlist_addf(struct strlist *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool strlist_has(const struct strlist *l, const char *s);
void strlist_sort(struct strlist *l);
/* The same strings in the same order. */
bool strlist_equal(const struct strlist *a, const struct strlist *b);
/* Appends copies of all of `src`; 0 or GRASP_ENOMEM. */
int strlist_copy(struct strlist *dst, const struct strlist *src);

#endif
