/* wire_content.c - what a message holds: its content in all the shapes in use, and its thinking. */
#include "runtime/model/wire.h"

#include <string.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"

static void add_text(struct buf *text, const json_t *s)
{
    size_t len = json_string_length(s);
    size_t room = text->len < WIRE_MAX_TEXT ? WIRE_MAX_TEXT - text->len : 0;
    buf_add(text, json_string_value(s), utf8_cut(json_string_value(s), len, room));
}

/* ["a", {"text": "b"}, ...] or "a", whatever the types are. */
static void add_plain(struct buf *text, const json_t *v)
{
    static const char *const keys[] = {"text", "refusal", "thinking", "summary", "content"};
    size_t i;
    const json_t *part;
    if (json_is_string(v))
        add_text(text, v);
    json_array_foreach (v, i, part) {
        if (json_is_string(part))
            add_text(text, part);
        for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
            if (json_is_string(json_object_get(part, keys[k])))
                add_text(text, json_object_get(part, keys[k]));
    }
}

void wire_add_parts(const json_t *content, struct buf *text, struct buf *reasoning)
{
    size_t i;
    const json_t *part;
    if (json_is_string(content))
        add_text(text, content);
    json_array_foreach (content, i, part) {
        static const char *const keys[] = {"text", "refusal"};
        static const char *const thoughts[] = {"thinking", "reasoning", "text", "summary"};
        const char *type = json_str_at(part, "type", "");
        if (json_is_string(part))
            add_text(text, part);
        if (strstr(type, "reasoning") || strstr(type, "thinking")) {
            for (size_t k = 0; reasoning && k < sizeof(thoughts) / sizeof(*thoughts); k++)
                add_plain(reasoning, json_object_get(part, thoughts[k]));
            continue;
        }
        for (size_t k = 0; k < 2; k++) {
            const json_t *s = json_object_get(part, keys[k]);
            if (json_is_string(s))
                add_text(text, s);
        }
    }
}

void wire_add_content(const json_t *content, struct buf *text)
{
    wire_add_parts(content, text, NULL);
}

void wire_add_reasoning(const json_t *message, struct buf *reasoning)
{
    /* Some say the same under two names: the first that is there counts. */
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking",
                                        "reasoning_text", "reasoning_details"};
    size_t before = reasoning->len;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names) && reasoning->len == before; i++)
        add_plain(reasoning, json_object_get(message, names[i]));
}
