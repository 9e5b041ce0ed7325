/*
 * record.c - one journal entry as bytes.
 *
 *     0  1 version (1)       1  1 flags     2  1 phase     3  1 length of the model's name
 *     4  4 length of the text                8  8 check: XXH3 of the rest, seeded with bytes 0..7
 *    16 32 key (SHA-256 of the request)     48  8 XXH3 of the request
 *    56  8 wall clock of the call, ns
 *    64    as base-128 numbers: request length, draw, prompt, completion and cached tokens, latency
 *          the model's name, the text (zstd when that is smaller)
 *
 * Little-endian. Numbers in front are fixed so that a damaged one cannot move the check.
 */
#include "runtime/journal/journal_private.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"

#define VERSION      1
#define FIXED        64
#define FLAG_ZSTD    1
#define FLAG_CONTEXT 2
/* Below this, zstd's frame costs more than it saves. */
#define COMPRESS_MIN   96
#define COMPRESS_LEVEL 3

void answer_init(struct journal_answer *a)
{
    *a = (struct journal_answer){0};
    buf_init(&a->bytes);
}

void answer_release(struct journal_answer *a)
{
    buf_release(&a->bytes);
}

int answer_set(struct journal_answer *a, const char *model, const char *text, size_t len)
{
    size_t name = strlen(model);
    if (len > JOURNAL_TEXT_MAX)
        return err_set(GRASP_ELIMIT, "an answer of %zu bytes is too long for the journal", len);
    buf_reset(&a->bytes);
    buf_grow(&a->bytes, name + len + 2);
    buf_add(&a->bytes, model, name + 1);
    buf_add(&a->bytes, text, len);
    int rc = buf_check(&a->bytes);
    if (rc < 0)
        return rc;
    a->e.model = a->bytes.ptr;
    a->e.text = a->bytes.ptr + name + 1;
    a->e.len = len;
    return 0;
}

int codec_open(struct codec *c)
{
    c->out = ZSTD_createCCtx();
    c->in = ZSTD_createDCtx();
    c->hash = XXH3_createState();
    if (!c->out || !c->in || !c->hash)
        return err_oom();
    ZSTD_CCtx_setParameter(c->out, ZSTD_c_compressionLevel, COMPRESS_LEVEL);
    /* The record has the length and a check of its own. */
    ZSTD_CCtx_setParameter(c->out, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(c->out, ZSTD_c_checksumFlag, 0);
    return 0;
}

void codec_close(struct codec *c)
{
    ZSTD_freeCCtx(c->out);
    ZSTD_freeDCtx(c->in);
    XXH3_freeState(c->hash);
}

uint64_t codec_request(struct codec *c, const struct model_request *rq, const char *identity,
                       uint64_t *len)
{
    struct {
        double temperature;
        int64_t max_tokens, draw;
    } parameters = {rq->temperature < 0 ? -1 : rq->temperature, rq->max_tokens, rq->draw};
    *len = 0;
    XXH3_64bits_reset_withSeed(c->hash, UINT64_C(0x6772617370)); /* "grasp" */
    XXH3_64bits_update(c->hash, &parameters, sizeof(parameters));
    XXH3_64bits_update(c->hash, identity, strlen(identity) + 1);
    for (size_t i = 0; i < rq->chat->n; i++) {
        const struct message *m = &rq->chat->v[i];
        uint64_t head[2] = {(uint64_t)m->role, m->len};
        XXH3_64bits_update(c->hash, head, sizeof(head));
        XXH3_64bits_update(c->hash, m->text, m->len);
        *len += m->len;
    }
    return XXH3_64bits_digest(c->hash);
}

static void add_u64(struct buf *b, uint64_t v)
{
    v = htole64(v);
    buf_add(b, &v, sizeof(v));
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static void add_number(struct buf *b, int64_t signed_v)
{
    uint64_t v = signed_v < 0 ? 0 : (uint64_t)signed_v;
    for (; v >= 128; v >>= 7)
        buf_addch(b, (char)(v | 128));
    buf_addch(b, (char)v);
}

static bool get_number(const uint8_t **p, const uint8_t *end, int64_t *out)
{
    uint64_t v = 0;
    for (int shift = 0; *p < end && shift < 63; shift += 7) {
        uint8_t c = *(*p)++;
        v |= (uint64_t)(c & 127) << shift;
        if (c < 128) {
            *out = (int64_t)v;
            return true;
        }
    }
    return false;
}

/* The check covers all but itself. */
static uint64_t check_of(const uint8_t *p, size_t len)
{
    return XXH3_64bits_withSeed(p + 16, len - 16, get_u64(p));
}

/* Appends the text, compressed when that pays; true when it was. */
static bool add_text(struct codec *c, const char *text, size_t len, struct buf *out)
{
    size_t bound = ZSTD_compressBound(len);
    if (len >= COMPRESS_MIN && !c->plain && buf_grow(out, bound)) {
        size_t n = ZSTD_compress2(c->out, out->ptr + out->len, bound, text, len);
        if (!ZSTD_isError(n) && n < len) {
            out->len += n;
            out->ptr[out->len] = '\0';
            return true;
        }
    }
    buf_add(out, text, len);
    return false;
}

int record_write(struct codec *c, const struct journal_answer *a, struct buf *out)
{
    const struct journal_entry *e = &a->e;
    size_t name = strlen(e->model), start = out->len;
    name = name > UINT8_MAX ? UINT8_MAX : name;
    uint32_t len = htole32((uint32_t)e->len);
    uint8_t head[4] = {VERSION, e->result == MODEL_CONTEXT_LIMIT ? FLAG_CONTEXT : 0,
                       (uint8_t)e->phase, (uint8_t)name};
    buf_add(out, head, sizeof(head));
    buf_add(out, &len, sizeof(len));
    add_u64(out, 0);
    buf_add(out, e->key, HASH_SIZE);
    add_u64(out, a->request_hash);
    add_u64(out, (uint64_t)e->when);
    add_number(out, (int64_t)e->request_len);
    add_number(out, e->draw);
    add_number(out, e->usage.prompt_tokens);
    add_number(out, e->usage.completion_tokens);
    add_number(out, e->usage.cached_tokens);
    add_number(out, e->latency_ns);
    buf_add(out, e->model, name);
    bool compressed = add_text(c, e->text, e->len, out);
    int rc = buf_check(out);
    if (rc < 0)
        return rc;
    uint8_t *p = (uint8_t *)out->ptr + start;
    p[1] |= compressed ? FLAG_ZSTD : 0;
    uint64_t check = htole64(check_of(p, out->len - start));
    memcpy(p + 8, &check, sizeof(check));
    return 0;
}

bool record_damaged(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    return len < FIXED || p[0] != VERSION || check_of(p, len) != get_u64(p + 8);
}

static int damaged(void)
{
    return err_set(GRASP_EPARSE, "a damaged journal entry");
}

int record_read(struct codec *c, const void *bytes, size_t len, struct journal_answer *a)
{
    const uint8_t *p = bytes, *end = p + len;
    struct journal_entry *e = &a->e;
    int64_t request_len = 0, draw = 0;
    if (record_damaged(p, len))
        return damaged();
    uint8_t flags = p[1];
    size_t name = p[3], text = (size_t)(get_u64(p) >> 32);
    e->phase = p[2] < MODEL_PHASES ? (enum model_phase)p[2] : PHASE_OTHER;
    e->result = flags & FLAG_CONTEXT ? MODEL_CONTEXT_LIMIT : MODEL_OK;
    memcpy(e->key, p + 16, HASH_SIZE);
    a->request_hash = get_u64(p + 48);
    e->when = (int64_t)get_u64(p + 56);
    e->stored = len;
    p += FIXED;
    if (!get_number(&p, end, &request_len) || !get_number(&p, end, &draw) ||
        !get_number(&p, end, &e->usage.prompt_tokens) ||
        !get_number(&p, end, &e->usage.completion_tokens) ||
        !get_number(&p, end, &e->usage.cached_tokens) || !get_number(&p, end, &e->latency_ns) ||
        (size_t)(end - p) < name || text > JOURNAL_TEXT_MAX)
        return damaged();
    e->request_len = (uint64_t)request_len;
    e->draw = draw;
    buf_reset(&a->bytes);
    buf_grow(&a->bytes, name + text + 2);
    buf_add(&a->bytes, p, name);
    buf_addch(&a->bytes, '\0');
    p += name;
    size_t there = (size_t)(end - p);
    if (a->bytes.failed)
        return buf_check(&a->bytes);
    if (flags & FLAG_ZSTD)
        there = ZSTD_decompressDCtx(c->in, a->bytes.ptr + a->bytes.len, text, p, there);
    else if (there == text)
        memcpy(a->bytes.ptr + a->bytes.len, p, text);
    if (there != text) /* an error of zstd is never a length */
        return damaged();
    a->bytes.len += text;
    a->bytes.ptr[a->bytes.len] = '\0';
    e->model = a->bytes.ptr;
    e->text = a->bytes.ptr + name + 1;
    e->len = text;
    return 0;
}
