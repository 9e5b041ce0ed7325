/*
 * hoist.h - parses JSON whose bulk is a few long strings (a conversation of tens of KiB in every
 * request) without taking those strings through the JSON parser, which reads byte by byte: they are
 * unescaped here, and the parser sees placeholders.
 *
 *     struct hoist h = {0};
 *     json_t *root = hoist_parse(&h, body, len);
 *     char *text = hoist_take(&h, json_object_get(message, "content"), &n);
 *     hoist_release(&h);
 */
#ifndef GRASP_RUNTIME_MODEL_HOIST_H
#define GRASP_RUNTIME_MODEL_HOIST_H

#include <jansson.h>
#include <stddef.h>

struct hoist {
    struct hoisted {
        char *text;
        size_t len;
    } * v;
    size_t n, cap;
};
/* A new reference; NULL when the text is not JSON or has no long string: jansson is the better parser
 * then, and has the message. The texts live in `h`. */
json_t *hoist_parse(struct hoist *h, const char *body, size_t len);
/* The long string that a placeholder stands for, the caller's to free; it can be taken once. NULL:
 * `value` is an ordinary one. */
char *hoist_take(struct hoist *h, const json_t *value, size_t *len);
void hoist_release(struct hoist *h);

#endif
