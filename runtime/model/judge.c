/* judge.c - what an endpoint's answer means for the call. */
#include "runtime/model/judge.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define MAX_BASE 160 /* bytes of a base URL in a message */

/* Statuses (RFC 9110, and vendors' own); the first line that fits. */
static const struct {
    int from, to;
    enum judgement fresh, proven; /* before and after the endpoint's first good answer */
    const char *check;
} statuses[] = {
    {300, 399, JUDGE_FATAL, JUDGE_FATAL,
     "it redirects, which is not followed: set the final base URL"},
    {401, 401, JUDGE_FATAL, JUDGE_FATAL, "check the API key"},
    {402, 402, JUDGE_FATAL, JUDGE_FATAL, "check the account's balance"},
    {403, 403, JUDGE_FATAL, JUDGE_REFUSED, "check what the API key is allowed to do"},
    {404, 405, JUDGE_FATAL, JUDGE_RETRY, "check the model's name and the base URL (.../v1)"},
    {408, 409, JUDGE_RETRY, JUDGE_RETRY, ""},
    {410, 410, JUDGE_FATAL, JUDGE_FATAL, "check the model's name: it may be retired"},
    {425, 425, JUDGE_RETRY, JUDGE_RETRY, ""},
    {429, 429, JUDGE_LIMITED, JUDGE_LIMITED, ""},
    {400, 499, JUDGE_FATAL, JUDGE_REFUSED, "check the model's parameters"},
    {501, 501, JUDGE_FATAL, JUDGE_FATAL, "check the kind of API"},
    {503, 503, JUDGE_LIMITED, JUDGE_LIMITED, ""},
    {529, 529, JUDGE_LIMITED, JUDGE_LIMITED, ""},
    {500, 599, JUDGE_RETRY, JUDGE_RETRY, ""},
};
/* Codes that mean more than the status they come with. */
static const struct {
    const char *code;
    enum judgement meaning;
} codes[] = {
    {"insufficient_quota", JUDGE_FATAL},
    {"billing_not_active", JUDGE_FATAL},
    {"billing_hard_limit_reached", JUDGE_FATAL},
    {"invalid_api_key", JUDGE_FATAL},
    {"model_not_found", JUDGE_FATAL},
    {"rate_limit_exceeded", JUDGE_LIMITED},
    {"rate_limit_error", JUDGE_LIMITED},
    {"overloaded_error", JUDGE_LIMITED},
    {"server_error", JUDGE_RETRY},
    {"internal_error", JUDGE_RETRY},
};
/* The filter of the endpoint took the conversation or the answer: the model has said nothing, which
 * is an outcome of the task and not an outage. */
static const char *const filters[] = {"content_filter", "ResponsibleAIPolicyViolation",
                                      "content_policy_violation"};

static const char *check_of(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        if (status >= statuses[i].from && status <= statuses[i].to)
            return statuses[i].check;
    return "";
}

static enum judgement of_status(int status, bool proven)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        if (status >= statuses[i].from && status <= statuses[i].to)
            return proven ? statuses[i].proven : statuses[i].fresh;
    return JUDGE_RETRY;
}

static enum judgement of_error(int status, bool proven, struct wire_reply *out)
{
    bool good = status >= 200 && status < 300;
    for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++)
        if (strcmp(out->code, filters[i]) == 0) {
            buf_reset(&out->text);
            out->kind = WIRE_TEXT;
            return JUDGE_ANSWER;
        }
    if (status != 401 && status != 403 && status != 404 && status != 429 &&
        wire_is_context_limit(out))
        return JUDGE_CONTEXT;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (strcmp(out->code, codes[i].code) == 0)
            return codes[i].meaning;
    int64_t number; /* OpenRouter: status 200, and the true one as a code */
    if (good && str_to_i64(out->code, 300, 599, &number))
        return of_status((int)number, proven);
    return good ? JUDGE_RETRY : of_status(status, proven);
}

enum judgement judge_reply(const struct wire *wire, const struct http_reply *reply, bool proven,
                           struct wire_reply *out)
{
    if (reply->result == HTTP_BAD)
        return proven ? JUDGE_RETRY : JUDGE_FATAL;
    if (reply->result != HTTP_OK)
        return JUDGE_RETRY;
    if (reply->status < 200 || reply->status >= 300) {
        json_t *root = wire_parse(reply->body, reply->body_len, out);
        if (!root || !wire_read_error(root, out))
            out->why[0] = '\0'; /* the status says all */
        json_decref(root);
        return of_error(reply->status, proven, out);
    }
    wire->decode(reply->body, reply->body_len, out);
    if (out->text.failed)
        return JUDGE_RETRY;
    if (out->kind == WIRE_TEXT || out->kind == WIRE_EMPTY)
        return JUDGE_ANSWER;
    if (out->kind == WIRE_ERROR)
        return of_error(reply->status, proven, out);
    bool html = str_starts(out->why, "the reply is HTML");
    return html && !proven ? JUDGE_FATAL : JUDGE_RETRY;
}

void judge_explain(enum judgement j, const struct http_reply *reply, const struct wire_reply *r,
                   const char *base, char *why, size_t size)
{
    why[0] = '\0';
    if (j == JUDGE_ANSWER)
        return;
    if (reply->result != HTTP_OK) {
        snprintf(why, size, "%s: %s%s", base, reply->error,
                 reply->result == HTTP_BAD ? ": check the base URL and its certificate" : "");
    } else {
        bool good = reply->status >= 200 && reply->status < 300;
        const char *check = j != JUDGE_FATAL ? ""
                            : strstr(r->code, "quota") || strstr(r->code, "billing")
                                ? "check the account's quota"
                            : strcmp(r->code, "model_not_found") == 0 ? "check the model's name"
                            : strcmp(r->code, "invalid_api_key") == 0 ? "check the API key"
                            : good ? "check the base URL (does it end in /v1?)"
                                   : check_of(reply->status);
        int n = (int)utf8_cut(r->why, strlen(r->why), 250);
        snprintf(why, size, "%.*s answered %d%s%.*s%s%s%s", MAX_BASE, base, reply->status,
                 n ? " (" : "", n, r->why, n ? ")" : "", *check ? ": " : "", check);
    }
    log_redact(why);
}
