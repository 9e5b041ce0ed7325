/* fuzz_journal.c - what a journal keeps on disk. The first byte says how the rest is taken: as one
 * record as it stands or with its check made right, as a tail as it stands, or as records that are
 * framed into a tail, of which then one byte is changed. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/journal/journal_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record that reads is written as one that reads the same. */
static void one_record(struct codec *codec, uint8_t *p, size_t len, bool fix)
{
    struct journal_answer a, b;
    struct buf again = BUF_INIT;
    uint64_t seed;
    if (fix && len >= 64) {
        memcpy(&seed, p, sizeof(seed));
        uint64_t check = htole64(XXH3_64bits_withSeed(p + 16, len - 16, le64toh(seed)));
        memcpy(p + 8, &check, sizeof(check));
    }
    answer_init(&a);
    answer_init(&b);
    bool small =
        len < 8 || (p[6] | p[7]) == 0; /* a text of up to 64 KiB, or memory is all we test */
    if (small && record_read(codec, p, len, &a) == 0) {
        if (a.e.text[a.e.len] != '\0' || a.e.request_len > INT64_MAX || a.e.draw < 0)
            a.e.draw = 0; /* numbers past an int are cut; writing them again differs */
        if (record_write(codec, &a, &again) < 0 ||
            record_read(codec, again.ptr, again.len, &b) < 0 || b.e.len != a.e.len ||
            memcmp(a.e.text, b.e.text, a.e.len) != 0 ||
            memcmp(a.e.key, b.e.key, sizeof(a.e.key)) != 0 || a.request_hash != b.request_hash ||
            a.e.when != b.e.when)
            abort();
    }
    answer_release(&a);
    answer_release(&b);
    buf_release(&again);
}

static void a_tail(struct journal *j, const void *bytes, size_t len)
{
    struct journal_answer a;
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("tail", 0);
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, bytes, len, 0) != (ssize_t)len)
        abort();
    tail_init(&j->tail);
    j->tail.fd = fd;
    answer_init(&a);
    if (tail_refresh(j) == 0)
        for (size_t i = 0; i < tail_count(j); i++) {
            size_t n;
            const char *record = tail_record(j, i, &n);
            if (record_read(&j->codec, record, n, &a) < 0 || tail_get(j, a.e.key, &a) < 0)
                abort();
        }
    answer_release(&a);
    j->tail.fd = -1; /* stays open */
    tail_release(&j->tail);
}

/* Each byte of the input is the length of an answer; the last two say where a byte is changed. */
static void a_changed_tail(struct journal *j, const uint8_t *data, size_t size)
{
    struct journal_answer a;
    struct buf file = BUF_INIT, frames = BUF_INIT, record = BUF_INIT;
    uint64_t generation = htole64(7);
    size_t n = size > 34 ? 32 : size - 2;
    buf_adds(&file, "grasptl1");
    buf_add(&file, &generation, 8);
    tail_init(&j->tail);
    j->tail.generation = 7;
    answer_init(&a);
    for (size_t i = 0; i < n; i++) {
        char text[256];
        memset(text, (int)(data[i] ^ i), sizeof(text));
        memset(a.e.key, (int)i + 1, sizeof(a.e.key));
        buf_reset(&record);
        if (answer_set(&a, "m", text, data[i]) < 0 || record_write(&j->codec, &a, &record) < 0)
            abort();
        tail_frame(j, &frames, &record);
    }
    buf_add(&file, frames.ptr, frames.len);
    tail_release(&j->tail);
    size_t at = ((size_t)data[size - 2] << 8 | data[size - 1]) % file.len;
    a_tail(j, file.ptr, file.len);
    int64_t before = j->damaged;
    file.ptr[at] ^= (char)(1 + data[0] % 255);
    a_tail(j, file.ptr, file.len);
    if (at >= 16 && n && j->damaged == before)
        abort(); /* a change that nobody noticed */
    answer_release(&a);
    buf_release(&file);
    buf_release(&frames);
    buf_release(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct journal *j;
    if (!j) {
        j = calloc(1, sizeof(*j));
        if (!j || !(j->dir = strdup("fuzz")) || codec_open(&j->codec) < 0)
            abort();
        j->flags = JOURNAL_READ_ONLY;
    }
    if (size < 4)
        return 0;
    size_t len = size - 1;
    uint8_t *copy = malloc(len); /* exactly as long, so that reading past it is seen */
    memcpy(copy, data + 1, len);
    if (data[0] % 4 < 2)
        one_record(&j->codec, copy, len, data[0] % 4);
    else if (data[0] % 4 == 2)
        a_tail(j, copy, len);
    else
        a_changed_tail(j, copy, len);
    free(copy);
    return 0;
}
