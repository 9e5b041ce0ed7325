/* traces.c - episodes as JSON Lines, long texts in a file beside. */
#include "runtime/base/traces.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "runtime/base/err.h"

#define SUFFIX ".zst"
/* What an agent was told is kept in the line up to here: "Please call FINISH" and the like. */
#define SHORT 200
/* Prompts repeat at a distance that every level sees; higher ones cost time and save little. */
#define LEVEL 1
static const char messages_key[] = ",\"messages\":";
static const char left_out[] = "\"left_out\":";

/* ---- writing ---- */

int trace_out_open(struct trace_out *o, const char *path)
{
    struct buf whole = BUF_INIT;
    *o = (struct trace_out){.lines.fd = -1, .whole.fd = -1};
    buf_init(&o->line);
    buf_init(&o->packed);
    buf_addf(&whole, "%s" SUFFIX, path);
    int rc = buf_check(&whole);
    if (rc == 0)
        rc = fs_out_put(&o->lines, path);
    if (rc == 0)
        rc = fs_out_put(&o->whole, whole.ptr);
    ZSTD_CCtx *c = rc == 0 ? ZSTD_createCCtx() : NULL;
    o->zstd = c;
    if (rc == 0 && !c)
        rc = err_oom();
    if (c) {
        ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL);
        ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
        /* far enough for a prompt of a whole library to be seen again a few prompts later */
        ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 21);
    }
    buf_release(&whole);
    return rc < 0 ? trace_out_close(o, rc) : 0;
}

static int pack(struct trace_out *o, const char *text, size_t len, ZSTD_EndDirective how)
{
    ZSTD_inBuffer in = {text, len, 0};
    size_t left;
    int rc;
    do {
        buf_reset(&o->packed);
        if (!buf_grow(&o->packed, ZSTD_CStreamOutSize()))
            return buf_check(&o->packed);
        ZSTD_outBuffer out = {o->packed.ptr, ZSTD_CStreamOutSize(), 0};
        left = ZSTD_compressStream2(o->zstd, &out, &in, how);
        if (ZSTD_isError(left))
            return err_set(GRASP_EIO, "cannot compress traces: %s", ZSTD_getErrorName(left));
        if ((rc = fs_out_add(&o->whole, out.dst, out.pos)) < 0)
            return rc;
    } while (how == ZSTD_e_end ? left > 0 : in.pos < in.size);
    return 0;
}

/* The messages, each whole or with its long text left out. */
static void add_messages(struct buf *b, const struct chat *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct message *m = &c->v[i];
        buf_addf(b, "%s{\"role\":\"%s\",", i ? "," : "", chat_role_name(m->role));
        if (m->role != CHAT_AGENT && m->len > SHORT) {
            buf_addf(b, "%s%zu", left_out, m->len);
        } else {
            buf_adds(b, "\"content\":");
            buf_add_json_string(b, m->text, m->len);
        }
        buf_addch(b, '}');
    }
}

int trace_out_add(struct trace_out *o, const json_t *summary, const struct chat *chat)
{
    struct buf *b = &o->line;
    buf_reset(b);
    buf_add_json_value(b, summary);
    buf_truncate(b, b->len - !!b->len); /* its closing brace */
    buf_adds(b, messages_key);
    size_t head = b->len;
    chat_write_json(chat, b);
    buf_adds(b, "}\n");
    int rc = buf_check(b);
    if (rc == 0)
        rc = pack(o, b->ptr, b->len, ZSTD_e_continue);
    if (rc < 0)
        return rc;
    buf_truncate(b, head);
    buf_addch(b, '[');
    add_messages(b, chat);
    buf_adds(b, "]}\n");
    rc = buf_check(b);
    return rc < 0 ? rc : fs_out_add(&o->lines, b->ptr, b->len);
}

int trace_out_close(struct trace_out *o, int rc)
{
    if (rc >= 0)
        rc = pack(o, "", 0, ZSTD_e_end);
    if (o->whole.path)
        rc = fs_out_close(&o->whole, rc);
    if (o->lines.path)
        rc = fs_out_close(&o->lines, rc);
    ZSTD_freeCCtx(o->zstd);
    buf_release(&o->line);
    buf_release(&o->packed);
    *o = (struct trace_out){.lines.fd = -1, .whole.fd = -1};
    return rc;
}

/* ---- reading ---- */

static bool is_packed(const struct buf *b)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    return b->len >= sizeof(magic) && memcmp(b->ptr, magic, sizeof(magic)) == 0;
}

/* All frames, one after the other: such files may be joined by `cat`. */
static int unpack(const char *path, const struct buf *packed, struct buf *out)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer in = {packed->ptr, packed->len, 0};
    size_t left = 1;
    int rc = d ? 0 : err_oom();
    while (rc == 0 && (in.pos < in.size || left)) {
        if (!buf_grow(out, ZSTD_DStreamOutSize())) {
            rc = buf_check(out);
            break;
        }
        ZSTD_outBuffer o = {out->ptr + out->len, out->cap - out->len - 1, 0};
        size_t before = in.pos;
        left = ZSTD_decompressStream(d, &o, &in);
        out->len += o.pos;
        out->ptr[out->len] = '\0';
        if (ZSTD_isError(left) || (left && in.pos == in.size && in.pos == before && !o.pos))
            rc = err_set(GRASP_EPARSE,
                         "'%s' is damaged (%s): run the same command again to write it anew", path,
                         ZSTD_isError(left) ? ZSTD_getErrorName(left) : "it ends too early");
        else if (out->len > (size_t)FS_READ_MAX)
            rc = err_set(GRASP_ELIMIT, "'%s' unpacked has more than %lld MiB", path,
                         (long long)(FS_READ_MAX >> 20));
    }
    ZSTD_freeDCtx(d);
    return rc;
}

/* Whether a line of FILE and one of FILE.zst are one episode's: equal up to their messages. A text cannot
 * hold the key's quotes bare. */
static bool same_episode(const char *a, size_t an, const char *b, size_t bn)
{
    const char *at = memmem(a, an, messages_key, sizeof(messages_key) - 1);
    size_t n = at ? (size_t)(at - a) + sizeof(messages_key) - 1 : an;
    return !an == !bn && n <= bn && memcmp(a, b, n) == 0;
}

/* FILE's lines `text` against the whole ones, which have to be the same episodes in the same order. */
static int check_pair(const char *path, const struct buf *text, const struct buf *whole)
{
    const char *a = text->ptr, *b = whole->ptr;
    const char *a_end = a + text->len, *b_end = b + whole->len;
    for (size_t line = 1; a < a_end || b < b_end; line++) {
        size_t an = (size_t)(a_end - a), bn = (size_t)(b_end - b);
        const char *eol = memchr(a, '\n', an), *beol = memchr(b, '\n', bn);
        an = eol ? (size_t)(eol - a) : an;
        bn = beol ? (size_t)(beol - b) : bn;
        if (!same_episode(a, an, b, bn))
            return err_set(GRASP_EPARSE,
                           "%s:%zu: texts are left out, and '%s" SUFFIX
                           "' is not of the same rollouts: take both files from the same run",
                           path, line, path);
        a += eol ? an + 1 : an;
        b += beol ? bn + 1 : bn;
    }
    return 0;
}

static int read_beside(const char *path, const struct buf *text, struct buf *out)
{
    struct buf beside = BUF_INIT, packed = BUF_INIT, whole = BUF_INIT;
    buf_addf(&beside, "%s" SUFFIX, path);
    int rc = buf_check(&beside);
    if (rc == 0 && strcmp(path, "-") == 0)
        rc =
            err_set(GRASP_ENOTFOUND, "standard input: long texts are left out of these lines; give "
                                     "the " SUFFIX " file that was written beside theirs");
    else if (rc == 0 && !fs_exists(beside.ptr))
        rc = err_set(
            GRASP_ENOTFOUND,
            "%s: long texts are left out of these lines, and '%s', which has them whole, is "
            "not there: copy it along, or give it instead",
            path, beside.ptr);
    if (rc == 0)
        rc = fs_read(beside.ptr, &packed);
    if (rc == 0)
        rc = unpack(beside.ptr, &packed, &whole);
    if (rc == 0)
        rc = check_pair(path, text, &whole);
    if (rc == 0)
        buf_add(out, whole.ptr, whole.len);
    if (rc == 0)
        rc = buf_check(out);
    buf_release(&beside);
    buf_release(&packed);
    buf_release(&whole);
    return rc;
}

int trace_whole(const char *path, struct buf *out)
{
    struct buf text = BUF_INIT;
    int rc = fs_read(path, &text);
    if (rc < 0) {
        buf_release(&text);
        return rc;
    }
    if (is_packed(&text)) {
        rc = unpack(path, &text, out);
    } else if (memmem(text.ptr, text.len, left_out, sizeof(left_out) - 1)) {
        rc = read_beside(path, &text, out);
    } else {
        buf_add(out, text.ptr, text.len);
        rc = buf_check(out);
    }
    buf_release(&text);
    return rc;
}

int trace_lines(const char *path, json_line_fn fn, void *arg)
{
    struct buf text = BUF_INIT;
    int rc = trace_whole(path, &text);
    const char *p = text.ptr, *end = p + text.len;
    for (size_t number = 1; rc >= 0 && p < end; number++) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((eol ? eol : end) - p);
        rc = json_read_line(path, number, p, len, fn, arg);
        p += len + 1;
    }
    buf_release(&text);
    return rc < 0 ? rc : 0;
}
