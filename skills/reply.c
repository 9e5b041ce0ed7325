/* reply.c - the JSON in a model's reply, whatever stands around it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buf.h"
#include "runtime/base/text.h"
#include "skills/reply.h"

enum {
    REPLY_DEPTH = 64,
    REPLY_WORK = 4 * REPLY_MAX /* bytes looked at, all attempts together */
};

/* The end of the balanced value that begins at `p` (a bracket), NULL when there is none. Brackets
 * in strings do not count. `*work` falls by what was looked at. */
static const char *balance(const char *p, const char *end, size_t *work)
{
    char closing[REPLY_DEPTH];
    size_t depth = 0;
    bool string = false;
    for (; p<end && * work> 0; p++, (*work)--) {
        if (string) {
            if (*p == '\\' && p + 1 < end)
                p++;
            else if (*p == '"')
                string = false;
        } else if (*p == '"') {
            string = true;
        } else if (*p == '[' || *p == '{') {
            if (depth == REPLY_DEPTH)
                return NULL;
            closing[depth++] = *p == '[' ? ']' : '}';
        } else if (*p == ']' || *p == '}') {
            if (*p != closing[--depth])
                return NULL;
            if (depth == 0)
                return p + 1;
        }
    }
    return NULL;
}

/* The slips that models make in JSON, put right: raw control characters in strings, a backslash
 * before a character that needs none, a comma after the last item. */
static void mend(const char *p, const char *end, struct buf *out)
{
    bool string = false;
    for (; p < end; p++) {
        unsigned char c = (unsigned char)*p;
        if (!string && c == ',') {
            const char *q = p + 1;
            while (q < end && ascii_isspace(*q))
                q++;
            if (q < end && (*q == ']' || *q == '}'))
                continue;
        } else if (c == '"') {
            string = !string;
        } else if (string && c < 0x20) {
            buf_addf(out, "\\u%04x", c);
            continue;
        } else if (string && c == '\\') {
            bool good = p + 1 < end && p[1] && strchr("\"\\/bfnrtu", p[1]);
            buf_adds(out, good ? "\\" : "\\\\");
            if (good)
                buf_addch(out, *++p);
            continue;
        }
        buf_addch(out, (char)c);
    }
}

static json_t *load(const char *p, const char *end, size_t *work)
{
    size_t len = (size_t)(end - p);
    if (*work < 2 * len)
        return NULL;
    *work -= 2 * len;
    json_t *v = json_loadb(p, len, JSON_ALLOW_NUL, NULL);
    if (v)
        return v;
    struct buf mended = BUF_INIT;
    mend(p, end, &mended);
    if (!mended.failed)
        v = json_loadb(mended.ptr, mended.len, JSON_ALLOW_NUL, NULL);
    buf_release(&mended);
    return v;
}

json_t *reply_json(const char *text, size_t len, char open)
{
    static const char thought[] = "</think>";
    const char *end = text + len, *p = text, *after;
    size_t work = REPLY_WORK;
    if (len > REPLY_MAX)
        return NULL;
    /* What a reasoning model thought aloud is not its reply. */
    while ((after = memmem(p, (size_t)(end - p), thought, sizeof(thought) - 1)))
        p = after + sizeof(thought) - 1;
    while ((p = memchr(p, open, (size_t)(end - p))) && work > 0) {
        const char *close = balance(p, end, &work);
        json_t *v = close ? load(p, close, &work) : NULL;
        if (v)
            return v;
        p++;
    }
    return NULL;
}
