/* fuzz_fhir_load.c - any bytes through the splitter: no crash, and the same outcome whatever the
 * chunks they come in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fhir/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int note_item(const struct fhir_item *it, void *arg)
{
    if (strnlen(it->text, it->len + 1) > it->len || it->text[0] != '{' ||
        it->text[it->len - 1] != '}')
        abort();
    buf_addf(arg, "%zu %d %.*s ", it->line, it->in_bundle, (int)it->full_url_len,
             it->full_url ? it->full_url : "");
    buf_add(arg, it->text, it->len);
    return 0;
}

static int note_bad(size_t line, const char *why, void *arg)
{
    buf_addf(arg, "%zu! %s\n", line, why);
    return 0;
}

static int note_bundle(const char *text, size_t len, void *arg)
{
    buf_add(arg, text, len);
    return 0;
}

static void split(const char *in, size_t len, size_t chunk, size_t limit, bool lines,
                  struct buf *out)
{
    struct fhir_split s;
    fhir_split_init(&s, &(struct fhir_sink){note_item, note_bad, note_bundle, out});
    s.limit = limit;
    s.lines = lines;
    for (size_t i = 0; i < len; i += chunk)
        if (fhir_split_feed(&s, in + i, len - i < chunk ? len - i : chunk) < 0)
            abort();
    if (fhir_split_end(&s) < 0)
        abort();
    fhir_split_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct buf a = BUF_INIT, b = BUF_INIT;
    size_t chunk = 1 + data[0] % 16, limit = data[1] & 1 ? 48 : 1 << 20;
    const char *in = (const char *)data + 2;
    split(in, size - 2, size, limit, data[1] & 2, &a);
    split(in, size - 2, chunk, limit, data[1] & 2, &b);
    if (a.len != b.len || memcmp(a.ptr, b.ptr, a.len) != 0)
        abort();
    buf_release(&a);
    buf_release(&b);
    return 0;
}
