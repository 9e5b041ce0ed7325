/* first_message.c - the first user message: what all tasks share comes first, byte for byte, so
 * that a model server's prefix cache serves most of it. */
#include "runtime/engine/first_message.h"

#include "runtime/base/err.h"
#include "runtime/base/json.h"

/* The name of a field, ours or what the world calls it. */
static void add_name(struct buf *b, const json_t *parts, const char *field)
{
    const char *name = json_string_value(json_object_get(json_object_get(parts, "fields"), field));
    buf_addf(b, "\"%s\":", name ? name : field);
}

static void add_member(struct buf *b, const json_t *parts, const char *key)
{
    const json_t *v = json_object_get(parts, key);
    if (!v)
        return;
    buf_addch(b, ',');
    add_name(b, parts, key);
    buf_add_json_value(b, v);
}

static void add_phase(struct buf *b, const json_t *parts)
{
    buf_addch(b, '{');
    add_name(b, parts, "phase");
    buf_adds(b, "\"task_execution\"");
}

static void add_skills(struct buf *b, const json_t *parts, const struct buf *block)
{
    buf_addch(b, ',');
    add_name(b, parts, "behavioral_skills");
    buf_addch(b, '"');
    if (block)
        buf_add_json(b, block->ptr, block->len, false);
    buf_addch(b, '"');
}

static void add_task(struct buf *b, const json_t *parts)
{
    buf_addch(b, ',');
    add_name(b, parts, "task");
    buf_addch(b, '{');
    add_name(b, parts, "description");
    buf_add_json_value(b, json_object_get(parts, "description"));
    add_member(b, parts, "context");
    buf_adds(b, "}");
}

static void add_shared(struct buf *b, const json_t *parts)
{
    add_member(b, parts, "api");
    add_member(b, parts, "response_format");
}

/* A user's own message: text around the skills. */
static int add_text(const json_t *parts, const struct buf *block, struct buf *out)
{
    const json_t *before = json_object_get(parts, "before_skills");
    const json_t *after = json_object_get(parts, "after_skills");
    buf_add(out, json_string_value(before), json_string_length(before));
    if (block)
        buf_add(out, block->ptr, block->len);
    buf_add(out, json_string_value(after), json_string_length(after));
    return buf_check(out);
}

int first_message_of(const struct buf *block, const json_t *parts, enum prompt_order order,
                     struct buf *out)
{
    if (json_object_get(parts, "before_skills"))
        return add_text(parts, block, out);
    add_phase(out, parts);
    if (order == PROMPT_PAPER)
        add_task(out, parts);
    else
        add_shared(out, parts);
    add_skills(out, parts, block);
    if (order == PROMPT_PAPER)
        add_shared(out, parts);
    else
        add_task(out, parts);
    buf_adds(out, "}");
    return buf_check(out);
}

int first_message(struct skills_view *skills, bool with_skills, const json_t *parts,
                  enum prompt_order order, struct buf *out)
{
    const void *api = json_object_get(parts, "api");
    const struct buf *block = with_skills && skills ? &skills->block : NULL;
    if (order == PROMPT_PAPER || json_object_get(parts, "before_skills"))
        return first_message_of(block, parts, order, out);
    if (skills && skills->prefix && skills->prefix_of == api) {
        size_t len;
        const char *prefix = chat_head_text(skills->prefix, &len);
        buf_add(out, prefix, len);
        add_task(out, parts);
    } else {
        add_phase(out, parts);
        add_shared(out, parts);
        add_skills(out, parts, block);
        if (skills && api && buf_check(out) == 0) {
            chat_head_unref(skills->prefix);
            skills->prefix = chat_head_new(out->ptr, out->len);
            skills->prefix_of = api;
        }
        add_task(out, parts);
    }
    buf_adds(out, "}");
    return buf_check(out);
}
