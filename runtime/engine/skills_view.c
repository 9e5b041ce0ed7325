/* skills_view.c - a library revision made ready for rollouts: rendered once, ranked fast. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/engine/skills_view.h"

struct skills_view *skills_view_new(const struct skill_set *set)
{
    struct skills_view *v = calloc(1, sizeof(*v));
    if (!v) {
        err_oom();
        return NULL;
    }
    v->refs = 1;
    v->block = (struct buf)BUF_INIT;
    for (size_t i = 0; i < BLOCKS_KEPT; i++)
        buf_init(&v->chosen[i].text);
    if (set && (memory_of_set(&v->memory, set) < 0 || skill_set_copy(&v->set, set) < 0))
        goto fail;
    if (v->memory && memory_prepare(v->memory) < 0)
        goto fail;
    if (v->memory && !memory_retrieves(v->memory))
        memory_block(v->memory, "", &v->block);
    v->ranker = ranker_new(&v->set);
    if (!v->ranker || buf_check(&v->block) < 0)
        goto fail;
    return v;
fail:
    skills_view_unref(v);
    return NULL;
}

int skills_view_ready(struct skills_view *v, const struct prompts *prompts, enum prompt_order order)
{
    size_t *pick = NULL;
    if (v->memory || (v->ready && v->prompts == prompts && v->order == order))
        return 0; /* a memory has a text of its own */
    if (order != PROMPT_PAPER && v->set.n) {
        pick = calloc(v->set.n, sizeof(*pick));
        if (!pick)
            return err_oom();
        inject_order(&v->set, pick);
    }
    buf_reset(&v->block);
    v->prefix_of = NULL;
    for (size_t i = 0; i < BLOCKS_KEPT; i++)
        v->chosen[i].n = 0;
    v->prompts = prompts;
    v->order = order;
    int rc = inject_render_by(prompts, &v->set, pick, v->set.n, &v->block);
    v->ready = rc == 0;
    free(pick);
    return rc;
}

struct skills_view *skills_view_ref(struct skills_view *v)
{
    v->refs++;
    return v;
}

void skills_view_unref(struct skills_view *v)
{
    if (!v || --v->refs)
        return;
    skill_set_release(&v->set);
    memory_free(v->memory);
    ranker_free(v->ranker);
    for (size_t i = 0; i < BLOCKS_KEPT; i++) {
        free(v->chosen[i].pick);
        buf_release(&v->chosen[i].text);
    }
    buf_release(&v->block);
    chat_head_unref(v->prefix);
    free(v);
}

/* The block of these skills, rendered when it was not among the last ones. */
static int add_block(struct skills_view *v, const size_t *pick, size_t n, struct buf *out)
{
    struct chosen_block *b = v->chosen, *end;
    for (end = b + (v->n_chosen < BLOCKS_KEPT ? v->n_chosen : BLOCKS_KEPT); b < end; b++)
        if (b->n == n && memcmp(b->pick, pick, n * sizeof(*pick)) == 0)
            break;
    if (b == end) {
        b = &v->chosen[v->n_chosen % BLOCKS_KEPT];
        size_t *copy = reallocarray(b->pick, n, sizeof(*copy));
        if (!copy)
            return err_oom();
        memcpy(copy, pick, n * sizeof(*copy));
        b->pick = copy;
        b->n = 0; /* until its text is there */
        buf_release(&b->text);
        int rc = inject_render_by(v->prompts, &v->set, pick, n, &b->text);
        if (rc < 0)
            return rc;
        b->n = n;
        v->n_chosen++;
    }
    buf_add(out, b->text.ptr, b->text.len);
    return buf_check(out);
}

enum { LABEL = SKILL_NAME_MAX + 16 };
static const char *label(const struct skill *s, char out[LABEL])
{
    snprintf(out, LABEL, "%s v%d", s->name, s->version);
    return out;
}

bool skills_view_shown(const struct skill *s, const struct strlist *shown)
{
    char name[LABEL];
    return strlist_has(shown, label(s, name));
}

int skills_view_names(const struct skills_view *v, const size_t *pick, size_t n,
                      struct strlist *shown)
{
    char name[LABEL];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct skill *s = &v->set.v[pick ? pick[i] : i];
        if (!skills_view_shown(s, shown))
            rc = strlist_add(shown, label(s, name));
    }
    return rc;
}

int skills_view_top(struct skills_view *v, const struct chat *chat, int k, struct buf *out,
                    struct strlist *shown)
{
    size_t n = v->set.n;
    if (!n || k <= 0)
        return 0;
    size_t *order = calloc(n, sizeof(*order));
    int rc = order ? ranker_rank(v->ranker, chat, order, NULL) : err_oom();
    if (rc == 0)
        rc = add_block(v, order, n < (size_t)k ? n : (size_t)k, out);
    if (rc == 0 && shown)
        rc = skills_view_names(v, order, n < (size_t)k ? n : (size_t)k, shown);
    free(order);
    return rc;
}
