/*
 * trace.c - an episode as a person would write it down: every action once and in full, what came
 * back as a digest (digest.h). The first message is left out: what the agent was told stands once
 * in a prompt (prompt_told).
 *
 * The budget bounds what an episode may take of a prompt. Actions come first; what is left goes to
 * the answers, and when that is too little, to those of the steps that a passing episode of the
 * same family did otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/env/digest.h"
#include "runtime/learn/learn_private.h"

enum {
    ANSWER_LEAST = 160, /* of an answer, however little is left */
    WHOLE = 1 << 24
};

struct trace_step {
    struct buf action;
    const struct message *answer; /* NULL: none came */
    const char *digest;           /* the world's own; NULL: none */
    bool differs;
    size_t whole, room; /* of the answer */
};

struct steps {
    struct trace_step *v;
    size_t n;
};

static void steps_release(struct steps *s)
{
    for (size_t i = 0; i < s->n; i++)
        buf_release(&s->v[i].action);
    free(s->v);
}

/* What the agent did. A reply that was no action is shown itself. So is, in worlds of the user's,
 * every reply in its literal form, with the world's name of it behind where that says more. */
static void add_action(struct buf *out, const char *action, const struct message *reply,
                       size_t budget, bool literal)
{
    struct buf said = BUF_INIT;
    digest_plain(reply->text, reply->len, budget, &said);
    if (!action || str_starts(action, "(no action)")) {
        buf_adds(out, action && !literal ? "(no action) " : "");
        buf_add(out, said.ptr, said.len);
    } else if (literal) {
        buf_add(out, said.ptr, said.len);
        if (!strstr(said.ptr, action)) {
            buf_adds(out, " [");
            digest_plain(action, strlen(action), budget, out);
            buf_addch(out, ']');
        }
    } else {
        digest_plain(action, strlen(action), budget, out);
    }
    buf_release(&said);
}

static size_t count_replies(const struct rollout *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->chat.n; i++)
        n += r->chat.v[i].role == CHAT_AGENT;
    return n;
}

static int steps_read(struct steps *s, const struct rollout *r, size_t budget, bool literal)
{
    size_t replies = count_replies(r), k = 0;
    s->v = calloc(replies + 1, sizeof(*s->v));
    if (!s->v)
        return err_oom();
    for (size_t i = 0; i < r->chat.n; i++) {
        const struct message *m = &r->chat.v[i];
        char at[24];
        if (m->role != CHAT_AGENT)
            continue;
        struct trace_step *t = &s->v[s->n++];
        buf_init(&t->action);
        /* the world names every action, or some: then which is which is not known */
        add_action(&t->action, r->actions.n == replies ? r->actions.v[k] : NULL, m, budget,
                   literal);
        k++;
        if (i + 1 < r->chat.n && m[1].role == CHAT_USER) {
            t->answer = m + 1;
            snprintf(at, sizeof(at), "%zu", i + 1);
            t->digest = json_str_at(r->digests, at, NULL);
        }
    }
    return 0;
}

/* The lines that the world's own digest has, each cleaned. */
static void add_lines(struct buf *out, const char *text, size_t max)
{
    size_t from = out->len;
    while (*text) {
        size_t n = strcspn(text, "\n"), used = out->len - from;
        if (used >= max) {
            buf_addf(out, "\n... (%zu more characters)", utf8_length(text, strlen(text)));
            return;
        }
        buf_adds(out, used ? "\n" : "");
        digest_plain(text, n, max - used, out);
        text += n + (text[n] == '\n');
    }
}

static void add_answer(struct buf *out, const struct trace_step *t, const char *reported,
                       size_t max)
{
    if (t->digest)
        add_lines(out, t->digest, max);
    else
        digest_answer(t->answer->text, t->answer->len, max, reported, out);
}

/* ---- which steps a passing episode did otherwise ---- */

static bool is_date(const char *s)
{
    static const char shape[] = "dddd-dd-dd";
    size_t i = 0;
    while (shape[i] && (shape[i] == 'd' ? ascii_isdigit(s[i]) : s[i] == '-'))
        i++;
    return !shape[i];
}

/* An action without what differs from task to task: the patient, and times. */
static void mask(const char *action, const struct task *task, struct buf *out)
{
    size_t n = task->mrn ? strlen(task->mrn) : 0;
    for (const char *p = action; *p;) {
        if (n && strncmp(p, task->mrn, n) == 0) {
            buf_addch(out, '*');
            p += n;
        } else if (is_date(p)) {
            buf_addch(out, '*');
            p += 10;
            while (*p && (ascii_isdigit(*p) || strchr("T:.+Z-%", *p)))
                p++;
        } else {
            buf_addch(out, *p++);
        }
    }
}

static void mark(struct steps *s, const struct rollout *r, const struct steps *beside,
                 const struct rollout *passing)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    for (size_t i = 0; i < s->n; i++) {
        s->v[i].differs = true;
        buf_reset(&a);
        mask(s->v[i].action.ptr, r->task, &a);
        for (size_t k = 0; k < beside->n && s->v[i].differs; k++) {
            buf_reset(&b);
            mask(beside->v[k].action.ptr, passing->task, &b);
            s->v[i].differs = strcmp(a.ptr, b.ptr) != 0;
        }
    }
    buf_release(&a);
    buf_release(&b);
}

/* ---- who gets how much ---- */

/* Gives those with `differs` an equal share of `left`, none more than it needs; returns what is
 * left then. */
static size_t pour(struct steps *s, bool differs, size_t left)
{
    for (bool again = true; again;) {
        size_t thirsty = 0;
        again = false;
        for (size_t i = 0; i < s->n; i++)
            thirsty += s->v[i].differs == differs && s->v[i].room < s->v[i].whole;
        size_t share = thirsty ? left / thirsty : 0;
        for (size_t i = 0; i < s->n && share; i++) {
            struct trace_step *t = &s->v[i];
            if (t->differs != differs || t->room >= t->whole)
                continue;
            size_t want = t->whole - t->room, got = want < share ? want : share;
            t->room += got;
            left -= got;
            again = true;
        }
    }
    return left;
}

static int divide(struct steps *s, const char *reported, size_t budget)
{
    struct buf text = BUF_INIT;
    size_t used = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct trace_step *t = &s->v[i];
        used += t->action.len;
        if (!t->answer)
            continue;
        buf_reset(&text);
        add_answer(&text, t, reported, WHOLE);
        t->whole = text.len;
        t->room = t->whole < ANSWER_LEAST ? t->whole : ANSWER_LEAST;
        used += t->room;
    }
    pour(s, false, pour(s, true, budget > used ? budget - used : 0));
    int rc = buf_check(&text);
    buf_release(&text);
    return rc;
}

/* ---- the whole ---- */

static void add_step(json_t *out, size_t number, const struct trace_step *t, const char *reported)
{
    struct buf text = BUF_INIT;
    json_array_append_new(out, json_sprintf("%zu. %s", number, t->action.ptr));
    if (t->answer) {
        add_answer(&text, t, reported, t->room);
        const char *p = text.ptr, *before = "   -> ";
        do {
            size_t n = strcspn(p, "\n");
            json_array_append_new(out, json_sprintf("%s%.*s", before, (int)n, p));
            p += n + (p[n] == '\n');
            before = "      ";
        } while (*p);
    }
    buf_release(&text);
}

json_t *trace_steps(const struct learn *l, const struct rollout *r, const struct rollout *beside)
{
    size_t budget = (size_t)l->c->told.trace_chars;
    bool literal = l->c->env.kind == ENV_EXEC;
    struct steps s = {0}, other = {0};
    json_t *out = json_array();
    int rc = out ? steps_read(&s, r, budget, literal) : err_oom();
    if (rc == 0 && beside)
        rc = steps_read(&other, beside, budget, literal);
    if (rc == 0) {
        mark(&s, r, &other, beside);
        rc = divide(&s, r->result, budget);
    }
    for (size_t i = 0; rc == 0 && i < s.n; i++)
        add_step(out, i + 1, &s.v[i], r->result);
    steps_release(&s);
    steps_release(&other);
    return out;
}
