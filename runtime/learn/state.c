/* state.c - what a run knows between updates: the library's head and its skills, run.json. */
#include "runtime/learn/learn_private.h"

#include <stdlib.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"

int learn_move(struct learn *l, const struct oid *commit)
{
    struct skill_set set = {0};
    struct skills_view *view = NULL;
    int rc = library_read(l->lib, commit->hex, &set);
    if (rc == 0 && !(view = skills_view_new(&set)))
        rc = err_oom();
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

int record_state(struct learn *l)
{
    char *path = fs_join(l->run.dir, "run.json");
    int rc = path ? json_write_file(l->run.state, path) : err_oom();
    free(path);
    return rc;
}
