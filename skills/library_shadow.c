/*
 * library_shadow.c - objects that this process wrote, kept until a ref leads to them.
 *
 * A candidate is a tree before it is a commit, and a commit before a ref names it. `git gc
 * --prune=now` beside us removes what no ref leads to, at any moment. So what is written goes to the
 * disk and is remembered here, too: it can be read whatever became of it there, and what is gone is
 * written again when a ref has come to lead to it.
 */
#include "skills/library_private.h"

#include <stdlib.h>
#include <string.h>

#include <git2/sys/odb_backend.h>

#include "runtime/base/grow.h"
#include "runtime/base/err.h"

enum {
    RECENT = 256, /* so many are looked after when a ref was set; all of them at the end */
    FIRST_SLOTS = 1024
};

struct shadow_object {
    git_oid id;
    git_object_t type;
    size_t len;
    void *bytes;
};

struct shadow {
    git_odb_backend backend; /* first: libgit2 hands out this address */
    git_odb *disk;
    struct shadow_object *v;
    size_t n, cap;
    uint32_t *slots; /* 1 + index in v; open addressing, a power of two */
    size_t n_slots;
};

static uint32_t *slot_of(const struct shadow *s, const git_oid *id)
{
    uint64_t hash;
    memcpy(&hash, id->id, sizeof(hash));
    for (size_t i = hash & (s->n_slots - 1);; i = (i + 1) & (s->n_slots - 1)) {
        uint32_t *at = &s->slots[i];
        if (!*at || git_oid_equal(&s->v[*at - 1].id, id))
            return at;
    }
}

static const struct shadow_object *shadow_find(const struct shadow *s, const git_oid *id)
{
    uint32_t at = *slot_of(s, id);
    return at ? &s->v[at - 1] : NULL;
}

static bool grow_slots(struct shadow *s)
{
    if (s->n * 2 < s->n_slots)
        return true;
    size_t size = s->n_slots ? s->n_slots * 2 : FIRST_SLOTS;
    uint32_t *slots = calloc(size, sizeof(*slots));
    if (!slots)
        return false;
    free(s->slots);
    s->slots = slots;
    s->n_slots = size;
    for (size_t i = 0; i < s->n; i++)
        *slot_of(s, &s->v[i].id) = (uint32_t)i + 1;
    return true;
}

static int remember(struct shadow *s, const git_oid *id, const void *bytes, size_t len,
                    git_object_t type)
{
    if (shadow_find(s, id))
        return 0;
    void *copy = malloc(len + 1);
    if (!copy || !grow_slots(s) || grow(&s->v, &s->cap, s->n + 1) < 0) {
        free(copy);
        git_error_set_oom();
        return -1;
    }
    memcpy(copy, bytes, len);
    s->v[s->n++] = (struct shadow_object){*id, type, len, copy};
    *slot_of(s, id) = (uint32_t)s->n;
    return 0; /* cppcheck-suppress memleak ; the list has it */
}

static int shadow_write(git_odb_backend *b, const git_oid *id, const void *bytes, size_t len,
                        git_object_t type)
{
    struct shadow *s = (struct shadow *)b;
    git_oid made;
    int rc = git_odb_write(&made, s->disk, bytes, len, type);
    const git_error *e = rc < 0 ? git_error_last() : NULL;
    if (e && e->message && strstr(e->message, strerror(ENOSPC)))
        errno = ENOSPC; /* for library_git_error: the layers above say something of their own */
    return rc < 0 ? rc : remember(s, id, bytes, len, type);
}

static int shadow_read(void **out, size_t *len, git_object_t *type, git_odb_backend *b,
                       const git_oid *id)
{
    const struct shadow_object *o = shadow_find((struct shadow *)b, id);
    if (!o)
        return GIT_ENOTFOUND;
    if (!(*out = git_odb_backend_data_alloc(b, o->len + 1)))
        return -1;
    memcpy(*out, o->bytes, o->len);
    *len = o->len;
    *type = o->type;
    return 0;
}

static int shadow_read_header(size_t *len, git_object_t *type, git_odb_backend *b,
                              const git_oid *id)
{
    const struct shadow_object *o = shadow_find((struct shadow *)b, id);
    if (!o)
        return GIT_ENOTFOUND;
    *len = o->len;
    *type = o->type;
    return 0;
}

static int shadow_exists(git_odb_backend *b, const git_oid *id)
{
    return shadow_find((struct shadow *)b, id) != NULL;
}

static void shadow_free(git_odb_backend *b)
{
    struct shadow *s = (struct shadow *)b;
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i].bytes);
    free(s->v);
    free(s->slots);
    git_odb_free(s->disk);
    free(s);
}

int library_shadow_open(struct library *lib)
{
    enum { FIRST = 1000 }; /* asked before the disk, and written to alone */
    git_buf path = GIT_BUF_INIT;
    git_odb *odb = NULL;
    struct shadow *s = calloc(1, sizeof(*s));
    int rc = 0;
    if (!s || !grow_slots(s)) {
        free(s);
        return err_oom();
    }
    s->backend = (git_odb_backend){.version = GIT_ODB_BACKEND_VERSION,
                                   .read = shadow_read,
                                   .read_header = shadow_read_header,
                                   .write = shadow_write,
                                   .exists = shadow_exists,
                                   .free = shadow_free};
    rc = git_repository_item_path(&path, lib->repo, GIT_REPOSITORY_ITEM_OBJECTS);
    if (rc == 0)
        rc = git_odb_open(&s->disk, path.ptr);
    if (rc == 0)
        rc = git_repository_odb(&odb, lib->repo);
    if (rc == 0)
        rc = git_odb_add_backend(odb, &s->backend, FIRST);
    if (rc < 0) {
        rc = library_git_error(rc, "cannot open the objects of '%s'", lib->dir);
        shadow_free(&s->backend);
    } else {
        lib->shadow = s; /* the odb owns it */
    }
    git_odb_free(odb);
    git_buf_dispose(&path);
    return rc;
}

int library_shadow_settle(struct library *lib, bool all)
{
    struct shadow *s = lib->shadow;
    int rc = 0;
    if (!s)
        return 0;
    for (size_t i = all || s->n < RECENT ? 0 : s->n - RECENT; rc == 0 && i < s->n; i++) {
        const struct shadow_object *o = &s->v[i];
        git_oid made;
        if (!git_odb_exists(s->disk, &o->id))
            LIBRARY_TRY(lib, rc, git_odb_write(&made, s->disk, o->bytes, o->len, o->type));
    }
    return rc < 0 ? library_git_error(rc, "cannot write to '%s'", lib->dir) : 0;
}
