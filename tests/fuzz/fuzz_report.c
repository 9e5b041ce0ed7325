/* fuzz_report.c - a skill's text against the one before it, both of a model: the page's markup is the
 * page's, and every line that differs is there. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/text.h"
#include "runtime/report/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static size_t lines_of(const char *text)
{
    size_t n = 0;
    for (; *text; n++) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return n;
}

/* The length of the tag that stands here; ours are the only ones. */
static size_t tag_of(const char *p)
{
    static const char *const tags[] = {
        "<pre class=\"diff\">", "</pre>", "<ins>", "</ins>", "<del>", "</del>", "<span>", "</span>",
        "<span class=\"gap\">"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
        if (str_starts(p, tags[i]))
            return strlen(tags[i]);
    abort();
}

static void check(const char *html, size_t before, size_t after)
{
    size_t added = 0, removed = 0, alike = 0, left;
    for (const char *p = html; *p;) {
        if (*p == '<') {
            added += str_starts(p, "<ins>");
            removed += str_starts(p, "<del>");
            alike += str_starts(p, "<span>");
            if (str_starts(p, "<span class=\"gap\">") &&
                sscanf(p + strlen("<span class=\"gap\">"), "  &#8230; %zu", &left) == 1)
                alike += left;
            p += tag_of(p);
            continue;
        }
        if (*p == '>' || ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t'))
            abort();
        p++;
    }
    if (alike + removed != before || alike + added != after)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *cut = memchr(bytes, '\0', len);
    size_t first = cut ? (size_t)(cut - bytes) : len;
    char *before = str_ndup((const char *)bytes, first);
    char *after = cut ? str_ndup((const char *)cut + 1, len - first - 1) : str_dup("");
    struct buf b = BUF_INIT;
    if (!before || !after || part_diff(&b, before, after) < 0)
        abort();
    check(b.ptr, lines_of(before), lines_of(after));
    buf_release(&b);
    free(before);
    free(after);
    return 0;
}
