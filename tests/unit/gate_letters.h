/*
 * gate_letters.h - tables of outcomes for the gate's tests.
 *
 * Outcomes are written one letter a probe: p pass, f fail, i invalid, e error, u unscored,
 * . pending. Sides: F failing, P passing.
 */
#ifndef GRASP_TESTS_GATE_LETTERS_H
#define GRASP_TESTS_GATE_LETTERS_H

#include "test.h"

#include "gate/gate.h"

#define MOST 40

static inline enum outcome letter(char c)
{
    const char *all = ".pfieu", *at = strchr(all, c);
    assert_true(c && at);
    return (enum outcome)(at - all);
}

static inline size_t outcomes(const char *text, enum outcome *out)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        out[i] = letter(text[i]);
    return n;
}

static inline size_t sides(const char *text, bool *out)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] == 'F';
    return n;
}

static inline void arm(struct gate *g, size_t k, const char *text)
{
    outcomes(text, g->arm[k].outcomes);
}

#endif
