/* skills.c - the library as the run left it: every skill with its text and its life. */
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/history/words.h"
#include "runtime/report/html.h"
#include "runtime/report/parts.h"

/* Calls fn for each edit of a skill in the run's updates. */
typedef void (*edit_fn)(struct buf *b, int epoch, const json_t *v, const json_t *edit, void *arg);

static void one_edit(struct buf *b, int epoch, const json_t *v, const json_t *edit,
                     const char *name, edit_fn fn, void *arg)
{
    if (strcmp(json_str_at(edit, "name", ""), name) == 0)
        fn(b, epoch, v, edit, arg);
}

static void each_edit(struct buf *b, const struct run *r, const char *name, edit_fn fn, void *arg)
{
    for (size_t i = 0; i < r->epochs; i++) {
        size_t k, m;
        json_t *v, *e;
        json_array_foreach (r->epoch[i].updates, k, v) {
            json_t *edit = json_object_get(v, "edit");
            if (json_is_object(edit))
                one_edit(b, (int)i, v, edit, name, fn, arg);
            json_array_foreach (edit, m, e) {
                one_edit(b, (int)i, v, e, name, fn, arg);
            }
        }
    }
}

struct life {
    const struct run *r;
    int in, refused; /* edits of it */
};

static void count_edit(struct buf *b, int epoch, const json_t *v, const json_t *edit, void *arg)
{
    struct life *life = arg;
    struct ruling ruling;
    (void)b, (void)epoch, (void)edit;
    ruling_read(&ruling, v);
    *(ruling_accepted(&ruling) ? &life->in : &life->refused) += 1;
}

static void tell_edit(struct buf *b, int epoch, const json_t *v, const json_t *edit, void *arg)
{
    const struct life *life = arg;
    int won;
    bool has = update_winner(life->r->epoch[epoch].updates, json_int_at(v, "update", 0), &won);
    struct buf words = BUF_INIT;
    struct ruling ruling;
    char id[32];
    ruling_read(&ruling, v);
    if (has && !ruling_accepted(&ruling))
        ruling.winner = &won;
    update_id(v, epoch, id);
    buf_addf(b, "<li><a href=\"#%s\">update %d.%lld</a>: ", id, epoch + 1,
             (long long)json_int_at(v, "update", 0) + 1);
    html_text(b, json_str_at(edit, "action", "?"));
    buf_adds(b, ruling_accepted(&ruling) ? " <b class=\"good\">&#10003;</b> " : " &#10007; ");
    ruling_words(&ruling, &words);
    buf_adds(&words, ruling.measured ? "; " : "");
    if (ruling.measured)
        ruling_counts(&ruling, &words);
    html_text(b, words.ptr);
    buf_adds(b, "</li>\n");
    buf_release(&words);
}

static void add_life(struct buf *b, const struct run *r, const char *name, bool began)
{
    struct life life = {.r = r};
    each_edit(b, r, name, count_edit, &life);
    buf_adds(b, "<h3>Its life</h3><ul class=\"why\">\n");
    if (began)
        buf_adds(b, "<li>It was there when the run began.</li>\n");
    each_edit(b, r, name, tell_edit, &life);
    buf_adds(b, "</ul>\n");
}

static void add_skill(struct buf *b, const struct run *r, const struct skill *s)
{
    bool began = skill_set_find(&r->begin, s->name) != NULL;
    struct life life = {.r = r};
    each_edit(b, r, s->name, count_edit, &life);
    buf_adds(b, "<details><summary><b>");
    html_text(b, s->name);
    buf_addf(b, "</b> <span class=\"soft\">version %d", s->version);
    if (life.in + life.refused)
        buf_addf(b, ", %d of %d edits let in", life.in, life.in + life.refused);
    else if (began)
        buf_adds(b, ", there from the start");
    buf_adds(b, "</span><br>");
    html_text(b, s->description);
    buf_adds(b, "</summary><div>\n");
    html_in(b, "pre", s->body);
    if (s->tags.n) {
        buf_adds(b, "<p class=\"soft\">tags:");
        for (size_t i = 0; i < s->tags.n; i++) {
            buf_addch(b, ' ');
            html_text(b, s->tags.v[i]);
        }
        buf_adds(b, "</p>\n");
    }
    for (size_t i = 0; s->files && i < s->files->n; i++) {
        buf_adds(b, i ? ", <code>" : "<p class=\"soft\">other files: <code>");
        html_text(b, s->files->v[i].path);
        buf_adds(b, i + 1 < s->files->n ? "</code>" : "</code></p>\n");
    }
    add_life(b, r, s->name, began);
    buf_adds(b, "</div></details>\n");
}

/* ---- those that were let in and are gone ---- */

static void gone_name(const struct run *r, const char *name, struct strlist *gone)
{
    if (!skill_set_find(&r->now, name) && !strlist_has(gone, name))
        strlist_add(gone, name);
}

static void find_gone(const struct run *r, struct strlist *gone)
{
    for (size_t i = 0; i < r->begin.n; i++)
        gone_name(r, r->begin.v[i].name, gone);
    for (size_t i = 0; i < r->epochs; i++) {
        size_t k, m;
        json_t *v, *e;
        json_array_foreach (r->epoch[i].updates, k, v) {
            struct ruling ruling;
            json_t *edit = json_object_get(v, "edit");
            ruling_read(&ruling, v);
            if (!ruling_accepted(&ruling))
                continue;
            if (json_str_at(edit, "name", NULL))
                gone_name(r, json_str_at(edit, "name", ""), gone);
            json_array_foreach (edit, m, e) {
                if (json_str_at(e, "name", NULL))
                    gone_name(r, json_str_at(e, "name", ""), gone);
            }
        }
    }
}

static void add_gone(struct buf *b, const struct run *r)
{
    struct strlist gone = {0};
    find_gone(r, &gone);
    if (gone.n)
        buf_adds(b,
                 "<h3>Learned, and no longer there</h3>\n<p class=\"soft\">Removed again, or let "
                 "in after the checkpoint that became the library.</p>\n");
    for (size_t i = 0; i < gone.n; i++) {
        buf_adds(b, "<details><summary><b>");
        html_text(b, gone.v[i]);
        buf_adds(b, "</b></summary><div>\n");
        add_life(b, r, gone.v[i], skill_set_find(&r->begin, gone.v[i]) != NULL);
        buf_adds(b, "</div></details>\n");
    }
    strlist_release(&gone);
}

int part_skills(struct buf *b, const struct run *r)
{
    const json_t *val = run_best_val(r);
    html_section(b, "library", r->life == RUN_DONE ? "The library it made" : "The library so far");
    if (!r->whole)
        buf_adds(b, "<p class=\"soft\">Put together from the run's accepted edits: its library was "
                    "not found where it was made. <code>--library DIR</code> names it.</p>\n");
    if (val && r->life == RUN_DONE)
        buf_addf(b,
                 "<p class=\"soft\">As of epoch %lld, the checkpoint that did best on val.</p>\n",
                 (long long)json_int_at(val, "epoch", 0) + 1);
    if (!r->now.n)
        buf_adds(b, "<p>It holds no skill.</p>\n");
    for (size_t i = 0; i < r->now.n; i++)
        add_skill(b, r, &r->now.v[i]);
    add_gone(b, r);
    buf_adds(b, "</section>\n");
    return 0;
}
