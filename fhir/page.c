/* page.c - sorting and paging. */
#include "fhir/page.h"

#include <stdlib.h>
#include <xxhash.h>

#include "fhir/overlay.h"
#include "fhir/pack.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define TOKEN_VERSION 1
#define TOKEN_BYTES   (1 + 8 + 3 * 8 + QUERY_SORTS_MAX * (1 + PAGE_KEY_MAX))

/* A resource's value of a sort parameter; absent ones come last in both directions. */
struct sort_value {
    uint8_t len;
    bool present;
    uint8_t bytes[PAGE_KEY_MAX];
};

struct sort_row {
    uint64_t seq;
    const struct fhir_query *q;
    struct sort_value *values; /* one for each sort key */
};

/* ---- sort keys ---- */

static int compare_values(const struct sort_value *a, const struct sort_value *b)
{
    size_t n = a->len < b->len ? a->len : b->len;
    int c = memcmp(a->bytes, b->bytes, n);
    return c ? c : (int)a->len - (int)b->len;
}

static void set_value(struct sort_value *v, const void *bytes, size_t len)
{
    v->present = true;
    v->len = (uint8_t)(len < PAGE_KEY_MAX ? len : PAGE_KEY_MAX);
    memcpy(v->bytes, bytes, v->len);
}

static void read_value(const struct fhir_sort_key *k, const struct fhir_value_iter *it,
                       struct sort_value *v)
{
    struct buf norm = BUF_INIT;
    switch (k->by.param->kind) {
    case PARAM_STRING:
        fhir_string_normalize(&norm, (const char *)it->bytes, it->len);
        set_value(v, norm.ptr, norm.len);
        break;
    case PARAM_DATE: /* ascending by beginning, descending by end */
        set_value(v, it->bytes + (k->descending ? 8 : 0), 8);
        break;
    case PARAM_QUANTITY:
    case PARAM_NUMBER:
        set_value(v, it->bytes, 8);
        break;
    default:
        set_value(v, it->bytes, strlen((const char *)it->bytes));
    }
    buf_release(&norm);
}

/* Of several values the smallest counts when ascending, the largest when descending. */
static void sort_value_of(const struct fhir_sort_key *k, const struct fhir_record *r,
                          struct sort_value *out)
{
    struct fhir_value_iter it = {.p = r->values, .end = r->values + r->values_len};
    struct sort_value v = {0};
    *out = v;
    if (k->by.param->kind == PARAM_ID) {
        set_value(out, r->id, strlen(r->id));
        return;
    }
    if (PARAM_SLOT(k->by.numbers[0]) == PARAM_SLOT_LAST_UPDATED) { /* of any type */
        uint8_t bytes[8];
        fhir_put_i64(bytes, r->updated_us);
        set_value(out, bytes, sizeof(bytes));
        return;
    }
    while (fhir_values_next_of(&it, k->by.numbers, k->by.n, 0)) {
        read_value(k, &it, &v);
        int c = out->present ? compare_values(&v, out) : 0;
        if (!out->present || (k->descending ? c > 0 : c < 0))
            *out = v;
    }
}

static int compare_rows(const void *pa, const void *pb)
{
    const struct sort_row *a = pa, *b = pb;
    for (size_t i = 0; i < a->q->n_sort; i++) {
        const struct sort_value *x = &a->values[i], *y = &b->values[i];
        if (x->present != y->present)
            return x->present ? -1 : 1;
        int c = compare_values(x, y);
        if (c)
            return a->q->sort[i].descending ? -c : c;
    }
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static int fill_row(struct fhir_view *v, const struct fhir_query *q, uint64_t seq,
                    struct sort_row *row)
{
    struct fhir_record r;
    struct fhir_mark mark = fhir_view_mark(v);
    int rc = fhir_search_fetch(v, seq, &r);
    row->seq = seq;
    row->q = q;
    for (size_t i = 0; rc == 0 && i < q->n_sort; i++)
        sort_value_of(&q->sort[i], &r, &row->values[i]);
    fhir_view_cut(v, mark);
    return rc;
}

/* ---- tokens ---- */

static uint64_t search_hash(const struct fhir_query *q)
{
    struct buf url = BUF_INIT;
    buf_adds(&url, q->path);
    fhir_query_add_url(q, &url, "_page");
    uint64_t h = XXH3_64bits(url.ptr, url.len);
    buf_release(&url);
    return h;
}

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(struct buf *out, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)(i + 1 < len ? p[i + 1] : 0) << 8 |
                     (i + 2 < len ? p[i + 2] : 0);
        for (size_t j = 0; j < 4 && i + j <= len; j++)
            buf_addch(out, digits64[v >> (18 - 6 * j) & 63]);
    }
}

static bool decode64(const char *s, uint8_t *out, size_t room, size_t *len)
{
    uint32_t v = 0;
    int bits = 0;
    *len = 0;
    for (; *s; s++) {
        const char *d = strchr(digits64, *s);
        if (!d)
            return false;
        v = v << 6 | (uint32_t)(d - digits64);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (*len == room)
                return false;
            out[(*len)++] = (uint8_t)(v >> bits);
        }
    }
    return true;
}

int fhir_page_token_write(struct buf *out, struct fhir_view *v, const struct fhir_query *q,
                          uint64_t last, const struct fhir_page_token *token)
{
    uint8_t bytes[TOKEN_BYTES], *p = bytes + 9;
    struct sort_value values[QUERY_SORTS_MAX] = {0};
    struct sort_row row = {.values = values};
    int rc = fill_row(v, q, last, &row);
    if (rc < 0)
        return rc;
    const uint64_t numbers[] = {token->store_seq, token->overlay_seq, last};
    for (size_t i = 0; i < 3; i++, p += 8)
        fhir_put_be64(p, numbers[i]);
    for (size_t i = 0; i < q->n_sort; i++) {
        *p++ = values[i].present ? values[i].len : 0xff;
        memcpy(p, values[i].bytes, values[i].len);
        p += values[i].len;
    }
    bytes[0] = TOKEN_VERSION;
    fhir_put_be64(bytes + 1,
                  XXH3_64bits_withSeed(bytes + 9, (size_t)(p - bytes) - 9, search_hash(q)));
    encode64(out, bytes, (size_t)(p - bytes));
    return buf_check(out);
}

static int bad_token(void)
{
    return err_set(GRASP_EINVAL, "_page is not of a next link of this search: follow the link as "
                                 "it was given");
}

static int read_token(const struct fhir_query *q, struct fhir_page_token *token,
                      struct sort_row *last)
{
    uint8_t bytes[TOKEN_BYTES], sum[8], *p = bytes + 9;
    size_t len;
    if (!decode64(q->page, bytes, sizeof(bytes), &len) || len < 9 + 24 || bytes[0] != TOKEN_VERSION)
        return bad_token();
    fhir_put_be64(sum, XXH3_64bits_withSeed(bytes + 9, len - 9, search_hash(q)));
    if (memcmp(sum, bytes + 1, 8) != 0)
        return bad_token();
    *token = (struct fhir_page_token){true, fhir_get_be64(p), fhir_get_be64(p + 8),
                                      fhir_get_be64(p + 16)};
    p += 24;
    for (size_t i = 0; i < q->n_sort; i++) {
        struct sort_value *v = &last->values[i];
        *v = (struct sort_value){0};
        if (p == bytes + len)
            return bad_token();
        v->present = *p != 0xff;
        v->len = v->present ? *p : 0;
        p++;
        if (v->len > PAGE_KEY_MAX || v->len > bytes + len - p)
            return bad_token();
        memcpy(v->bytes, p, v->len);
        p += v->len;
    }
    last->seq = token->last_seq;
    last->q = q;
    return 0;
}

/* ---- order ---- */

static int sort_matches(struct fhir_view *v, const struct fhir_query *q, struct fhir_matches *all,
                        const struct sort_row *last, size_t *first)
{
    struct sort_row *rows = calloc(all->n + 1, sizeof(*rows));
    struct sort_value *values = malloc((all->n * q->n_sort + 1) * sizeof(*values));
    int rc = rows && values ? 0 : err_oom();
    for (size_t i = 0; rc == 0 && i < all->n; i++) {
        rows[i].values = values + i * q->n_sort;
        rc = fill_row(v, q, all->v[i], &rows[i]);
    }
    if (rc == 0) {
        qsort(rows, all->n, sizeof(*rows), compare_rows);
        *first = 0;
        for (size_t i = 0; i < all->n; i++) {
            all->v[i] = rows[i].seq;
            if (last && compare_rows(&rows[i], last) <= 0)
                *first = i + 1;
        }
    }
    free(values);
    free(rows);
    return rc;
}

static void drop_newer(struct fhir_matches *all, const struct fhir_page_token *t)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        if (all->v[i] < t->store_seq || (all->v[i] >= OVERLAY_SEQ && all->v[i] < t->overlay_seq))
            all->v[n++] = all->v[i];
    all->n = n;
}

int fhir_page_start(struct fhir_view *v, struct fhir_query *q, struct fhir_matches *all,
                    struct fhir_page_token *token, size_t *first)
{
    struct sort_value values[QUERY_SORTS_MAX];
    struct sort_row last = {.values = values};
    int rc;
    *token = (struct fhir_page_token){
        .store_seq = v->next_seq, .overlay_seq = OVERLAY_SEQ + (v->overlay ? v->overlay->n : 0)};
    *first = 0;
    if (q->page) {
        if ((rc = read_token(q, token, &last)) < 0)
            return rc;
        drop_newer(all, token);
    }
    if (q->n_sort && !q->count_only)
        return sort_matches(v, q, all, q->page ? &last : NULL, first);
    if (q->page)
        while (*first < all->n && all->v[*first] <= token->last_seq)
            ++*first;
    return 0;
}
