/* first_message.c - the first user message: what all tasks share comes first, byte for byte, so
 * that a model server's prefix cache serves most of it. */
#include "runtime/engine/first_message.h"

#include "runtime/base/err.h"
#include "runtime/base/json.h"

static void add_member(struct buf *b, const char *key, const json_t *v)
{
    if (!v)
        return;
    buf_addf(b, ",\"%s\":", key);
    buf_add_json_value(b, v);
}

static void add_skills(struct buf *b, const struct buf *block)
{
    buf_adds(b, ",\"behavioral_skills\":\"");
    if (block)
        buf_add_json(b, block->ptr, block->len, false);
    buf_adds(b, "\"");
}

static void add_task(struct buf *b, const json_t *parts)
{
    buf_adds(b, ",\"task\":{\"description\":");
    buf_add_json_value(b, json_object_get(parts, "description"));
    add_member(b, "context", json_object_get(parts, "context"));
    buf_adds(b, "}");
}

static void add_shared(struct buf *b, const json_t *parts)
{
    add_member(b, "api", json_object_get(parts, "api"));
    add_member(b, "response_format", json_object_get(parts, "response_format"));
}

static const char phase[] = "{\"phase\":\"task_execution\"";

int first_message_of(const struct buf *block, const json_t *parts, enum prompt_order order,
                     struct buf *out)
{
    buf_adds(out, phase);
    if (order == PROMPT_PAPER)
        add_task(out, parts);
    else
        add_shared(out, parts);
    add_skills(out, block);
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
    if (order == PROMPT_PAPER)
        return first_message_of(block, parts, order, out);
    if (skills && skills->prefix_of == api) {
        buf_add(out, skills->prefix.ptr, skills->prefix.len);
        add_task(out, parts);
    } else {
        buf_adds(out, phase);
        add_shared(out, parts);
        add_skills(out, block);
        if (skills && api && buf_check(out) == 0) {
            buf_reset(&skills->prefix);
            buf_add(&skills->prefix, out->ptr, out->len);
            skills->prefix_of = skills->prefix.failed ? NULL : api;
        }
        add_task(out, parts);
    }
    buf_adds(out, "}");
    return buf_check(out);
}
