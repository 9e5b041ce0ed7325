/* progress.c - what the line of progress says, and when. */
#include "runtime/base/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/figures.h"
#include "runtime/base/log.h"
#include "runtime/base/term.h"
#include "runtime/base/text.h"

/* ---- the text ---- */

/* From whole to short. */
enum detail { WHOLE, SHORT, WITHOUT_COST, FIRST_PART, DETAILS };

static void add_part(const struct progress_part *p, bool brief, struct buf *out)
{
    buf_addf(out, "%s ", p->what);
    text_add_count(out, (int64_t)p->done);
    if (p->total) {
        buf_adds(out, brief ? "/" : " of ");
        text_add_count(out, (int64_t)p->total);
    }
    if (p->scored)
        buf_addf(out, brief ? " %.0f %%" : ", %.0f %% pass",
                 100.0 * (double)p->passed / (double)p->scored);
}

static void sep(struct buf *out, const char *with)
{
    if (out->len)
        buf_adds(out, with);
}

/* "epoch 2 of 5, update 1 of 3" in short: "epoch 2/5, update 1/3" */
static void add_where(const char *where, bool brief, struct buf *out)
{
    const char *of;
    for (; brief && (of = strstr(where, " of ")); where = of + 4) {
        buf_add(out, where, (size_t)(of - where));
        buf_addch(out, '/');
    }
    buf_adds(out, where);
}

static void build(const struct progress *p, enum detail detail, struct buf *out)
{
    bool brief = detail >= SHORT;
    size_t n = detail == FIRST_PART && p->n > 1 ? 1 : p->n;
    if (p->where)
        add_where(p->where, brief, out);
    for (size_t i = 0; i < n; i++) {
        sep(out, i == 0 ? ": " : "; ");
        add_part(&p->part[i], brief, out);
    }
    if (p->also && (detail < FIRST_PART || !p->n)) {
        sep(out, p->n ? "; " : ": ");
        buf_adds(out, p->also);
    }
    if (p->waits) {
        sep(out, "; ");
        buf_addf(out, "waits for %s", p->waits);
    }
    if (p->calls && detail < WITHOUT_COST) {
        sep(out, "; ");
        text_add_count(out, p->calls);
        buf_addf(out, " %s", plural(p->calls, "call", "calls"));
        if (p->usd > 0)
            buf_addf(out, ", %.2f USD", p->usd);
    }
    if (p->left_ns >= 0) {
        sep(out, "; ");
        text_add_duration(out, p->left_ns);
        buf_adds(out, " left");
    }
}

void progress_text(const struct progress *p, size_t width, struct buf *out)
{
    struct buf line = BUF_INIT;
    for (enum detail d = WHOLE; d < DETAILS; d++) {
        buf_reset(&line);
        build(p, d, &line);
        if (utf8_length(line.ptr ? line.ptr : "", line.len) <= width)
            break;
    }
    if (line.ptr)
        buf_add(out, line.ptr, utf8_prefix(line.ptr, line.len, width));
    buf_release(&line);
}

/* ---- when ---- */

static bool due(const struct progress_pace *pace, int64_t now, bool terminal)
{
    if (terminal)
        return !pace->shown || now - pace->shown >= 100 * NS_PER_MS;
    return pace->began && now - (pace->shown ? pace->shown : pace->began) >= 60 * NS_PER_SEC;
}

bool progress_due(struct progress_pace *pace, int64_t now, bool terminal)
{
    bool is = due(pace, now, terminal);
    if (!pace->began)
        pace->began = now;
    if (is)
        pace->shown = now;
    return is;
}

/* One process has one stderr. */
static struct progress_pace pace;

bool progress_wanted(int64_t now)
{
    if (!log_shows(LOG_INFO))
        return false;
    if (!pace.began)
        pace.began = now;
    return due(&pace, now, isatty(STDERR_FILENO));
}

void progress_show(const struct progress *p)
{
    bool terminal = isatty(STDERR_FILENO);
    struct buf text = BUF_INIT;
    if (!log_shows(LOG_INFO) || !progress_due(&pace, clock_mono(), terminal))
        return;
    /* the last column stays free: some terminals wrap there */
    progress_text(p, terminal ? term_width(STDERR_FILENO) - 1 : 400, &text);
    if (text.ptr && terminal)
        log_bar(text.ptr);
    else if (text.ptr)
        log_info("%s", text.ptr);
    buf_release(&text);
}

void progress_set(const char *label, uint64_t done, uint64_t total, const char *note)
{
    struct progress p = {.left_ns = -1, .also = note && *note ? note : NULL};
    p.part[p.n++] = (struct progress_part){.what = label, .done = done, .total = total};
    progress_show(&p);
}

void progress_clear(void)
{
    log_bar(NULL);
    pace = (struct progress_pace){0};
}

/* ---- how long still ---- */

void eta_begin(struct eta *e, size_t round, int64_t now)
{
    size_t kept = 2 * (round ? round : 1);
    *e = (struct eta){.kept = kept > ETA_STEPS ? ETA_STEPS : kept, .since = now};
}

void eta_step(struct eta *e, int64_t now, bool counts)
{
    if (counts)
        e->took[e->n++ % e->kept] = now - e->since;
    e->since = now;
}

int64_t eta_left(const struct eta *e, int64_t now, size_t steps)
{
    size_t known = e->n < e->kept ? e->n : e->kept;
    int64_t sum = 0;
    if (!steps)
        return 0;
    if (!known)
        return -1;
    for (size_t i = 0; i < known; i++)
        sum += e->took[i];
    int64_t mean = sum / (int64_t)known, begun = now - e->since;
    return mean * (int64_t)steps - (begun < mean ? begun : mean);
}
