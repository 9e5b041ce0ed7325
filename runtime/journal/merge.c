/* merge.c - answers of several journals in one. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/journal/journal_private.h"

enum { AT_ONCE = 256 };

struct merging {
    struct journal *out;
    struct journal_call *list, **last;
    struct buf texts[AT_ONCE]; /* what each of the list brought */
    int n;
    struct journal_merge_report *report;
};

static int copy_answer(struct journal_call *c, const struct journal_answer *from)
{
    int rc = answer_set(&c->answer, from->e.model, from->e.text, from->e.len);
    const char *model = c->answer.e.model, *text = c->answer.e.text;
    c->answer.e = from->e;
    c->answer.e.model = model;
    c->answer.e.text = text;
    c->answer.request_hash = from->request_hash;
    return rc;
}

/* Where OUT had an answer already, store_put put that in the place of ours. */
static int flush(struct merging *m)
{
    struct journal_info before, after;
    int i = 0, rc = m->n ? journal_info(m->out, &before) : 0;
    if (rc == 0 && m->n)
        rc = store_put(m->out, m->list);
    if (rc == 0 && m->n)
        rc = journal_info(m->out, &after);
    for (struct journal_call *c = m->list, *next; c; c = next, i++) {
        const struct journal_entry *e = &c->answer.e;
        next = c->next;
        m->report->other +=
            rc == 0 && (e->len != m->texts[i].len || memcmp(e->text, m->texts[i].ptr, e->len) != 0);
        buf_release(&m->texts[i]);
        journal_call_free(c);
    }
    if (rc == 0 && m->n) {
        m->report->added += after.entries - before.entries;
        m->report->known += m->n - (after.entries - before.entries);
    }
    m->list = NULL;
    m->last = &m->list;
    m->n = 0;
    return rc;
}

static int take(const struct journal_entry *e, void *arg)
{
    struct merging *m = arg;
    /* an entry that is walked is its answer's first member */
    const struct journal_answer *from = (const struct journal_answer *)e;
    struct journal_call *c = calloc(1, sizeof(*c));
    if (!c)
        return err_oom();
    answer_init(&c->answer);
    c->journal = m->out;
    c->last = &c->waiters;
    int rc = copy_answer(c, from);
    if (rc < 0) {
        journal_call_free(c);
        return rc;
    }
    buf_init(&m->texts[m->n]);
    buf_add(&m->texts[m->n], e->text, e->len);
    m->n++;
    *m->last = c;
    m->last = &c->next;
    m->report->read++;
    return m->n == AT_ONCE ? flush(m) : 0;
}

int journal_merge(const char *out, const char *const *in, size_t n,
                  struct journal_merge_report *report)
{
    struct merging m = {.report = report};
    struct journal_check sound;
    int rc = 0;
    *report = (struct journal_merge_report){0};
    m.last = &m.list;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = journal_check(in[i], &sound);
    if (rc == 0)
        rc = journal_open(&m.out, out, 0);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct journal *j = NULL;
        rc = journal_open(&j, in[i], JOURNAL_READ_ONLY);
        if (rc == 0)
            rc = journal_walk(j, take, &m);
        int rest = flush(&m);
        rc = rc == 0 ? rest : rc;
        journal_close(j);
    }
    if (rc == 0)
        rc = journal_sync(m.out);
    journal_close(m.out);
    return rc;
}
