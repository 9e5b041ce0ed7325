/*
 * library_shadow.c - objects that this process made: kept in memory, written when a ref is about to
 * lead to them.
 *
 * A candidate is a tree before it is a commit, and a commit before a ref names it; most of what is
 * tried is never named at all. So an object is held here, where it can be read, until
 * library_objects_want finds that a ref needs it. Many at once become one pack, a few are written as
 * git writes them; either way a barrier (barrier.h) is what stands between them and the ref. `git gc
 * --prune=now` beside us removes what no ref leads to, at any moment: what is gone is written again
 * when a ref has come to lead to it.
 */
#include "skills/library_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <git2/sys/odb_backend.h>

#include "runtime/base/barrier.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/log.h"
#include "skills/pack.h"

enum {
    RECENT = 256, /* so many are looked after when a ref was set; all of them at the end */
    FIRST_SLOTS = 1024,
    LOOSE_MOST = 32,  /* more than that at once are a pack */
    PACKS_MOST = 16,  /* of one level and process; then they are one of the next */
    LEVELS_JOINED = 2 /* in the end, whatever their number */
};

enum state { HELD, WANTED, LOOSE, PACKED, JOINING };

struct shadow_object {
    git_oid id;
    git_object_t type;
    enum state state;
    uint32_t pack; /* PACKED: its serial */
    size_t len;
    void *bytes;
};

/* A pack that this process wrote. Of level 0 is what came with a ref; 16 of a level are joined to one
 * of the next, so that every object is written a few times at most and packs are never many. */
struct own_pack {
    char *name; /* "pack-NAME" */
    uint32_t serial;
    int level;
};

struct shadow {
    git_odb_backend backend; /* first: libgit2 hands out this address */
    git_odb *disk;
    char *objects; /* the directory */
    struct shadow_object *v;
    size_t n, cap, wanted;
    uint32_t *slots; /* 1 + index in v; open addressing, a power of two */
    size_t n_slots;
    struct own_pack *packs; /* that were there last */
    size_t n_packs, cap_packs;
    uint32_t serial; /* of the last one */
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

static struct shadow_object *shadow_find(const struct shadow *s, const git_oid *id)
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
    s->v[s->n++] = (struct shadow_object){*id, type, HELD, 0, len, copy};
    *slot_of(s, id) = (uint32_t)s->n;
    return 0; /* cppcheck-suppress memleak ; the list has it */
}

static int shadow_write(git_odb_backend *b, const git_oid *id, const void *bytes, size_t len,
                        git_object_t type)
{
    return remember((struct shadow *)b, id, bytes, len, type);
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
    free(s->objects);
    for (size_t i = 0; i < s->n_packs; i++)
        free(s->packs[i].name);
    free(s->packs);
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
    if (rc == 0 && !(s->objects = str_dup(path.ptr)))
        rc = -1;
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

/* ---- which ones a ref needs ---- */

struct stack {
    uint32_t *v;
    size_t n, cap;
};

static int want(struct shadow *s, const git_oid *id, struct stack *todo)
{
    struct shadow_object *o = shadow_find(s, id);
    if (!o || o->state != HELD)
        return 0;
    int rc = grow(&todo->v, &todo->cap, todo->n + 1);
    if (rc < 0)
        return rc;
    o->state = WANTED;
    s->wanted++;
    todo->v[todo->n++] = (uint32_t)(o - s->v);
    return 0;
}

/* "tree HEX", "parent HEX", "object HEX": the lines that a commit or a tag begins with. */
static int want_named(struct shadow *s, const struct shadow_object *o, struct stack *todo)
{
    const char *p = o->bytes, *end = p + o->len;
    int rc = 0;
    while (rc == 0 && p) {
        const char *space = memchr(p, ' ', (size_t)(end - p));
        git_oid id;
        if (!space || end - space <= OID_HEX || (*p != 't' && *p != 'p' && *p != 'o') ||
            git_oid_fromstrn(&id, space + 1, OID_HEX) < 0)
            break;
        rc = want(s, &id, todo);
        p = memchr(space, '\n', (size_t)(end - space));
        p += p != NULL;
    }
    return rc;
}

/* "MODE NAME\0ID" an entry. */
static int want_entries(struct shadow *s, const struct shadow_object *o, struct stack *todo)
{
    const char *p = o->bytes, *end = p + o->len;
    int rc = 0;
    while (rc == 0 && p < end) {
        git_oid id;
        const char *nul = memchr(p, '\0', (size_t)(end - p));
        if (!nul || end - nul <= GIT_OID_RAWSZ)
            break;
        memcpy(id.id, nul + 1, sizeof(id.id));
        rc = want(s, &id, todo);
        p = nul + 1 + GIT_OID_RAWSZ;
    }
    return rc;
}

int library_objects_want(struct library *lib, const git_oid *tip)
{
    struct shadow *s = lib->shadow;
    struct stack todo = {0};
    int rc = s ? want(s, tip, &todo) : 0;
    while (rc == 0 && todo.n) {
        const struct shadow_object *o = &s->v[todo.v[--todo.n]];
        if (o->type == GIT_OBJECT_TREE)
            rc = want_entries(s, o, &todo);
        else if (o->type != GIT_OBJECT_BLOB)
            rc = want_named(s, o, &todo);
    }
    free(todo.v);
    return rc;
}

/* ---- writing ---- */

/* Git itself looks for a file that says so in the name of the index, so that comes last. */
static int place_pack(struct library *lib, const char *name, const char *ending,
                      const struct buf *bytes, char **place, struct barrier *b)
{
    char file[80];
    snprintf(file, sizeof(file), "pack-%s.%s", name, ending);
    char *staged = library_staged(lib, file);
    int rc =
        staged && asprintf(place, "%spack/%s", lib->shadow->objects, file) >= 0 ? 0 : err_oom();
    int fd = rc == 0 ? open(staged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444) : -1;
    if (rc == 0 && (fd < 0 || fs_write_all(fd, bytes->ptr, bytes->len) < 0))
        rc = err_set_errno(GRASP_EIO, "cannot write '%s'", staged);
    if (rc == 0)
        rc = barrier_add(b, fd);
    if (fd >= 0)
        close(fd);
    free(staged);
    return rc;
}

static int move_staged(struct library *lib, const char *place)
{
    char *staged = library_staged(lib, strrchr(place, '/') + 1);
    int rc = staged ? 0 : err_oom();
    if (rc == 0 && rename(staged, place) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot make '%s'", place);
    free(staged);
    return rc;
}

static int note_pack(struct shadow *s, const char *name, int level)
{
    struct own_pack p = {.serial = ++s->serial, .level = level};
    int rc = grow(&s->packs, &s->cap_packs, s->n_packs + 1);
    if (rc == 0 && asprintf(&p.name, "pack-%s", name) < 0)
        rc = err_oom();
    if (rc == 0)
        s->packs[s->n_packs++] = p;
    return rc;
}

static int write_pack(struct library *lib, struct pack_object *v, size_t n, int level,
                      struct barrier *b)
{
    struct buf pack = BUF_INIT, index = BUF_INIT, dir = BUF_INIT;
    char name[2 * HASH_GIT + 1], *at[2] = {NULL, NULL};
    buf_addf(&dir, "%spack", lib->shadow->objects);
    int rc = buf_check(&dir);
    if (rc == 0)
        rc = pack_make(v, n, &pack, &index, name);
    if (rc == 0)
        rc = library_stage(lib);
    if (rc == 0)
        rc = place_pack(lib, name, "pack", &pack, &at[0], b);
    if (rc == 0)
        rc = place_pack(lib, name, "idx", &index, &at[1], b);
    if (rc == 0)
        rc = fs_mkdirs(dir.ptr);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = move_staged(lib, at[i]);
    if (rc == 0)
        rc = barrier_add_path(b, dir.ptr);
    if (rc == 0)
        rc = note_pack(lib->shadow, name, level);
    free(at[0]);
    free(at[1]);
    buf_release(&pack);
    buf_release(&index);
    buf_release(&dir);
    return rc;
}

/* All objects in this state, in packs of this level. */
static int write_packs(struct library *lib, enum state which, int level, struct barrier *b)
{
    struct shadow *s = lib->shadow;
    struct pack_object *v = calloc(s->n + 1, sizeof(*v));
    int rc = v ? 0 : err_oom();
    for (size_t from = 0, to; rc == 0 && from < s->n; from = to) {
        size_t n = 0, bytes = 0;
        for (to = from; to < s->n; to++) {
            const struct shadow_object *o = &s->v[to];
            if (o->state != which)
                continue;
            if (n && bytes + o->len > PACK_BYTES)
                break;
            v[n] = (struct pack_object){.type = o->type, .bytes = o->bytes, .len = o->len};
            memcpy(v[n++].id, o->id.id, HASH_GIT);
            bytes += o->len;
        }
        if (n)
            rc = write_pack(lib, v, n, level, b);
        for (size_t i = from; rc == 0 && i < to; i++)
            if (s->v[i].state == which) {
                s->v[i].state = PACKED;
                s->v[i].pack = s->serial;
            }
    }
    free(v);
    return rc;
}

static int write_one(struct library *lib, struct shadow_object *o)
{
    git_oid made;
    int rc;
    LIBRARY_TRY(lib, rc, git_odb_write(&made, lib->shadow->disk, o->bytes, o->len, o->type));
    const git_error *e = rc < 0 ? git_error_last() : NULL;
    if (e && e->message && strstr(e->message, strerror(ENOSPC)))
        errno = ENOSPC; /* the layers above say something of their own */
    if (rc < 0)
        return library_git_error(rc, "cannot write to '%s'", lib->dir);
    o->state = LOOSE;
    return 0;
}

static int write_loose(struct library *lib, struct barrier *b)
{
    struct shadow *s = lib->shadow;
    int rc = barrier_add_path(b, s->objects);
    bool whole = rc == 0 && barrier_whole(b->fd[b->n - 1]);
    if (whole)
        git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
    for (size_t i = 0; rc == 0 && i < s->n; i++)
        if (s->v[i].state == WANTED)
            rc = write_one(lib, &s->v[i]);
    if (whole)
        git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
    return rc;
}

int library_objects_write(struct library *lib, bool pack, struct barrier *b)
{
    struct shadow *s = lib->shadow;
    if (!s || !s->wanted)
        return 0;
    int rc = pack || s->wanted > LOOSE_MOST ? write_packs(lib, WANTED, 0, b) : write_loose(lib, b);
    if (rc == 0)
        s->wanted = 0;
    return rc;
}

/* ---- afterwards ---- */

static bool pack_there(const struct shadow *s, const char *name)
{
    struct buf path = BUF_INIT;
    buf_addf(&path, "%spack/%s.idx", s->objects, name);
    bool is = buf_check(&path) == 0 && fs_exists(path.ptr);
    buf_release(&path);
    return is;
}

/* What was in packs that somebody took away, and is nowhere else. A handle that had them open would
 * see them still. */
static int want_lost(struct library *lib)
{
    struct shadow *s = lib->shadow;
    git_odb *now = NULL;
    int rc = git_odb_open(&now, s->objects);
    if (rc < 0)
        return library_git_error(rc, "cannot open the objects of '%s'", lib->dir);
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].state == PACKED && !git_odb_exists(now, &s->v[i].id)) {
            s->v[i].state = WANTED;
            s->wanted++;
        }
    git_odb_free(now);
    return 0;
}

int library_shadow_settle(struct library *lib, bool all)
{
    struct shadow *s = lib->shadow;
    struct barrier b = {0};
    size_t there = 0;
    int rc = 0;
    if (!s)
        return 0;
    for (size_t i = all || s->n < RECENT ? 0 : s->n - RECENT; rc == 0 && i < s->n; i++)
        if (s->v[i].state == LOOSE && !git_odb_exists(s->disk, &s->v[i].id))
            rc = write_one(lib, &s->v[i]);
    for (size_t i = 0; i < s->n_packs; i++) {
        if (pack_there(s, s->packs[i].name))
            s->packs[there++] = s->packs[i];
        else
            free(s->packs[i].name);
    }
    bool lost = there < s->n_packs;
    s->n_packs = there;
    if (rc == 0 && lost)
        rc = want_lost(lib);
    if (rc == 0)
        rc = library_objects_write(lib, lost, &b);
    int flushed = barrier_wait(&b);
    return rc < 0 ? rc : flushed;
}

/* To where what is staged is, which is taken away by whoever comes next: first the index, so that
 * nobody finds a pack by it that goes away. */
static int drop_pack(struct library *lib, const char *name)
{
    static const char *const endings[] = {"idx", "pack"};
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++) {
        struct buf from = BUF_INIT, file = BUF_INIT;
        buf_addf(&from, "%spack/%s.%s", lib->shadow->objects, name, endings[i]);
        buf_addf(&file, "%s.%s", name, endings[i]);
        char *to = buf_check(&file) == 0 ? library_staged(lib, file.ptr) : NULL;
        rc = to ? buf_check(&from) : err_oom();
        if (rc == 0 && rename(from.ptr, to) < 0 && errno != ENOENT)
            rc = err_set_errno(GRASP_EIO, "cannot remove '%s'", from.ptr);
        free(to);
        buf_release(&from);
        buf_release(&file);
    }
    return rc;
}

/* Packs of level `from` or below become one of level `to`, and go. */
static int join(struct library *lib, int from, int to, struct barrier *b)
{
    struct shadow *s = lib->shadow;
    size_t had = s->n_packs, kept = 0;
    for (size_t k = 0; k < had; k++)
        for (size_t i = 0; s->packs[k].level <= from && i < s->n; i++)
            if (s->v[i].state == PACKED && s->v[i].pack == s->packs[k].serial)
                s->v[i].state = JOINING;
    int rc = write_packs(lib, JOINING, to, b);
    int flushed = barrier_wait(b);
    rc = rc < 0 ? rc : flushed;
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].state == JOINING)
            s->v[i].state = PACKED;
    for (size_t k = 0; k < s->n_packs; k++) {
        bool old = k < had && s->packs[k].level <= from;
        for (size_t i = had; old && i < s->n_packs; i++)
            old = strcmp(s->packs[i].name, s->packs[k].name) != 0; /* the same objects again */
        if (rc == 0 && old)
            rc = drop_pack(lib, s->packs[k].name);
        if (rc == 0 && old)
            free(s->packs[k].name);
        else
            s->packs[kept++] = s->packs[k];
    }
    s->n_packs = kept;
    return rc;
}

static size_t packs_of(const struct shadow *s, int level, bool below)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_packs; i++)
        n += s->packs[i].level == level || (below && s->packs[i].level < level);
    return n;
}

int library_objects_join(struct library *lib, bool all)
{
    struct shadow *s = lib->shadow;
    struct barrier b = {0};
    struct buf midx = BUF_INIT;
    int rc = 0;
    if (!s || s->n_packs < 2)
        return 0;
    buf_addf(&midx, "%spack/multi-pack-index", s->objects);
    rc = buf_check(&midx);
    bool named = rc == 0 && fs_exists(midx.ptr); /* an index of git's over all of them */
    for (int level = 0; rc == 0 && !named && packs_of(s, level, false) >= PACKS_MOST; level++)
        rc = join(lib, level, level + 1, &b);
    if (rc == 0 && !named && all && packs_of(s, LEVELS_JOINED - 1, true) > 1)
        rc = join(lib, LEVELS_JOINED - 1, LEVELS_JOINED, &b);
    library_stage_clear(lib);
    buf_release(&midx);
    return rc;
}
