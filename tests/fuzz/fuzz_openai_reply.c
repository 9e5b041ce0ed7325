/* fuzz_openai_reply.c - replies of model endpoints: status and dialect from the first two bytes,
 * the rest is the body. Whatever comes, there is a judgement, and its texts are valid UTF-8. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/model/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    enum judgement j =
        judge_reply(data[0] & 1 ? &wire_responses : &wire_openai, &reply, data[0] & 2, &r);
    judge_explain(j, &reply, &r, "http://x/v1", why, sizeof(why));
    if (!utf8_valid(r.text.ptr, r.text.len) || r.text.len > WIRE_MAX_TEXT ||
        !utf8_valid(r.why, strlen(r.why)) || !utf8_valid(why, strlen(why)) ||
        r.usage.prompt_tokens < 0 || r.usage.completion_tokens < 0 || r.usage.cached_tokens < 0)
        abort();
    wire_reply_release(&r);
    free(body);
    return 0;
}
