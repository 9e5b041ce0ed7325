/* html.c - pieces of HTML. */
#include "runtime/report/html.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/figures.h"
#include "runtime/base/json.h"
#include "runtime/base/stats.h"
#include "runtime/base/text.h"

static void add_char(struct buf *b, uint32_t cp, const char *bytes, size_t n)
{
    static const struct {
        char c;
        const char *entity;
    } marks[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
        if (cp == (unsigned char)marks[i].c) {
            buf_adds(b, marks[i].entity);
            return;
        }
    if (cp == '\n' || cp == '\t')
        buf_addch(b, (char)cp);
    else if (cp < 0x20) /* their pictures: U+2400 and on */
        buf_addf(b, "&#%u;", 0x2400 + (unsigned)cp);
    else if ((cp >= 0x7f && cp < 0xa0) || utf8_turns(cp))
        buf_addf(b, "[U+%04X]", (unsigned)cp);
    else if (cp == 0xfffd)
        buf_adds(b, "\xef\xbf\xbd");
    else
        buf_add(b, bytes, n);
}

void html_textn(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        size_t n = utf8_decode(s + i, len - i, &cp);
        add_char(b, cp, s + i, n);
        i += n;
    }
}

void html_text(struct buf *b, const char *s)
{
    if (s)
        html_textn(b, s, strlen(s));
}

void html_in(struct buf *b, const char *tag, const char *text)
{
    buf_addf(b, "<%s>", tag);
    html_text(b, text);
    buf_addf(b, "</%.*s>", (int)strcspn(tag, " "), tag);
}

void html_big(struct buf *b, int64_t n)
{
    if (n >= 1000000000)
        buf_addf(b, "%.1f billion", (double)n / 1e9);
    else if (n >= 1000000)
        buf_addf(b, "%.1f million", (double)n / 1e6);
    else
        text_add_count(b, n);
}

void html_int_cell(struct buf *b, int64_t n)
{
    buf_adds(b, "<td class=\"n\">");
    text_add_count(b, n);
    buf_adds(b, "</td>");
}

void html_share(struct buf *b, double share)
{
    buf_addf(b, "%.1f\xc2\xa0%%", 100 * share);
}

void html_duration(struct buf *b, double seconds)
{
    int64_t s = (int64_t)(seconds + 0.5);
    if (seconds < 60)
        buf_addf(b, "%.1f\xc2\xa0s", seconds);
    else if (s < 3600)
        buf_addf(b, "%lld\xc2\xa0min %lld\xc2\xa0s", (long long)(s / 60), (long long)(s % 60));
    else
        buf_addf(b, "%lld\xc2\xa0h %lld\xc2\xa0min", (long long)(s / 3600),
                 (long long)(s % 3600 / 60));
}

bool score_interval(const json_t *score, double *low, double *high)
{
    const json_t *interval = json_object_get(score, "interval");
    int64_t n = json_int_at(score, "n_total", 0);
    struct interval w = wilson(json_int_at(score, "n_correct", 0), n);
    bool said =
        json_is_number(json_array_get(interval, 0)) && json_is_number(json_array_get(interval, 1));
    *low = said ? json_number_value(json_array_get(interval, 0)) : w.low;
    *high = said ? json_number_value(json_array_get(interval, 1)) : w.high;
    return said || n > 0;
}

/* From 0 to 100 %: the interval as a line, the score as a point. */
static void score_bar(struct buf *b, double score, double low, double high)
{
    enum { W = 96, H = 10 };
    buf_addf(b,
             "<svg class=\"bar\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
             "aria-hidden=\"true\"><path class=\"track\" d=\"M0 5H%d\"/><path class=\"span\" "
             "d=\"M%.1f 5H%.1f\"/><circle class=\"dot\" cx=\"%.1f\" cy=\"5\" r=\"3.5\"/></svg>",
             W, H, W, H, W, low * W, high * W, fmin(fmax(score * W, 3.5), W - 3.5));
}

void html_score_cell(struct buf *b, const json_t *score)
{
    double share = json_num_at(score, "score", 0), low, high;
    if (!json_is_object(score)) {
        buf_adds(b, "<td class=\"n soft\">not measured</td>");
        return;
    }
    bool has = score_interval(score, &low, &high);
    buf_adds(b, "<td class=\"score\"><b>");
    html_share(b, share);
    buf_adds(b, "</b>");
    if (has)
        score_bar(b, share, low, high);
    buf_addf(b, "<span class=\"soft\">%lld of %lld", (long long)json_int_at(score, "n_correct", 0),
             (long long)json_int_at(score, "n_total", 0));
    if (has)
        buf_addf(b, ", %.0f to %.0f", 100 * low, 100 * high);
    buf_adds(b, "</span></td>");
}

void html_table_open(struct buf *b, const char *label)
{
    buf_adds(b, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"table: ");
    html_text(b, label);
    buf_adds(b, "\"><table>\n");
}

void html_table_close(struct buf *b)
{
    buf_adds(b, "</table></div>\n");
}

void html_section(struct buf *b, const char *id, const char *title)
{
    buf_addf(b, "<section id=\"%s\" aria-labelledby=\"%s-h\"><h2 id=\"%s-h\">", id, id, id);
    html_text(b, title);
    buf_adds(b, "</h2>\n");
}

void html_fact(struct buf *b, const char *label, const char *fmt, ...)
{
    struct buf value = BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&value, fmt, ap);
    va_end(ap);
    buf_adds(b, "<div>");
    html_in(b, "dt", label);
    html_in(b, "dd", value.ptr);
    buf_adds(b, "</div>\n");
    buf_release(&value);
}
