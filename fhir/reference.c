/* reference.c - references in one form: "id 0 type 0" for ours, a whole URL for others'. */
#include "fhir/index.h"

#include "runtime/base/text.h"

bool id_valid(const char *id, size_t len)
{
    if (len == 0 || len > 64)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!ascii_isalnum(id[i]) && id[i] != '-' && id[i] != '.')
            return false;
    return true;
}

bool reference_pack(struct buf *out, const char *s, size_t len, const char *base_url)
{
    size_t base_len = strlen(base_url);
    if (len > base_len && memcmp(s, base_url, base_len) == 0) {
        s += base_len;
        len -= base_len;
    }
    if (len == 0 || *s == '#')
        return false;
    const char *history = memmem(s, len, "/_history/", 10);
    if (history)
        len = (size_t)(history - s);
    const char *slash = memchr(s, '/', len);
    if (slash && resource_type_find(s, (size_t)(slash - s)) &&
        id_valid(slash + 1, len - (size_t)(slash + 1 - s))) {
        index_add_part(out, slash + 1, len - (size_t)(slash + 1 - s));
        buf_addch(out, '\0');
        buf_add(out, s, (size_t)(slash - s));
    } else {
        index_add_part(out, s, len);
        buf_addch(out, '\0');
    }
    buf_addch(out, '\0');
    return true;
}
