/* outcome.c - OperationOutcomes, one issue each. */
#include "fhir/outcome.h"

#include <stdarg.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

static const char *issue_type(int status)
{
    static const struct {
        int status;
        const char *code; /* http://hl7.org/fhir/issue-type */
    } types[] = {
        {200, "informational"}, {400, "invalid"},       {404, "not-found"}, {405, "not-supported"},
        {406, "not-supported"}, {409, "conflict"},      {410, "deleted"},   {412, "conflict"},
        {413, "too-long"},      {415, "not-supported"},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (types[i].status == status)
            return types[i].code;
    return "exception";
}

static void outcome_add(struct buf *out, int status, const char *code, const char *diagnostics)
{
    buf_addf(
        out,
        "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"%s\",\"code\":\"%s\","
        "\"diagnostics\":\"",
        status < 300 ? "information" : "error", code);
    /* what a client sent may have been cut in the middle of a character */
    for (const char *p = diagnostics; *p;) {
        uint32_t cp;
        size_t n = utf8_decode(p, strlen(p), &cp);
        if (utf8_valid(p, n))
            buf_add_json(out, p, n, false);
        else
            buf_adds(out, "\xef\xbf\xbd");
        p += n;
    }
    buf_adds(out, "\"}]}");
}

static int reply(struct fhir_response *rs, int status, const char *code, const char *fmt,
                 va_list ap)
{
    struct buf text = BUF_INIT;
    buf_vaddf(&text, fmt, ap);
    rs->status = status;
    buf_reset(&rs->body);
    outcome_add(&rs->body, status, code, text.ptr);
    buf_release(&text);
    return 0;
}

int fhir_outcome_reply(struct fhir_response *rs, int status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = reply(rs, status, issue_type(status), fmt, ap);
    va_end(ap);
    return rc;
}

int fhir_outcome_unsupported(struct fhir_response *rs, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = reply(rs, 400, "not-supported", fmt, ap);
    va_end(ap);
    return rc;
}

int fhir_outcome_of_error(struct fhir_response *rs, int rc)
{
    int status = rc == GRASP_EINVAL || rc == GRASP_EPARSE ? 400
                 : rc == GRASP_ELIMIT                     ? 413
                 : rc == GRASP_ENOTFOUND                  ? 404
                 : rc == GRASP_ECONFLICT                  ? 412
                 : rc == GRASP_EREFUSED                   ? 405
                                                          : 500;
    fhir_outcome_reply(rs, status, "%s", err_msg());
    return status == 500 ? rc : 0;
}
