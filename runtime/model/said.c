/* said.c - what a model said, apart from what it thought. */
#include "runtime/model/said.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/text.h"

static const char *const kind_names[SAID_KINDS] = {"text", "empty", "cut", "refused"};

/* How chat templates and servers set thinking apart; the first is ours (said_write). */
static const struct {
    const char *open, *close;
} tags[] = {
    {"<reasoning_content>", "</reasoning_content>"},
    {"<think>", "</think>"},
    {"<thinking>", "</thinking>"},
    {"<reasoning>", "</reasoning>"},
    {"[THINK]", "[/THINK]"},
    {"<seed:think>", "</seed:think>"},
    {"<|START_THINKING|>", "<|END_THINKING|>"},
    {"◁think▷", "◁/think▷"},
};
#define OURS  tags[0]
#define THINK tags[1]

const char *said_kind_name(enum said_kind k)
{
    return kind_names[k];
}

int said_kind_from_name(const char *name)
{
    for (int i = 0; i < SAID_KINDS; i++)
        if (strcmp(name, kind_names[i]) == 0)
            return i;
    return -1;
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && ascii_isspace(*p))
        p++;
    return p;
}

static bool begins(const char *p, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

static const char *find(const char *p, const char *end, const char *what)
{
    return memmem(p, (size_t)(end - p), what, strlen(what));
}

static const char *find_last(const char *p, const char *end, const char *what)
{
    const char *last = NULL;
    for (const char *hit; (hit = find(p, end, what)); p = hit + strlen(what))
        last = hit;
    return last;
}

/* <reply kind="cut" finish="length"/> and its newline. */
static const char *read_mark(const char *p, const char *end, struct said *out)
{
    char kind[16] = "", finish[32] = "";
    int n = 0, k;
    char head[96];
    if (!begins(p, end, "<reply kind=\""))
        return p;
    size_t len = (size_t)(end - p) < sizeof(head) - 1 ? (size_t)(end - p) : sizeof(head) - 1;
    memcpy(head, p, len);
    head[len] = '\0';
    sscanf(head, "<reply kind=\"%15[a-z]\"/>%n", kind, &n);
    if (!n)
        sscanf(head, "<reply kind=\"%15[a-z]\" finish=\"%31[^\"]\"/>%n", kind, finish, &n);
    if (!n || (k = said_kind_from_name(kind)) < 0)
        return p;
    out->kind = (enum said_kind)k;
    snprintf(out->finish, sizeof(out->finish), "%s", finish);
    p += n;
    return p < end && *p == '\n' ? p + 1 : p;
}

static void add_thinking(struct said *out, const char *from, const char *to)
{
    if (!out->thinking)
        out->thinking = from;
    out->thinking_len = (size_t)(to - out->thinking);
}

/* OpenAI's harmony format, where the server left it in: what the final channel holds is the reply. */
static const char *read_harmony(const char *p, const char *end, struct said *out,
                                const char **new_end)
{
    static const char last[] = "<|channel|>final<|message|>";
    static const char *const ends[] = {"<|return|>", "<|end|>", "<|start|>"};
    if (!begins(p, end, "<|channel|>") && !begins(p, end, "<|start|>"))
        return p;
    const char *final = find_last(p, end, last);
    add_thinking(out, p, final ? final : end);
    if (!final)
        return end;
    p = final + sizeof(last) - 1;
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        const char *stop = find(p, *new_end, ends[i]);
        *new_end = stop ? stop : *new_end;
    }
    return p;
}

void said_split(const char *text, size_t len, bool keep, struct said *out)
{
    const char *p = text, *end = text + len, *close;
    *out = (struct said){.kind = SAID_TEXT};
    p = read_mark(p, end, out);
    for (bool again = true; again;) {
        const char *at = skip_space(p, end);
        again = false;
        for (size_t i = 0; i < (keep ? 1 : sizeof(tags) / sizeof(*tags)) && !again; i++) {
            if (!begins(at, end, tags[i].open))
                continue;
            const char *from = at + strlen(tags[i].open);
            close = find(from, end, tags[i].close);
            add_thinking(out, from, close ? close : end);
            p = close ? close + strlen(tags[i].close) : end;
            again = true;
        }
    }
    const char *at = skip_space(p, end), *after = keep ? at : read_harmony(at, end, out, &end);
    if (after != at)
        p = after;
    else if (!keep && !out->thinking && (close = find_last(p, end, THINK.close))) {
        /* The template had the opening tag in the prompt. */
        add_thinking(out, p, close);
        p = close + strlen(THINK.close);
    }
    if (out->thinking)
        p = skip_space(p, end);
    else
        out->thinking = "";
    out->text = p;
    out->len = (size_t)(end - p);
    if (!out->len && out->kind == SAID_TEXT)
        out->kind = SAID_EMPTY;
}

void said_write(struct buf *out, enum said_kind kind, const char *finish,
                const struct buf *reasoning, const char *text, size_t len)
{
    if (kind != SAID_TEXT) {
        buf_addf(out, "<reply kind=\"%s\"", kind_names[kind]);
        if (finish && *finish) {
            buf_adds(out, " finish=\"");
            for (size_t i = 0; i < sizeof(((struct said *)0)->finish) - 1 && finish[i]; i++)
                if (ascii_isalnum(finish[i]) || strchr("_-. ", finish[i]))
                    buf_addch(out, finish[i]);
            buf_adds(out, "\"");
        }
        buf_adds(out, "/>\n");
    }
    if (reasoning && reasoning->len) {
        const char *p = reasoning->ptr, *end = p + reasoning->len, *close;
        buf_adds(out, OURS.open);
        for (; (close = find(p, end, OURS.close)); p = close + strlen(OURS.close)) {
            buf_add(out, p, (size_t)(close - p)); /* the tag itself would end it */
            buf_adds(out, "[/reasoning_content]");
        }
        buf_add(out, p, (size_t)(end - p));
        buf_adds(out, OURS.close);
        buf_addch(out, '\n');
    }
    buf_add(out, text, len);
}
