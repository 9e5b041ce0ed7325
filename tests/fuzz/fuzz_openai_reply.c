/* fuzz_openai_reply.c - replies of model endpoints: status and dialect from the first two bytes,
 * the rest is the body, JSON or a stream. Whatever comes, there is a judgement, its texts are valid
 * UTF-8, and what was thought comes apart from what was said. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/duration.h"
#include "runtime/base/text.h"
#include "runtime/model/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written with marks comes apart again, and what is said is the end of what came. */
static void check_said(const struct wire_reply *r)
{
    struct buf marked = BUF_INIT;
    struct said s;
    double seconds;
    said_split(r->text.ptr, r->text.len, false, &s);
    if (s.text < r->text.ptr || s.text + s.len > r->text.ptr + r->text.len ||
        s.thinking_len > r->text.len)
        abort();
    said_write(&marked, r->said, r->finish, &r->reasoning, r->text.ptr, r->text.len);
    said_split(marked.ptr, marked.len, true, &s);
    if (r->said != SAID_TEXT && s.kind != r->said)
        abort();
    if (duration_read(r->why, strlen(r->why), &seconds) && seconds < 0)
        abort();
    buf_release(&marked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 201, 204, 301, 400, 401, 403, 404, 413,
                                   422, 429, 500, 502, 503, 529, 599, 0};
    if (size < 2)
        return 0;
    char *body = malloc(size - 1); /* exactly as long, so that reading past it is seen */
    char why[512];
    struct wire_reply r;
    memcpy(body, data + 2, size - 2);
    struct http_reply reply = {
        .result = data[0] & 0x40 ? HTTP_CUT : HTTP_OK,
        .status = statuses[data[1] % (sizeof(statuses) / sizeof(*statuses))],
        .body = body,
        .body_len = size - 2,
        .content_type = "",
        .error = "cut",
    };
    wire_reply_init(&r);
    const struct wire *wire = data[0] & 1   ? &wire_responses
                              : data[0] & 4 ? &wire_anthropic
                                            : &wire_openai;
    enum judgement j = judge_reply(wire, &reply, data[0] & 2, &r);
    judge_explain(j, &reply, &r, "http://x/v1", why, sizeof(why));
    if (!utf8_valid(r.text.ptr, r.text.len) || r.text.len > WIRE_MAX_TEXT ||
        !utf8_valid(r.why, strlen(r.why)) || !utf8_valid(why, strlen(why)) ||
        r.usage.prompt_tokens < 0 || r.usage.completion_tokens < 0 || r.usage.cached_tokens < 0)
        abort();
    check_said(&r);
    wire_reply_release(&r);
    free(body);
    return 0;
}
