/* state.c - what a run knows between updates: the library's head and its skills, and run.json. */
#include "runtime/learn/learn_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"

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

int record_state(struct learn *l)
{
    char *path = fs_join(l->run.dir, "run.json");
    int rc = path ? json_write_file(l->run.state, path) : err_oom();
    free(path);
    l->run.dirty = rc < 0;
    return rc;
}

int record_state_open(const struct learn *l, struct fs_out *o)
{
    char *path = fs_join(l->run.dir, "run.json");
    int rc = path ? fs_out_open(o, path) : err_oom();
    free(path);
    return rc;
}

static int is_there(const char *ref, const struct oid *commit, void *arg)
{
    (void)ref;
    (void)commit;
    (void)arg;
    return 1;
}

/* Whether another run of this name, begun in the same second, left something in the library. */
static int taken(struct library *lib, const char *id)
{
    char prefix[128];
    snprintf(prefix, sizeof(prefix), "refs/grasp/candidates/%s/", id);
    int rc = library_refs(lib, prefix, is_there, NULL);
    snprintf(prefix, sizeof(prefix), "refs/heads/proposed/%s", id);
    return rc ? rc : library_refs(lib, prefix, is_there, NULL);
}

json_t *record_id(const struct learn *l, const json_t *inputs)
{
    char stamp[CLOCK_TEXT];
    uint8_t digest[HASH_SIZE];
    struct buf config = BUF_INIT;
    clock_format(clock_stamp(), 0, stamp);
    for (char *p = stamp; *p; p++)
        if (*p == ':')
            *p = '-';
    /* What decides is in the name; where the model answers from, and the budget, are not. */
    config_fingerprint(l->c, digest);
    buf_add(&config, digest, sizeof(digest));
    buf_adds(&config, l->at.head.hex);
    if (inputs)
        buf_add_json_canonical(&config, inputs);
    json_t *id = NULL;
    int rc = 1;
    for (hash_once(config.ptr, config.len, digest); rc > 0;
         hash_once(digest, sizeof(digest), digest)) {
        json_decref(id);
        id = json_sprintf("%s-%02x%02x", stamp, digest[0], digest[1]);
        rc = id ? taken(l->lib, json_string_value(id)) : err_oom();
    }
    buf_release(&config);
    if (rc == 0)
        return id;
    json_decref(id);
    return NULL;
}
