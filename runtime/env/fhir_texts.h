/*
 * fhir_texts.h - every text that the agent sees in the FHIR world, ours or a user's
 * (`prompt.texts: FILE`), so that someone with a checkout of the benchmark can measure under its
 * words. Graders go by two of them: see fhir_texts_open.
 *
 *     struct fhir_texts *t;
 *     fhir_texts_open(&t, "texts.yaml");            // NULL: ours
 *     struct fhir_value v[] = {{"now", now, strlen(now)}, {NULL, NULL, 0}};
 *     fhir_texts_add(t, TEXT_TIME, v, &out);
 *     fhir_texts_close(t);
 *
 * The file is YAML, key: text; what it leaves out is ours. In a text {name} is a placeholder,
 * {{name}} stands for "{name}", and any other brace for itself.
 */
#ifndef GRASP_RUNTIME_ENV_FHIR_TEXTS_H
#define GRASP_RUNTIME_ENV_FHIR_TEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "runtime/base/buf.h"

enum fhir_text {
    TEXT_FIRST, /* the first message; none: a JSON object with the fields below */
    TEXT_RESPONSE_FORMAT,
    TEXT_TIME, /* a line below a context that does not say the time; empty: it is not said */
    TEXT_ANSWER,
    TEXT_ERROR,
    TEXT_REFUSED,
    TEXT_ACCEPTED,
    TEXT_INVALID,
    TEXT_POST_ERROR,
    TEXT_REMINDER, /* a line below every answer; empty: none */
    TEXT_FIELD_PHASE,
    TEXT_FIELD_API,
    TEXT_FIELD_BASE_URL,
    TEXT_FIELD_FUNCTIONS,
    TEXT_FIELD_RESPONSE_FORMAT,
    TEXT_FIELD_SKILLS,
    TEXT_FIELD_TASK,
    TEXT_FIELD_DESCRIPTION,
    TEXT_FIELD_CONTEXT,
    FHIR_TEXTS
};

struct fhir_value {
    const char *name, *s;
    size_t len;
};

struct fhir_texts;
/* path NULL: ours. GRASP_EPARSE or GRASP_EINVAL names file and key: a key or placeholder that there
 * is not; `accepted` without, or another text with, the words that graders take for an accepted
 * POST; a first message that shows no skills. */
int fhir_texts_open(struct fhir_texts **t, const char *path);
void fhir_texts_close(struct fhir_texts *t);
/* SHA-256 of the user's file in hex; NULL: the texts are ours. */
const char *fhir_texts_hash(const struct fhir_texts *t);
/* The text with its placeholders; NULL: there is none. Borrowed. */
const char *fhir_texts_get(const struct fhir_texts *t, enum fhir_text which);
/* Appends the text with its placeholders filled in; `values` ends with a NULL name, what it does not
 * hold is empty. */
void fhir_texts_add(const struct fhir_texts *t, enum fhir_text which,
                    const struct fhir_value *values, struct buf *out);
/* The same for part of a text. */
void fhir_text_fill(const char *text, size_t len, const struct fhir_value *values, struct buf *out);
/* Ours as such a file, with the placeholders of each key in a comment. */
void fhir_texts_print(struct buf *out);

#endif
