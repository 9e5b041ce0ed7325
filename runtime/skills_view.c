/* skills_view.c - a library revision made ready for rollouts: rendered once, ranked fast. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/err.h"
#include "runtime/skills_view.h"

struct skills_view *skills_view_new(const struct skill_set *set)
{
    struct skills_view *v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    v->refs = 1;
    v->block = (struct buf)BUF_INIT;
    v->prefix = (struct buf)BUF_INIT;
    if (set && skill_set_copy(&v->set, set) < 0)
        goto fail;
    inject_render(&v->set, NULL, v->set.n, &v->block);
    v->ranker = ranker_new(&v->set);
    if (v->block.failed || !v->ranker)
        goto fail;
    return v;
fail:
    skills_view_unref(v);
    return NULL;
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
    ranker_free(v->ranker);
    buf_release(&v->block);
    buf_release(&v->prefix);
    free(v);
}

/* The block of the k best skills for a conversation; nothing when no skills are there. */
int skills_view_top(const struct skills_view *v, const struct chat *chat, int k, struct buf *out)
{
    size_t n = v->set.n;
    if (!n)
        return 0;
    size_t *order = calloc(n, sizeof(*order));
    int rc =
        order ? ranker_rank(v->ranker, chat, order, NULL) : err_set(GRASP_ENOMEM, "out of memory");
    if (rc == 0) {
        inject_render(&v->set, order, n < (size_t)k ? n : (size_t)k, out);
        rc = buf_check(out);
    }
    free(order);
    return rc;
}
