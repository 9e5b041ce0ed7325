/* figures.c - numbers as people write them. */
#include "runtime/base/figures.h"

#include <stdio.h>

#include "runtime/base/clock.h"

void text_add_count(struct buf *out, int64_t n)
{
    char digits[24];
    uint64_t most = n < 0 ? (uint64_t)0 - (uint64_t)n : (uint64_t)n;
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)most);
    if (n < 0)
        buf_addch(out, '-');
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            buf_addch(out, ',');
        buf_addch(out, digits[i]);
    }
}

struct figure figure(int64_t n)
{
    struct figure f = {""};
    struct buf b = BUF_INIT;
    text_add_count(&b, n);
    snprintf(f.text, sizeof(f.text), "%s", b.ptr ? b.ptr : "");
    buf_release(&b);
    return f;
}

void text_add_duration(struct buf *out, int64_t ns)
{
    long long s = (long long)((ns + NS_PER_SEC / 2) / NS_PER_SEC);
    if (s < 100)
        buf_addf(out, "%lld s", s);
    else if (s < 100 * 60)
        buf_addf(out, "%lld min", (s + 30) / 60);
    else if (s < 48 * 3600)
        buf_addf(out, "%lld h %02lld min", (s + 30) / 3600, (s + 30) / 60 % 60);
    else
        buf_addf(out, "%lld d %lld h", s / 86400, s / 3600 % 24);
}
