/* state.c - what a run knows between updates: the library's head and its skills. */
#include "runtime/learn/learn_private.h"

#include "runtime/base/err.h"

int learn_move(struct learn *l, const struct oid *commit)
{
    struct skill_set set = {0};
    struct skills_view *view = NULL;
    int rc = library_read(l->lib, commit->hex, &set);
    if (rc == 0 && !(view = skills_view_new(&set)))
        rc = err_code();
    if (rc < 0) {
        skill_set_release(&set);
        return rc;
    }
    skill_set_release(&l->at.set);
    skills_view_unref(l->at.view);
    l->at.set = set;
    l->at.view = view;
    l->at.head = *commit;
    return 0;
}
