/* inject.c - rendering of skills, and their ranking for a conversation. */
#include "skills/inject.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/grow.h"
#include "runtime/base/err.h"
#include "runtime/base/text.h"
#include "skills/prompts.h"

/* ---- rendering ---- */

/* A description behind "When to use:", which writers like to begin so themselves. */
static const char *trigger(const char *description)
{
    static const char *const said[] = {"when to use:", "use when ",      "use when:",
                                       "use it when ", "use this when ", "use this skill when "};
    for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++) {
        size_t n = strlen(said[i]);
        const char *rest = description + n;
        if (strncasecmp(description, said[i], n) != 0)
            continue;
        rest += strspn(rest, ": ");
        return *rest ? rest : description;
    }
    return description;
}

/* The data of the template "inject". NULL: no memory. */
static json_t *inject_data(const struct skill_set *set, const size_t *pick, size_t n)
{
    json_t *list = json_array();
    if (!pick)
        n = set->n;
    for (size_t i = 0; list && i < n; i++) {
        const struct skill *s = &set->v[pick ? pick[i] : i];
        size_t len = strlen(s->body);
        while (len && s->body[len - 1] == '\n')
            len--;
        json_t *one = json_pack("{s:s, s:s, s:s%}", "name", s->name, "description",
                                trigger(s->description), "body", s->body, len);
        if (json_array_append_new(list, one) < 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list ? json_pack("{s:o}", "skills", list) : NULL;
}

int inject_render_by(const struct prompts *prompts, const struct skill_set *set, const size_t *pick,
                     size_t n, struct buf *out)
{
    const struct prompt_source *source = prompt_sources;
    if (!(pick ? n : set->n))
        return 0;
    while (strcmp(source->name, "inject") != 0)
        source++;
    json_t *data = inject_data(set, pick, n);
    int rc = data ? 0 : err_oom();
    if (rc == 0)
        rc = prompts
                 ? prompts_render(prompts, "inject", data, out)
                 : prompt_render_text(source->text, strlen(source->text), "inject.md", data, out);
    json_decref(data);
    return rc;
}

void inject_render(const struct skill_set *set, const size_t *pick, size_t n, struct buf *out)
{
    if (inject_render_by(NULL, set, pick, n, out) < 0)
        out->failed = true;
}

/* When a skill got its text, in a number that grows from update to update; 0: it is not said. */
static int64_t changed_at(const struct skill *s)
{
    enum { UPDATES = 1 << 20 }; /* more than an epoch has */
    const char *in_epoch = skill_meta(s, "epoch"), *in_update = skill_meta(s, "update");
    int64_t epoch, update;
    if (!in_epoch || !in_update || !str_to_i64(in_epoch, 0, UPDATES, &epoch) ||
        !str_to_i64(in_update, 0, UPDATES - 1, &update))
        return 0;
    return 1 + epoch * UPDATES + update;
}

void inject_order(const struct skill_set *set, size_t *pick)
{
    for (size_t i = 0; i < set->n; i++) { /* insertion sort: stable, and libraries are small */
        int64_t at = changed_at(&set->v[i]);
        size_t k = i;
        for (; k > 0 && changed_at(&set->v[pick[k - 1]]) > at; k--)
            pick[k] = pick[k - 1];
        pick[k] = i;
    }
}

int inject_chars(const struct prompts *prompts, const struct skill_set *set, size_t *chars)
{
    struct buf block = BUF_INIT;
    int rc = inject_render_by(prompts, set, NULL, set->n, &block);
    *chars = utf8_length(block.ptr, block.len);
    buf_release(&block);
    return rc;
}

/* ---- words ---- */

enum { CONTEXT_CHARS = 12000, TOKEN_MIN = 3 };

static const char *const stop_words[] = {
    "a",   "an",   "and",  "are",  "as",  "be",  "by",   "for",  "from", "has", "have",
    "i",   "if",   "in",   "into", "is",  "it",  "me",   "my",   "of",   "on",  "or",
    "the", "then", "this", "to",   "use", "was", "when", "with", "you",  "your"};

static bool is_stop_word(const char *s, size_t len)
{
    for (size_t i = 0; i < sizeof(stop_words) / sizeof(*stop_words); i++)
        if (strlen(stop_words[i]) == len && memcmp(stop_words[i], s, len) == 0)
            return true;
    return false;
}

static bool is_token_char(char c)
{
    return ascii_isdigit(c) || (c >= 'a' && c <= 'z');
}

/* Of a token: its first and last eight characters have to do, words that differ only between are
 * few and are compared anyway. */
static uint32_t token_hash(const char *s, size_t len)
{
    uint64_t a = 0, b = 0;
    if (len >= 8) {
        memcpy(&a, s, 8);
        memcpy(&b, s + len - 8, 8);
    } else if (len >= 4) {
        uint32_t x, y;
        memcpy(&x, s, 4);
        memcpy(&y, s + len - 4, 4);
        a = x, b = y;
    } else {
        for (size_t i = 0; i < len; i++)
            a = a << 8 | (unsigned char)s[i];
    }
    a = (a ^ len) * UINT64_C(0x9e3779b97f4a7c15) ^ (b * UINT64_C(0xc2b2ae3d27d4eb4f));
    return (uint32_t)(a >> 32) ^ (uint32_t)(a >> 11);
}

/* Written so that compilers use vector instructions. */
static bool is_ascii(const char *s, size_t len)
{
    unsigned char any = 0;
    for (size_t i = 0; i < len; i++)
        any |= (unsigned char)s[i];
    return any < 0x80;
}

/* Appends `s` in lower case (see inject.h). */
static void add_lower(struct buf *b, const char *s, size_t len)
{
    static const struct {
        const char *from, *to;
    } others[] = {{"\xe2\x84\xaa", "k"}, {"\xc4\xb0", "i\xcc\x87"}};
    bool ascii = is_ascii(s, len);
    while (len) {
        size_t run = len, skip = 0;
        const char *put = NULL;
        for (size_t i = 0; !ascii && i < sizeof(others) / sizeof(*others); i++) {
            const char *at = memmem(s, run, others[i].from, strlen(others[i].from));
            if (!at)
                continue;
            run = (size_t)(at - s);
            skip = strlen(others[i].from);
            put = others[i].to;
        }
        if (!buf_grow(b, run))
            return;
        char *to = b->ptr + b->len;
        for (size_t i = 0; i < run; i++) {
            unsigned char c = (unsigned char)s[i];
            to[i] = (char)(c + ((unsigned char)(c - 'A') < 26 ? 32 : 0));
        }
        b->len += run;
        b->ptr[b->len] = '\0';
        if (put)
            buf_adds(b, put);
        s += run + skip;
        len -= run + skip;
    }
}

/* A letter, digit or '_' at or ending at this place. Of other scripts: everything but the blocks of
 * signs and punctuation that occur in texts. */
static bool is_word_cp(uint32_t cp)
{
    if (cp < 0x80)
        return ascii_isalnum((char)cp) || cp == '_';
    if (cp < 0xc0)
        return cp == 0xaa || cp == 0xb2 || cp == 0xb3 || cp == 0xb5 || cp == 0xb9 || cp == 0xba ||
               (cp >= 0xbc && cp <= 0xbe);
    return cp != 0xd7 && cp != 0xf7 && cp != 0xfffd && !(cp >= 0x300 && cp < 0x370) &&
           !(cp >= 0x2000 && cp < 0x2c00) && !(cp >= 0x3000 && cp < 0x3040);
}

static bool word_after(const char *p, const char *end)
{
    uint32_t cp;
    return utf8_decode(p, (size_t)(end - p), &cp) > 0 && is_word_cp(cp);
}

static bool word_before(const char *start, const char *p)
{
    uint32_t cp;
    if (p == start)
        return false;
    const char *s = p - 1;
    while (s > start && p - s < 4 && ((unsigned char)*s & 0xc0) == 0x80)
        s--;
    return utf8_decode(s, (size_t)(p - s), &cp) == (size_t)(p - s) && is_word_cp(cp);
}

/* ---- the ranker ---- */

/* All tokens of all skills are one vocabulary: a conversation is then tokenised once and each of
 * its tokens looked up, and a skill's score is a sum over what it refers to. */
struct word {
    size_t at, len; /* in `text` */
    uint32_t hash;
    uint32_t anchored; /* 1 + first tag that is searched for where this word stands, 0: none */
    uint32_t stamp;    /* last skill that counted it, while building */
};
struct tag {
    size_t at, len; /* in `text` */
    size_t anchor_offset;
    size_t terms, n; /* in `refs` */
    uint32_t next;   /* 1 + next tag with the same anchor */
};
struct entry { /* a skill */
    size_t tags, n_tags;
    size_t tokens, n_tokens; /* in `refs` */
    bool untagged;
};
struct ranker {
    struct buf text;
    struct word *words;
    struct tag *tags;
    struct entry *entries;
    uint32_t *refs;  /* indexes of words */
    uint32_t *table; /* 1 + index of a word; open addressing, a power of two */
    size_t n_words, cap_words, n_tags, cap_tags, n_refs, cap_refs, n, table_size;
};

static uint32_t *slot(const struct ranker *r, const char *s, size_t len, uint32_t hash)
{
    for (size_t i = hash & (r->table_size - 1);; i = (i + 1) & (r->table_size - 1)) {
        uint32_t *at = &r->table[i];
        const struct word *w = *at ? &r->words[*at - 1] : NULL;
        if (!w || (w->hash == hash && w->len == len && memcmp(r->text.ptr + w->at, s, len) == 0))
            return at;
    }
}

static bool grow_table(struct ranker *r)
{
    if (r->n_words * 4 < r->table_size)
        return true;
    size_t size = r->table_size ? r->table_size * 2 : 1024;
    uint32_t *table = calloc(size, sizeof(*table));
    if (!table)
        return false;
    free(r->table);
    r->table = table;
    r->table_size = size;
    for (size_t i = 0; i < r->n_words; i++) {
        const struct word *w = &r->words[i];
        *slot(r, r->text.ptr + w->at, w->len, w->hash) = (uint32_t)i + 1;
    }
    return true;
}

/* The index of a word in the vocabulary, put there when it is new; -1: out of memory. */
static int64_t intern(struct ranker *r, const char *s, size_t len)
{
    uint32_t hash = token_hash(s, len);
    if (!grow_table(r) || grow(&r->words, &r->cap_words, r->n_words + 1) < 0)
        return -1;
    uint32_t *at = slot(r, s, len, hash);
    if (*at)
        return *at - 1;
    r->words[r->n_words] = (struct word){.at = r->text.len, .len = len, .hash = hash};
    buf_add(&r->text, s, len);
    *at = (uint32_t)++r->n_words;
    return r->text.failed ? -1 : (int64_t)r->n_words - 1;
}

/* The next token at or after `p`; NULL when there is none. */
static const char *next_token(const char *p, const char *end, size_t *len)
{
    while (p < end) {
        while (p < end && !is_token_char(*p))
            p++;
        const char *from = p;
        while (p < end && is_token_char(*p))
            p++;
        *len = (size_t)(p - from);
        if (*len >= TOKEN_MIN && !is_stop_word(from, *len))
            return from;
    }
    return NULL;
}

/* Refers to each token of `s` (lower case) that was not counted under this stamp before. */
static bool add_tokens(struct ranker *r, const char *s, size_t len, uint32_t stamp)
{
    const char *end = s + len;
    size_t n;
    for (const char *p = s; (p = next_token(p, end, &n)); p += n) {
        int64_t w = intern(r, p, n);
        if (w < 0 || grow(&r->refs, &r->cap_refs, r->n_refs + 1) < 0)
            return false;
        if (stamp && r->words[w].stamp == stamp)
            continue;
        r->words[w].stamp = stamp;
        r->refs[r->n_refs++] = (uint32_t)w;
    }
    return true;
}

static bool add_tag(struct ranker *r, const char *text, struct buf *scratch)
{
    buf_reset(scratch);
    add_lower(scratch, text, strlen(text));
    size_t len, first = r->n_refs;
    const char *anchor = next_token(scratch->ptr, scratch->ptr + scratch->len, &len);
    if (!anchor)
        return !scratch->failed;
    if (grow(&r->tags, &r->cap_tags, r->n_tags + 1) < 0 ||
        !add_tokens(r, scratch->ptr, scratch->len, 0))
        return false;
    struct word *w = &r->words[r->refs[first]];
    r->tags[r->n_tags++] = (struct tag){.at = r->text.len,
                                        .len = scratch->len,
                                        .anchor_offset = (size_t)(anchor - scratch->ptr),
                                        .terms = first,
                                        .n = r->n_refs - first,
                                        .next = w->anchored};
    w->anchored = (uint32_t)r->n_tags;
    buf_add(&r->text, scratch->ptr, scratch->len);
    return !r->text.failed && !scratch->failed;
}

/* From the "When to Use" heading to the next heading of the second level. */
static const char *when_to_use(const char *body, size_t *len)
{
    const char *from = NULL, *p = body;
    while (*p) {
        const char *eol = strchrnul(p, '\n'), *t = p;
        while (*t == '#')
            t++;
        size_t level = (size_t)(t - p);
        if (from && level == 2)
            break;
        while (*t == ' ' || *t == '\t')
            t++;
        if (!from && level >= 2 && strncasecmp(t, "when to use", 11) == 0)
            from = p;
        p = *eol ? eol + 1 : eol;
    }
    *len = from ? (size_t)(p - from) : 0;
    return from;
}

static bool add_skill(struct ranker *r, const struct skill *s, struct buf *scratch)
{
    struct entry *e = &r->entries[r->n];
    *e = (struct entry){.tags = r->n_tags, .untagged = s->tags.n == 0};
    for (size_t i = 0; i < s->tags.n; i++)
        if (!add_tag(r, s->tags.v[i], scratch))
            return false;
    e->n_tags = r->n_tags - e->tags;
    e->tokens = r->n_refs;
    size_t len;
    const char *section = when_to_use(s->body ? s->body : "", &len);
    buf_reset(scratch);
    add_lower(scratch, s->name, strlen(s->name));
    buf_addch(scratch, ' ');
    add_lower(scratch, s->description, strlen(s->description));
    buf_addch(scratch, ' ');
    add_lower(scratch, section ? section : "", len);
    if (scratch->failed || !add_tokens(r, scratch->ptr, scratch->len, (uint32_t)r->n + 1))
        return false;
    e->n_tokens = r->n_refs - e->tokens;
    r->n++;
    return true;
}

struct ranker *ranker_new(const struct skill_set *set)
{
    struct ranker *r = calloc(1, sizeof(*r));
    struct buf scratch = BUF_INIT;
    bool ok = r != NULL;
    if (ok) {
        buf_init(&r->text);
        r->entries = calloc(set->n + 1, sizeof(*r->entries));
        ok = r->entries && grow_table(r);
    }
    for (size_t i = 0; ok && i < set->n; i++)
        ok = add_skill(r, &set->v[i], &scratch);
    buf_release(&scratch);
    if (!ok) {
        ranker_free(r);
        err_oom();
        return NULL;
    }
    return r;
}

void ranker_free(struct ranker *r)
{
    if (!r)
        return;
    buf_release(&r->text);
    free(r->words);
    free(r->tags);
    free(r->entries);
    free(r->refs);
    free(r->table);
    free(r);
}

/* ---- ranking ---- */

/* The last CONTEXT_CHARS characters of all messages joined by newlines, in lower case (a newline
 * right at its start is left out: it changes nothing). */
static void take_context(const struct chat *chat, struct buf *out)
{
    size_t chars = CONTEXT_CHARS, bytes = 4 * CONTEXT_CHARS, i = chat->n, from = 0;
    while (i > 0 && chars > 0 && bytes > 0) {
        const struct message *m = &chat->v[--i];
        size_t tail = chars < bytes ? chars : bytes;
        tail = m->len < tail ? m->len : tail;
        from = m->len;
        if (is_ascii(m->text + m->len - tail, tail)) { /* then bytes are characters */
            from -= tail;
            chars -= tail;
            bytes -= tail;
        }
        for (; from > 0 && chars > 0 && bytes > 0; bytes--)
            chars -= ((unsigned char)m->text[--from] & 0xc0) != 0x80;
        chars -= chars > 0;
    }
    for (; i < chat->n; i++, from = 0) {
        add_lower(out, chat->v[i].text + from, chat->v[i].len - from);
        buf_addch(out, '\n');
    }
}

static void find_tags(const struct ranker *r, const struct word *w, const struct buf *context,
                      const char *at, bool *whole)
{
    const char *start = context->ptr, *end = start + context->len;
    for (uint32_t t = w->anchored; t; t = r->tags[t - 1].next) {
        const struct tag *tag = &r->tags[t - 1];
        if (whole[t - 1] || (size_t)(at - start) < tag->anchor_offset)
            continue;
        const char *from = at - tag->anchor_offset;
        if ((size_t)(end - from) >= tag->len &&
            memcmp(from, r->text.ptr + tag->at, tag->len) == 0 && !word_before(start, from) &&
            !word_after(from + tag->len, end))
            whole[t - 1] = true;
    }
}

static void scan(const struct ranker *r, const struct buf *context, bool *seen, bool *whole)
{
    const char *p = context->ptr, *end = p + context->len;
    while (p < end) {
        if (!is_token_char(*p)) {
            p++;
            continue;
        }
        const char *from = p;
        while (p < end && is_token_char(*p))
            p++;
        if (p - from < TOKEN_MIN)
            continue;
        uint32_t w = *slot(r, from, (size_t)(p - from), token_hash(from, (size_t)(p - from)));
        if (!w)
            continue;
        seen[w - 1] = true;
        if (r->words[w - 1].anchored)
            find_tags(r, &r->words[w - 1], context, from, whole);
    }
}

static int score(const struct ranker *r, const struct entry *e, const bool *seen, const bool *whole)
{
    int tags = 0, tokens = 0;
    for (size_t i = e->tags; i < e->tags + e->n_tags; i++) {
        const struct tag *t = &r->tags[i];
        size_t found = 0;
        for (size_t k = 0; k < t->n; k++)
            found += seen[r->refs[t->terms + k]];
        tags += whole[i] ? 3 : found == t->n ? 2 : (int)found;
    }
    for (size_t i = e->tokens; i < e->tokens + e->n_tokens; i++)
        tokens += seen[r->refs[i]];
    return 10 * tags + tokens + e->untagged;
}

struct ranked {
    int score;
    size_t index;
};

static int best_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

int ranker_rank(const struct ranker *r, const struct chat *chat, size_t *order, int *scores)
{
    struct buf context = BUF_INIT;
    bool *seen = calloc(r->n_words + r->n_tags + 1, sizeof(*seen));
    struct ranked *list = calloc(r->n + 1, sizeof(*list));
    take_context(chat, &context);
    int rc = seen && list ? buf_check(&context) : err_oom();
    if (rc < 0)
        goto out;
    bool *whole = seen + r->n_words;
    scan(r, &context, seen, whole);
    for (size_t i = 0; i < r->n; i++)
        list[i] = (struct ranked){score(r, &r->entries[i], seen, whole), i};
    qsort(list, r->n, sizeof(*list), best_first);
    for (size_t i = 0; i < r->n; i++) {
        order[i] = list[i].index;
        if (scores)
            scores[i] = list[i].score;
    }
out:
    buf_release(&context);
    free(seen);
    free(list);
    return rc;
}
