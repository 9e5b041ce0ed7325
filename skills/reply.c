/* reply.c - the JSON in a model's reply: finding it, and choosing among what was found. */
#include "skills/reply.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/text.h"
#include "skills/reply_scan.h"

/* A reply on its way: values that were found, the best so far, and what went wrong. */
struct reading {
    const char *text, *end;
    const char *last; /* bracket that opens, NULL: there is none */
    const struct reply_shape *shape;
    size_t work;
    struct found {
        json_t *v;
        int rank;
        bool fenced, bare; /* bare: an object that may be one of several side by side */
        size_t size;       /* bytes of it in the reply */
        const char *end;   /* where the next one would go on */
    } best, run;           /* run: the values of the shape that stand side by side, so far */
    bool empty;            /* an empty list stands there */
    size_t failed;         /* bytes of the largest value that was meant and could not be read;
                              SIZE_MAX: the reply ends in it */
    bool failed_fenced;    /* one in a fence goes before a larger one outside */
    struct reply_fault *fault;
};

/* How well a value fits. */
enum rank {
    RANK_NONE,
    RANK_NEAR,  /* a list's item without its first key, or some other list that is all there is */
    RANK_OTHER, /* of the shape, with another text than those the key should hold */
    RANK_FULL
};

/* ---- shape ---- */

static bool is_key(const struct reply_shape *s, const char *key, size_t len)
{
    for (size_t i = 0; s->keys && s->keys[i]; i++)
        if (strlen(s->keys[i]) == len && memcmp(s->keys[i], key, len) == 0)
            return true;
    return false;
}

static int rank_held(const struct reply_shape *s, const json_t *held)
{
    const char *text = json_string_value(held);
    if (s->type >= 0 && (int)json_typeof(held) != s->type)
        return s->list ? RANK_NEAR : RANK_NONE;
    if (!s->values || !text)
        return RANK_FULL;
    text += strspn(text, " \t\r\n");
    size_t len = strcspn(text, " \t\r\n");
    for (size_t i = 0; s->values[i]; i++)
        if (strlen(s->values[i]) == len && strncasecmp(s->values[i], text, len) == 0)
            return RANK_FULL;
    return RANK_OTHER;
}

static int rank_object(const struct reply_shape *s, const json_t *v)
{
    int best = s->keys ? RANK_NONE : RANK_FULL;
    for (size_t i = 0; s->keys && s->keys[i]; i++) {
        const json_t *held = json_object_get(v, s->keys[i]);
        int rank = !held              ? RANK_NONE
                   : i == 0 || s->any ? rank_held(s, held)
                   : s->list          ? RANK_NEAR
                                      : RANK_NONE;
        best = rank > best ? rank : best;
    }
    return best;
}

static int rank_of(const struct reply_shape *s, const json_t *v)
{
    int rank = json_is_object(v) ? rank_object(s, v) : 0, item;
    json_t *one;
    size_t i;
    if (s->list)
        json_array_foreach ((json_t *)v, i, one) {
            item = json_is_object(one) ? rank_object(s, one) : 0;
            rank = item > rank ? item : rank;
        }
    return rank;
}

/* The value of the shape in `v`: itself, or what it wraps; of a list always an array. New
 * reference, NULL: none. */
static json_t *fit(const struct reply_shape *s, json_t *v, int *rank)
{
    enum { WRAPS = 3 };
    json_t *best = NULL, *inner, *level = json_pack("[O]", v);
    *rank = 0;
    for (int depth = 0; level && depth < WRAPS && *rank < RANK_FULL; depth++) {
        json_t *next = json_array(), *member;
        const char *key;
        size_t i, k;
        json_array_foreach (level, i, inner) {
            int r = rank_of(s, inner);
            if (r > *rank) {
                *rank = r;
                json_decref(best);
                best = json_incref(inner);
            }
            json_object_foreach (inner, key, member) {
                json_array_append(next, member);
            }
            json_array_foreach (inner, k, member) {
                json_array_append(next, member);
            }
        }
        json_decref(level);
        level = next;
    }
    json_decref(level);
    if (best && s->list && !json_is_array(best))
        return json_pack("[o]", best);
    return best;
}

/* ---- choosing ---- */

static bool better(const struct found *a, const struct found *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    if (a->fenced != b->fenced)
        return a->fenced;
    return a->size >= b->size;
}

static void end_run(struct reading *r)
{
    if (r->run.v && (!r->best.v || better(&r->run, &r->best))) {
        json_decref(r->best.v);
        r->best = r->run;
    } else {
        json_decref(r->run.v);
    }
    r->run = (struct found){0};
}

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end && ascii_isspace(*p))
        p++;
    return p;
}

static bool side_by_side(const char *from, const char *to)
{
    from = skip_blank(from, to);
    while (from < to && *from == ',')
        from = skip_blank(from + 1, to);
    return from == to;
}

/* Takes ownership of v. */
static void add_found(struct reading *r, json_t *v, int rank, bool fenced, const char *from,
                      const char *end)
{
    size_t size = (size_t)(end - from);
    bool bare = *from == '{' && (r->shape->list || r->shape->any);
    if (bare && r->run.v && r->run.bare && r->run.rank == rank && side_by_side(r->run.end, from)) {
        if (r->shape->list)
            json_array_extend(r->run.v, v);
        else
            json_object_update_recursive(r->run.v, v);
        json_decref(v);
        r->run.size += size;
        r->run.end = end;
        return;
    }
    end_run(r);
    r->run = (struct found){v, rank, fenced, bare, size, end};
}

static bool at_line_start(const struct reading *r, const char *p)
{
    while (p > r->text && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    return p == r->text || p[-1] == '\n';
}

/* "[]" that is no call's argument (FINISH([])) and no index, maybe in an object: one within a
 * sentence is a bundle or payload that is quoted. */
static bool is_empty_list(const struct reading *r, json_t *v, bool fenced, const char *from)
{
    const char *name;
    json_t *member, *list = json_is_array(v) ? v : NULL;
    json_object_foreach (v, name, member) {
        if (json_is_array(member) && !json_array_size(list))
            list = member;
    }
    return r->shape->list && list && !json_array_size(list) &&
           (list == v || fenced || at_line_start(r, from)) &&
           (from == r->text || (from[-1] != '(' && !ascii_isalnum(from[-1])));
}

static void take_value(struct reading *r, json_t *v, bool fenced, const char *from, const char *end)
{
    int rank;
    json_t *fits = fit(r->shape, v, &rank);
    bool alone = skip_blank(r->text, from) == from && skip_blank(end, r->end) == r->end;
    if (!fits && r->shape->list && json_array_size(v) && alone) {
        fits = json_incref(v); /* a list it is, of other things */
        rank = RANK_NEAR;
    }
    if (fits)
        add_found(r, fits, rank, fenced, from, end);
    else
        r->empty |= is_empty_list(r, v, fenced, from);
    json_decref(v);
}

/* ---- what could not be read ---- */

/* The first words of a text as one line. */
static void first_words(const char *p, const char *end, size_t most, char *out, size_t size)
{
    size_t n = 0;
    p = skip_blank(p, end);
    size_t len = utf8_prefix(p, (size_t)(end - p), most);
    for (size_t i = 0; i < len && n + 1 < size; i++)
        out[n++] = (unsigned char)p[i] < 0x20 || p[i] == 0x7f ? ' ' : p[i];
    out[utf8_cut(out, n, size - 1)] = '\0';
}

static void say(struct reading *r, enum reply_state state, const char *at, const char *what)
{
    enum { WORDS = 60 };
    char begins[4 * WORDS + 1], near[4 * WORDS + 1] = "", where[64] = "";
    size_t line = 1, column = 1;
    for (const char *p = r->text; at && p < at; p++) {
        line += *p == '\n';
        column = *p == '\n' ? 1 : column + (((unsigned char)*p & 0xc0) != 0x80);
    }
    first_words(r->text, r->end, WORDS, begins, sizeof(begins));
    if (at && state != REPLY_CUT) {
        first_words(at, r->end, 24, near, sizeof(near));
        snprintf(where, sizeof(where), " in line %zu, column %zu", line, column);
    }
    r->fault->state = state;
    int n = snprintf(r->fault->text, sizeof(r->fault->text), "%s%s%s%s%s; it begins \"%s\"", what,
                     where, *near ? " before \"" : "", near, *near ? "\"" : "", begins);
    if (n >= (int)sizeof(r->fault->text))
        r->fault->text[utf8_cut(r->fault->text, sizeof(r->fault->text) - 1,
                                sizeof(r->fault->text) - 1)] = '\0';
}

/* Whether the text names a key of the shape in quotes. */
static bool names_key(const struct reading *r, const char *p, const char *end)
{
    const struct reply_shape *s = r->shape;
    for (size_t i = 0; s->keys && s->keys[i]; i++) {
        size_t n = strlen(s->keys[i]);
        for (const char *q = p; (q = memmem(q, (size_t)(end - q), s->keys[i], n)); q += n)
            if (q > p && q + n < end && strchr("\"'", q[-1]) && q[n] == q[-1])
                return true;
        if (!s->any)
            break;
    }
    return false;
}

/* A value that begins at `p` could not be read. Where to go on: right behind the bracket when it
 * was prose, else behind the value, as far as its end can be told. */
static const char *pass_failed(struct reading *r, const char *p, const struct scan *s,
                               const char *fence)
{
    const char *close = scan_balance(p, r->end, &r->work), *key, *behind = close;
    size_t key_len;
    bool line = at_line_start(r, p), json = scan_looks_like_json(p, r->end, &key, &key_len);
    if (s->cut)
        behind = r->end;
    else if (!close && fence)
        behind = memmem(s->at, (size_t)(r->end - s->at), fence, 3);
    if (!behind)
        behind = r->end;
    bool meant = (key && is_key(r->shape, key, key_len)) ||
                 (json && (close || line || fence) && names_key(r, p, behind)) || (json && s->cut);
    if (!meant && !(json && (line || fence)))
        return p + 1;
    /* What a reply ends in is its last word, however little of it came through. */
    size_t size = s->cut && key && is_key(r->shape, key, key_len) ? SIZE_MAX : (size_t)(behind - p);
    bool fenced = fence != NULL;
    if (meant && (fenced == r->failed_fenced ? size >= r->failed : fenced)) {
        char what[sizeof(s->why) + 64];
        r->failed = size;
        r->failed_fenced = fenced;
        snprintf(what, sizeof(what), "%s: %s", s->cut ? "cut off" : "unparseable", s->why);
        say(r, s->cut ? REPLY_CUT : REPLY_UNPARSEABLE, s->at, what);
    }
    return behind;
}

/* ---- the walk ---- */

/* Behind a closed block of thinking that begins at `p`; NULL: none does. An open one never ends,
 * unless it stands within a line: that is prose about the tag.
 * The end of one without its beginning (which some servers keep back) makes thinking of all that
 * stands before it, if a value may follow. */
static const char *pass_thinking(struct reading *r, const char *p)
{
    static const char *const tags[] = {"think>", "thinking>", "thought>", "reasoning>"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
        size_t n = strlen(tags[i]), left = (size_t)(r->end - p);
        if (left > n && strncasecmp(p + 1, tags[i], n) == 0) {
            for (const char *q = p + n + 1; q + n + 1 < r->end; q++)
                if (*q == '<' && q[1] == '/' && strncasecmp(q + 2, tags[i], n) == 0)
                    return q + n + 2;
            return at_line_start(r, p) ? r->end : NULL;
        }
        if (left > n + 1 && p[1] == '/' && strncasecmp(p + 2, tags[i], n) == 0) {
            const char *behind = p + n + 2;
            if (r->last && r->last >= behind) {
                json_decref(r->run.v);
                json_decref(r->best.v);
                *r = (struct reading){.text = r->text,
                                      .end = r->end,
                                      .last = r->last,
                                      .shape = r->shape,
                                      .work = r->work,
                                      .fault = r->fault};
                *r->fault = (struct reply_fault){REPLY_READ, ""};
            }
            return behind;
        }
    }
    return NULL;
}

/* Opens or closes a fence: three backticks or more anywhere, tildes where a line begins. */
static const char *pass_fence(const struct reading *r, const char *p, const char **fence)
{
    size_t n = 0;
    while (p + n < r->end && p[n] == *p)
        n++;
    if (n < 3 || (*p == '~' && !at_line_start(r, p)))
        return p + n;
    if (!*fence)
        *fence = *p == '~' ? "~~~" : "```";
    else if (**fence == *p)
        *fence = NULL;
    return p + n;
}

/* Behind a comment that begins a line; a '#' does so only in a fence, elsewhere it is a heading.
 * NULL: there is none. */
static const char *pass_comment(const struct reading *r, const char *p, bool fenced)
{
    const char *end = NULL;
    if (!at_line_start(r, p))
        return NULL;
    if (*p == '/' && p + 1 < r->end && p[1] == '*')
        end = memmem(p, (size_t)(r->end - p), "*/", 2);
    else if ((*p == '/' && p + 1 < r->end && p[1] == '/') || (*p == '#' && fenced))
        end = memchr(p, '\n', (size_t)(r->end - p));
    return end ? end + 1 : NULL;
}

static void walk(struct reading *r)
{
    const char *p = r->text, *fence = NULL, *next;
    while (p < r->end && r->work > 0) {
        r->work--;
        if (*p == '`' || *p == '~') {
            p = pass_fence(r, p, &fence);
        } else if ((*p == '<' && (next = pass_thinking(r, p))) ||
                   ((*p == '/' || *p == '#') && (next = pass_comment(r, p, fence != NULL)))) {
            if (r->run.v && side_by_side(r->run.end, p))
                r->run.end = next;
            p = next;
        } else if (*p == '[' || *p == '{') {
            struct scan s;
            json_t *v = scan_value(&s, p, r->end, &r->work);
            if (v)
                take_value(r, v, fence != NULL, p, s.at);
            p = v ? s.at : pass_failed(r, p, &s, fence);
        } else {
            p++;
        }
    }
    end_run(r);
}

static json_t *read_plain(const char *text, size_t len, const struct reply_shape *shape,
                          struct reply_fault *fault)
{
    enum { WORK = 4 * REPLY_MAX }; /* bytes looked at, all attempts together */
    struct reading r = {
        .text = text, .end = text + len, .shape = shape, .work = WORK, .fault = fault};
    *fault = (struct reply_fault){REPLY_READ, ""};
    if (len > REPLY_MAX) {
        r.end = text + 1024;
        say(&r, REPLY_TOO_LONG, NULL, "too long: more than 4 MiB");
        return NULL;
    }
    for (size_t i = len; i > 0 && !r.last; i--)
        if (text[i - 1] == '[' || text[i - 1] == '{')
            r.last = text + i - 1;
    walk(&r);
    /* No quotation in front of what failed, and nothing near where there is an empty list. */
    bool first =
        !r.failed || (r.best.fenced == r.failed_fenced ? r.best.size >= r.failed : r.best.fenced);
    bool whole = r.best.v && (r.best.rank > RANK_NEAR ? first : !r.failed && !r.empty);
    if (!r.work)
        say(&r, REPLY_NOTHING, NULL, "unparseable: too many brackets that lead nowhere");
    else if (!whole && !r.failed && !r.empty)
        say(&r, REPLY_NOTHING, NULL,
            shape->list ? "unparseable: no JSON array of the kind asked for in the reply"
                        : "unparseable: no JSON object of the kind asked for in the reply");
    if (whole && r.work) {
        fault->state = REPLY_READ;
        return r.best.v;
    }
    json_decref(r.best.v);
    return fault->state == REPLY_READ ? json_array() : NULL;
}

json_t *reply_read(const char *text, size_t len, const struct reply_shape *shape,
                   struct reply_fault *fault)
{
    const char *p = text, *end = text + len;
    while (p < end && ascii_isspace(*p))
        p++;
    /* a reply that was encoded as a JSON string once more */
    json_t *encoded = p < end && *p == '"' && len <= REPLY_MAX
                          ? json_loadb(p, (size_t)(end - p), JSON_DECODE_ANY, NULL)
                          : NULL;
    json_t *v = json_is_string(encoded) ? read_plain(json_string_value(encoded),
                                                     json_string_length(encoded), shape, fault)
                                        : read_plain(text, len, shape, fault);
    json_decref(encoded);
    return v;
}
