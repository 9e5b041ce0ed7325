/*
 * digest.h - an answer of a world as a person would note it down: what a writer of skills reads
 * instead of the JSON. Pure.
 *
 *     Bundle: total 37, 20 here, a next page
 *     each: Observation, GLU, final
 *     - 311404 2023-11-12T14:39:00+00:00 115.0 mg/dL
 *     - 311391 2023-11-12T08:02:00+00:00 98.0 mg/dL
 *     (16 left out)
 *     - 310007 2023-10-02T07:30:00+00:00 101.0 mg/dL
 *     - 310002 2023-10-01T07:30:00+00:00 120.0 mg/dL
 *
 * Which fields stand for a resource is a table of types; a type that is not in it shows what most
 * resources have (code, time, value, status). What all entries share is said once. An
 * OperationOutcome is its text; text around a resource (a wrapping that every answer has) is left
 * out; an answer that holds no resource is shown as it is, cut, with how much was cut.
 */
#ifndef GRASP_RUNTIME_ENV_DIGEST_H
#define GRASP_RUNTIME_ENV_DIGEST_H

#include <stddef.h>

#include "runtime/base/buf.h"

/* Appends the digest of an answer: lines without control characters, joined by newlines, without a
 * last one. At most about `max` bytes: entries in the middle are left out first, but for the latest
 * one and those whose value stands in `reported` (the agent's answer; may be NULL). */
void digest_answer(const char *text, size_t len, size_t max, const char *reported, struct buf *out);
/* Appends text on one line, cut to about `max` bytes with a remark of how much was cut. Runs of
 * blanks and control characters become one blank, what is not UTF-8 U+FFFD. */
void digest_plain(const char *text, size_t len, size_t max, struct buf *out);

#endif
