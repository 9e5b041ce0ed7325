/*
 * hoist.h - parses JSON whose bulk is a few long strings (a conversation of tens of KiB in every
 * request) without taking those strings through the JSON parser, which reads byte by byte: they are
 * unescaped here, and the parser sees placeholders.
 *
 *     struct hoist h = {0};
 *     json_t *root = hoist_parse(&h, body, len);      // NULL: not JSON, or not worth it; use
 * jansson char *text = hoist_take(&h, content, &n);       // malloc'ed; NULL: an ordinary value
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
json_t *hoist_parse(struct hoist *h, const char *body, size_t len);
/* The long string that a placeholder stands for; it can be taken once. */
char *hoist_take(struct hoist *h, const json_t *value, size_t *len);
void hoist_release(struct hoist *h);

#endif
