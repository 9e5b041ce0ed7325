/* split.c - the streaming splitter: a small state machine over the structure of JSON. */
#include "fhir/split.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/err.h"

/* Whether a value may go on over the end of a line: not known yet, no (NDJSON), yes. */
enum { MODE_AUTO, MODE_LINES, MODE_DOC };
/* Between values, inside one, behind one on its last line, skipping a line, skipping all. */
enum { AT_START, AT_VALUE, AT_AFTER, AT_SKIP_LINE, AT_SKIP_ALL };
enum { KEY_OTHER, KEY_TYPE, KEY_ENTRY, KEY_URL, KEY_RESOURCE };

static const struct {
    const char *name;
    unsigned depth; /* of the object it is a key of: the Bundle is 1, an entry 3 */
    uint8_t key;
} keys[] = {{"resourceType", 1, KEY_TYPE},
            {"entry", 1, KEY_ENTRY},
            {"fullUrl", 3, KEY_URL},
            {"resource", 3, KEY_RESOURCE}};

void fhir_split_init(struct fhir_split *s, const struct fhir_sink *sink)
{
    memset(s, 0, sizeof(*s));
    s->sink = *sink;
    s->limit = FHIR_SPLIT_LIMIT;
    buf_init(&s->text);
    s->line = 1;
    s->line_start = true;
}

void fhir_split_release(struct fhir_split *s)
{
    buf_release(&s->text);
}

static inline void put(struct fhir_split *s, char c)
{
    if (s->text.len >= s->limit)
        s->overflow = true;
    else if (s->text.len + 1 < s->text.cap)
        s->text.ptr[s->text.len++] = c; /* terminated before anybody sees it */
    else
        buf_addch(&s->text, c);
}

static void put_run(struct fhir_split *s, const char *bytes, size_t len)
{
    if (len > s->limit - s->text.len)
        s->overflow = true;
    else
        buf_add(&s->text, bytes, len);
}

static void begin_value(struct fhir_split *s)
{
    buf_reset(&s->text);
    s->overflow = s->in_string = s->escaped = s->after_colon = false;
    s->bundle = s->bundle_known;
    s->in_entries = s->late_entries = false;
    s->depth = 0;
    s->key = KEY_OTHER;
    s->str_at = s->str_end = 0;
    s->value_line = s->line;
    s->last = '\0';
    s->at = AT_VALUE;
}

static int say(struct fhir_split *s, size_t line, const char *why)
{
    return s->sink.bad ? s->sink.bad(line, why, s->sink.arg) : 0;
}

/* The value cannot be followed any further. */
static int lost(struct fhir_split *s, const char *why)
{
    char text[160];
    size_t line = s->at == AT_VALUE && s->mode != MODE_DOC ? s->value_line : s->line;
    if (s->mode == MODE_DOC) {
        snprintf(text, sizeof(text), "%s; the rest of the file was not read", why);
        s->at = AT_SKIP_ALL;
        return say(s, line, text);
    }
    s->mode = MODE_LINES;
    s->at = AT_SKIP_LINE;
    return say(s, line, why);
}

static bool in_array(const struct fhir_split *s)
{
    unsigned d = s->depth - 1;
    return s->is_array[d / 8] >> (d % 8) & 1;
}

static uint8_t known_key(const struct fhir_split *s)
{
    if (s->overflow || s->depth > 3 || (s->depth == 3 && !s->in_entries))
        return KEY_OTHER;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (keys[i].depth == s->depth && strlen(keys[i].name) == s->str_end - s->str_at &&
            memcmp(s->text.ptr + s->str_at, keys[i].name, s->str_end - s->str_at) == 0)
            return keys[i].key;
    return KEY_OTHER;
}

static int emit(struct fhir_split *s, const struct fhir_item *item)
{
    if (s->text.failed)
        return buf_check(&s->text);
    return s->sink.item(item, s->sink.arg);
}

static int too_large(struct fhir_split *s, size_t line)
{
    char why[80];
    snprintf(why, sizeof(why), "larger than %zu bytes", s->limit);
    return say(s, line, why);
}

static int end_entry(struct fhir_split *s)
{
    int rc = 0;
    if (s->overflow)
        rc = too_large(s, s->entry_line);
    else if (!s->resource_end)
        rc = say(s, s->entry_line, "a Bundle entry without a resource");
    else {
        s->text.ptr[s->text.len] = '\0';
        struct fhir_item item = {.text = s->text.ptr + s->resource_at,
                                 .len = s->resource_end - s->resource_at,
                                 .line = s->resource_line,
                                 .in_bundle = true};
        if (s->url_end)
            item.full_url = s->text.ptr + s->url_at, item.full_url_len = s->url_end - s->url_at;
        char after = s->text.ptr[s->resource_end];
        s->text.ptr[s->resource_end] = '\0';
        rc = emit(s, &item);
        s->text.ptr[s->resource_end] = after;
    }
    buf_truncate(&s->text, s->frame_len);
    s->overflow = false;
    s->str_at = s->str_end = 0;
    return rc;
}

/* A Bundle whose entries came before its resourceType, held whole: once more, as a Bundle. */
static int split_late(struct fhir_split *s)
{
    struct fhir_split again;
    fhir_split_init(&again, &s->sink);
    again.limit = s->limit;
    again.bundle_known = true;
    again.line = s->value_line;
    int rc = fhir_split_feed(&again, s->text.ptr, s->text.len);
    if (rc == 0)
        rc = fhir_split_end(&again);
    fhir_split_release(&again);
    return rc;
}

static int end_value(struct fhir_split *s)
{
    s->at = AT_START;
    if (s->overflow)
        return too_large(s, s->value_line);
    if (s->text.failed)
        return buf_check(&s->text);
    s->text.ptr[s->text.len] = '\0';
    if (s->bundle && s->late_entries)
        return split_late(s);
    if (s->bundle)
        return s->sink.bundle ? s->sink.bundle(s->text.ptr, s->text.len, s->sink.arg) : 0;
    return emit(
        s, &(struct fhir_item){.text = s->text.ptr, .len = s->text.len, .line = s->value_line});
}

static int open_bracket(struct fhir_split *s, char c)
{
    if (s->depth == FHIR_SPLIT_DEPTH)
        return lost(s, "nested too deeply");
    uint8_t key = s->after_colon ? s->key : KEY_OTHER;
    bool starts_entry = s->in_entries && s->depth == 2 && c == '{';
    if (starts_entry) {
        s->entry_line = s->line;
        s->url_at = s->url_end = s->resource_at = s->resource_end = 0;
    } else if (s->depth == 3 && key == KEY_RESOURCE && c == '{') {
        s->resource_at = s->text.len;
        s->resource_end = 0;
        s->resource_line = s->line;
    }
    put(s, c);
    uint8_t bit = (uint8_t)(1u << (s->depth % 8));
    if (c == '[')
        s->is_array[s->depth / 8] |= bit;
    else
        s->is_array[s->depth / 8] &= (uint8_t)~bit;
    if (s->depth == 1 && key == KEY_ENTRY && c == '[') {
        if (s->overflow)
            return lost(s, "a Bundle that is too large before its entries");
        s->in_entries = s->bundle;
        s->late_entries = s->late_entries || !s->bundle;
        s->frame_len = s->text.len;
    }
    s->depth++;
    s->after_colon = false;
    s->key = KEY_OTHER;
    return 0;
}

static int close_bracket(struct fhir_split *s, char c)
{
    if (in_array(s) != (c == ']'))
        return lost(s, c == ']' ? "a ']' that closes a '{'" : "a '}' that closes a '['");
    s->depth--;
    s->after_colon = false;
    if (s->in_entries && s->depth == 1) {
        s->in_entries = false;
        buf_truncate(&s->text, s->frame_len);
        s->str_at = s->str_end = 0;
    }
    put(s, c);
    if (s->in_entries && s->depth == 3 && s->resource_at && !s->resource_end)
        s->resource_end = s->text.len;
    if (s->in_entries && s->depth == 2 && c == '}')
        return end_entry(s);
    if (s->depth == 0)
        s->at = AT_AFTER;
    return 0;
}

static void end_string(struct fhir_split *s)
{
    s->in_string = false;
    s->str_end = s->text.len;
    put(s, '"');
    if (!s->after_colon || s->overflow)
        return;
    if (s->key == KEY_TYPE && s->depth == 1 && !s->bundle_known)
        s->bundle =
            s->str_end - s->str_at == 6 && memcmp(s->text.ptr + s->str_at, "Bundle", 6) == 0;
    else if (s->key == KEY_URL && s->depth == 3)
        s->url_at = s->str_at, s->url_end = s->str_end;
}

/* A line that begins with '{' where no value may begin: the one before was cut off. */
static bool starts_anew(const struct fhir_split *s)
{
    if (s->mode != MODE_DOC || !s->line_start || s->depth == 0)
        return false;
    return !(s->last == ':' || s->last == '[' || (s->last == ',' && in_array(s)));
}

static int structural(struct fhir_split *s, char c)
{
    int rc = 0;
    switch (c) {
    case '{':
        if (starts_anew(s)) {
            rc = say(s, s->value_line, "a resource that is cut off");
            s->mode = MODE_LINES;
            begin_value(s);
            s->last = '{';
            return rc < 0 ? rc : open_bracket(s, c);
        }
        /* fall through */
    case '[':
        rc = open_bracket(s, c);
        break;
    case '}':
    case ']':
        rc = close_bracket(s, c);
        break;
    case '"':
        put(s, c);
        s->in_string = true;
        s->str_at = s->text.len;
        break;
    case ':':
        put(s, c);
        if (!s->after_colon)
            s->key = known_key(s);
        s->after_colon = true;
        break;
    case ',':
        if (!(s->in_entries && s->depth == 2))
            put(s, c);
        s->after_colon = false;
        break;
    default:
        put(s, c);
    }
    s->last = c;
    return rc;
}

/* Takes bytes inside a string; returns how many. */
static size_t string_bytes(struct fhir_split *s, const char *p, size_t len)
{
    size_t n = 0;
    if (s->escaped && p[0] != '\n') {
        s->escaped = false;
        n = 1;
    }
    while (n < len && p[n] != '"' && p[n] != '\\' && p[n] != '\n')
        n++;
    put_run(s, p, n);
    if (n == len || p[n] == '\n')
        return n;
    if (p[n] == '"') {
        end_string(s);
        s->last = '"';
    } else {
        put(s, '\\');
        s->escaped = true;
    }
    return n + 1;
}

static int newline(struct fhir_split *s)
{
    int rc = 0;
    if (s->at == AT_VALUE && (s->in_string || s->mode == MODE_LINES || s->lines)) {
        if (s->mode == MODE_DOC)
            rc = lost(s, "a line break inside a string");
        else {
            rc = say(s, s->value_line,
                     s->in_string ? "the line ends inside a string (cut off?)"
                                  : "the line ends inside a resource (cut off?)");
            s->mode = MODE_LINES;
            s->at = AT_START;
        }
    } else if (s->at == AT_VALUE) {
        s->mode = MODE_DOC;
    } else if (s->at == AT_AFTER) {
        if (s->mode == MODE_AUTO)
            s->mode = MODE_LINES;
        rc = end_value(s);
    } else if (s->at == AT_SKIP_LINE) {
        s->at = AT_START;
    }
    s->line++;
    s->line_start = true;
    return rc;
}

static int between_values(struct fhir_split *s, char c)
{
    if (s->line == 1 && s->line_start && s->bom < 3 && c == "\xef\xbb\xbf"[s->bom]) {
        s->bom++;
        return 0;
    }
    if (c == ' ' || c == '\t' || c == '\r')
        return 0;
    if (s->at == AT_AFTER) {
        s->at = AT_SKIP_LINE;
        return say(s, s->line, "text behind the end of a resource");
    }
    s->line_start = false;
    if (c == '{') {
        begin_value(s);
        return structural(s, c);
    }
    if (c == '[')
        return lost(s, "a JSON array: expected NDJSON, a Bundle or a resource");
    return lost(s, "no JSON object: expected NDJSON, a Bundle or a resource");
}

int fhir_split_feed(struct fhir_split *s, const char *bytes, size_t len)
{
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0;) {
        char c = bytes[i];
        if (s->at == AT_SKIP_ALL)
            return 0;
        if (c == '\n') {
            rc = newline(s);
            i++;
        } else if (s->at == AT_SKIP_LINE) {
            const char *end = memchr(bytes + i, '\n', len - i);
            i = end ? (size_t)(end - bytes) : len;
        } else if (s->at != AT_VALUE) {
            rc = between_values(s, c);
            i++;
        } else if (s->in_string) {
            i += string_bytes(s, bytes + i, len - i);
        } else {
            if (c != ' ' && c != '\t' && c != '\r')
                rc = structural(s, c);
            s->line_start = false;
            i++;
        }
    }
    return rc;
}

int fhir_split_end(struct fhir_split *s)
{
    if (s->at == AT_AFTER)
        return end_value(s);
    if (s->at != AT_VALUE)
        return 0;
    s->at = AT_START;
    return say(s, s->value_line, "the input ends inside a resource (cut off?)");
}
