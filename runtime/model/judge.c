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
    {401, 401, JUDGE_DOUBT, JUDGE_DOUBT, "check the API key"},
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
/* Codes that mean more than the status they come with. AWS puts a name space in front of its own. */
static const struct {
    const char *code;
    enum judgement meaning;
} codes[] = {
    {"insufficient_quota", JUDGE_FATAL},
    {"billing_not_active", JUDGE_FATAL},
    {"billing_hard_limit_reached", JUDGE_FATAL},
    {"invalid_api_key", JUDGE_FATAL},
    {"model_not_found", JUDGE_FATAL},
    {WIRE_NOT_CHAT, JUDGE_FATAL},
    {"rate_limit_exceeded", JUDGE_LIMITED},
    {"rate_limit_error", JUDGE_LIMITED},
    {"rate_limited", JUDGE_LIMITED},
    {"REQUEST_LIMIT_EXCEEDED", JUDGE_LIMITED},
    {"RESOURCE_EXHAUSTED", JUDGE_LIMITED},
    {"overloaded_error", JUDGE_LIMITED},
    {"ThrottlingException", JUDGE_LIMITED},
    {"TooManyRequestsException", JUDGE_LIMITED},
    {"ServiceUnavailableException", JUDGE_LIMITED},
    {"ModelNotReadyException", JUDGE_LIMITED},
    {"ExpiredTokenException", JUDGE_DOUBT},
    {"UnrecognizedClientException", JUDGE_DOUBT},
    {"ModelTimeoutException", JUDGE_RETRY},
    {"ModelStreamErrorException", JUDGE_RETRY},
    {"InternalServerException", JUDGE_RETRY},
    {"server_error", JUDGE_RETRY},
    {"internal_error", JUDGE_RETRY},
};
/* The filter of the endpoint took the conversation or the answer: the model has said nothing, which
 * is an outcome of the task and not an outage. */
static const char *const filters[] = {"content_filter", "ResponsibleAIPolicyViolation",
                                      "content_policy_violation", "content_policy",
                                      "data_inspection_failed"};
/* The same in other words. An endpoint that has not answered yet may mean what we are, not what was
 * asked: then its status counts. */
static const char *const policies[] = {"usage policy",        "content management policy",
                                       "requires moderation", "flagged as potentially",
                                       "safety system",       "content policy",
                                       "policy violation",    "inappropriate content"};
/* A chat template that does not take the conversation, and never will: llama.cpp says 500 to that. */
static const char *const templates[] = {"jinja", "chat template", "raise_exception",
                                        "roles must alternate"};
/* Throttling without a code. */
static const char *const throttles[] = {"throttl", "too many requests", "rate exceeded"};

static bool says(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_casestr(text, words[i]))
            return true;
    return false;
}
#define SAYS(text, words) says(text, words, sizeof(words) / sizeof(*(words)))

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

static bool is_refusal(int status, bool proven, const struct wire_reply *r)
{
    for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++)
        if (strcmp(r->code, filters[i]) == 0)
            return true;
    if (status >= 500 || status == 401 || status == 429)
        return false;
    return r->flagged ||
           (proven && (strcmp(r->code, "invalid_prompt") == 0 || SAYS(r->why, policies)));
}

/* "Request too large ... Limit 6000, Requested 8000": it never fits, however long one waits. */
static bool is_too_large(const struct wire_reply *r)
{
    return str_casestr(r->why, "request too large") && str_casestr(r->why, "requested");
}

static enum judgement of_error(int status, bool proven, struct wire_reply *out)
{
    bool good = status >= 200 && status < 300;
    const char *code = strrchr(out->code, '#') ? strrchr(out->code, '#') + 1 : out->code;
    if (is_refusal(status, proven, out)) {
        buf_reset(&out->text);
        buf_reset(&out->reasoning);
        out->kind = WIRE_TEXT;
        out->said = SAID_REFUSED;
        snprintf(out->finish, sizeof(out->finish), "%.31s",
                 *out->code && !ascii_isdigit(*out->code) ? out->code : "flagged");
        return JUDGE_ANSWER;
    }
    if (is_too_large(out) || (status != 401 && status != 403 && status != 404 && status != 429 &&
                              wire_is_context_limit(out)))
        return JUDGE_CONTEXT;
    if (status == 500 && SAYS(out->why, templates))
        return of_status(400, proven);
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (strcmp(code, codes[i].code) == 0)
            return codes[i].meaning;
    if (status != 401 && status != 404 && SAYS(out->why, throttles))
        return JUDGE_LIMITED;
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
    return html && !proven ? JUDGE_DOUBT : JUDGE_RETRY; /* a page of maintenance, or no API */
}

/* What to do about it. */
static const char *advice(int status, const struct wire_reply *r)
{
    int64_t number;
    bool good = status >= 200 && status < 300;
    if (strstr(r->code, "quota") || strstr(r->code, "billing"))
        return "check the account's quota";
    if (strcmp(r->code, "model_not_found") == 0)
        return "check the model's name";
    if (strcmp(r->code, "invalid_api_key") == 0)
        return "check the API key";
    if (strcmp(r->code, WIRE_NOT_CHAT) == 0)
        return "check the base URL, or the server's settings: chat completions are needed";
    if (status == 500 && SAYS(r->why, templates))
        return "the server's chat template does not take this conversation: set it another one";
    if (good && str_to_i64(r->code, 300, 599, &number))
        return check_of((int)number);
    if (good)
        return "check the base URL (does it end in /v1?)";
    if (status >= 400 && status < 500 &&
        (str_casestr(r->why, "temperature") || strcmp(r->param, "temperature") == 0))
        return "check the model's parameters: with 'model.temperature: null' none is sent";
    return check_of(status);
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
        const char *check = j == JUDGE_FATAL || j == JUDGE_DOUBT ? advice(reply->status, r) : "";
        int n = (int)utf8_cut(r->why, strlen(r->why), 250);
        snprintf(why, size, "%.*s answered %d%s%.*s%s%s%s", MAX_BASE, base, reply->status,
                 n ? " (" : "", n, r->why, n ? ")" : "", *check ? ": " : "", check);
    }
    log_redact(why);
}
