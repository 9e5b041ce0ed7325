/* notes.c - sequential and batch memory: a list of notes, one for each failure, that only grows. */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/method/method_private.h"

#define OPENING "when asked"

/* ---- what is shown ---- */

static void add_notes(const struct memory *m, struct buf *out)
{
    size_t i;
    json_t *note;
    json_array_foreach (memory_list(m, "notes"), i, note)
        buf_addf(out, "- %s\n", json_string_value(note));
}

static void add_block(const struct memory *m, struct buf *out)
{
    buf_adds(out, "<memory>\nNotes from earlier tasks. Heed those that fit the task at hand.\n");
    add_notes(m, out);
    buf_adds(out, "</memory>");
}

static void block(const struct memory *m, const char *query, struct buf *out)
{
    (void)query; /* all of them, always */
    if (memory_size(m))
        add_block(m, out);
}

/* ---- a reply becomes a note ---- */

static bool opens(const char *s, size_t len)
{
    return len >= strlen(OPENING) && strncasecmp(s, OPENING, strlen(OPENING)) == 0;
}

/* The reply is a JSON list: its last element that is a text with something in it. */
static bool last_of_list(const char *s, size_t len, struct buf *out)
{
    while (len && ascii_isspace(*s))
        s++, len--;
    json_t *list = len && *s == '[' ? json_loadb(s, len, 0, NULL) : NULL;
    for (size_t i = json_array_size(list); i > 0; i--) {
        const char *text = json_string_value(json_array_get(list, i - 1));
        if (!text || !text[strspn(text, " \t\r\n")])
            continue;
        buf_adds(out, text);
        break;
    }
    json_decref(list);
    return out->len > 0;
}

/* A tag that stands around the whole, or a heading: nothing of a note. */
static bool is_frame(const char *s, size_t len)
{
    if (!len || *s == '#')
        return true;
    return *s == '<' && s[len - 1] == '>' && !memchr(s, ' ', len);
}

/* Tags around what stands on one line with them. */
static void strip_tags(const char **s, size_t *len)
{
    const char *p = *s, *end = p + *len;
    const char *close = p < end && *p == '<' ? memchr(p, '>', (size_t)(end - p)) : NULL;
    if (close && close + 1 < end && !memchr(p, ' ', (size_t)(close - p)))
        p = close + 1;
    const char *open = p < end && end[-1] == '>' ? memrchr(p, '<', (size_t)(end - p)) : NULL;
    if (open && open > p && !memchr(open, ' ', (size_t)(end - open)))
        end = open;
    *s = p;
    *len = (size_t)(end - p);
}

/* Lines of the note, each behind a blank; the last one that opens a note begins it. */
static void take_lines(const char *s, size_t len, struct buf *all, struct buf *note)
{
    const char *end = s + len;
    for (const char *p = s; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p)), *line = p;
        size_t n = (size_t)((nl ? nl : end) - p);
        p = nl ? nl + 1 : end;
        strip_bullet(&line, &n);
        if (is_frame(line, n))
            continue;
        strip_tags(&line, &n);
        strip_bullet(&line, &n);
        buf_add(all, line, n);
        buf_addch(all, ' ');
        if (opens(line, n))
            buf_reset(note);
        else if (!note->len)
            continue;
        buf_add(note, line, n);
        buf_addch(note, ' ');
    }
}

/* Appends the note of a reply; nothing when there is none in it. */
static int note_of(const char *reply, size_t len, struct buf *out)
{
    struct buf element = BUF_INIT, all = BUF_INIT, note = BUF_INIT;
    const char *from;
    size_t n;
    reply_unfence(reply, len, &from, &n);
    if (last_of_list(from, n, &element)) {
        from = element.ptr;
        n = element.len;
    }
    take_lines(from, n, &all, &note);
    const char *inside = note.len ? note.ptr : str_casestr(all.ptr, OPENING);
    if (inside)
        add_folded(out, inside, strlen(inside));
    out->failed |= element.failed || all.failed || note.failed;
    buf_release(&element);
    buf_release(&all);
    buf_release(&note);
    return buf_check(out);
}

/* Notes that differ only in case are one. */
static bool known(const json_t *notes, const char *text)
{
    size_t i;
    json_t *v;
    json_array_foreach (notes, i, v)
        if (str_caseeq(json_string_value(v), text))
            return true;
    return false;
}

static int learn_from(struct method_run *r, const struct method_trace *t, bool *changed)
{
    enum { ANSWER = 1000 };
    json_t *notes = memory_list(r->m, "notes"), *data = NULL, *note = NULL;
    struct buf memory = BUF_INIT, reply = BUF_INIT, text = BUF_INIT;
    if (t->correct || t->error)
        return 0;
    add_block(r->m, &memory);
    data = trace_data(r->m, t);
    if (data) {
        json_object_set_new(data, "answer", trace_answer(r->m, t, ANSWER));
        json_object_set_new(data, "memory", json_text(memory.ptr, memory.len));
    }
    int rc = buf_check(&memory);
    if (rc == 0)
        rc = ask_one(r, "memory-note", data, &reply);
    else
        json_decref(data);
    if (rc == 0)
        rc = note_of(reply.ptr, reply.len, &text);
    if (rc == 0 && text.len && !known(notes, text.ptr)) {
        note = json_text(text.ptr, text.len);
        rc = json_array_append_new(notes, note) == 0 ? 0 : err_oom();
        *changed = true;
    }
    while (repaired(r->m) && json_array_size(notes) > (size_t)r->m->settings.max_bullets)
        json_array_remove(notes, 0);
    buf_release(&memory);
    buf_release(&reply);
    buf_release(&text);
    return rc;
}

static int each_failure(struct method_run *r, const struct method_trace *t, size_t n, bool *changed)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = learn_from(r, &t[i], changed);
    return rc;
}

const struct method_ops method_seq_memory = {
    .title = "Sequential memory",
    .lists = {"notes"},
    .serial = true,
    .epoch_order = true,
    .later = PLACE_LAST,
    .block = block,
    .describe = add_notes,
    .after_task = learn_from,
};

const struct method_ops method_batch_memory = {
    .title = "Batch memory",
    .lists = {"notes"},
    .epoch_order = true,
    .later = PLACE_LAST,
    .block = block,
    .describe = add_notes,
    .after_batch = each_failure,
};
