/*
 * library_batch.c - several refs that move together, and what they lead to.
 *
 * In a batch, refs that are set are only noted. Writing it puts the objects into one pack, the files
 * that the working tree will have and the new packed-refs beside where they will be, and hands all of
 * it to a barrier. When that is on disk, publishing moves them into place: first the refs, by one
 * rename of packed-refs, then the working tree. So refs never lead to what could be lost, and one wait
 * for the disk is enough for all of it. A ref that has a file of its own (a person's commit makes one)
 * loses it then: packed-refs has it.
 *
 * git's locks are held as git holds them: packed-refs.lock is the new file, REF.lock keeps others from
 * that ref, index.lock keeps a person's `git commit` from taking the index of before for the branch
 * of after.
 */
#include "skills/library_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/barrier.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/grow.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define PACKED "packed-refs"
#define OURS   "refs/grasp/" /* nobody else writes these */

/* ---- packed-refs ---- */

struct line {
    const char *text, *name; /* text: without its newline; what a tag leads to is a second line */
    size_t len, name_len;
};

struct packed {
    struct buf text;
    char *header;
    struct line *v;
    size_t n, cap;
};

static void packed_release(struct packed *p)
{
    buf_release(&p->text);
    free(p->header);
    free(p->v);
}

static int packed_line(struct packed *p, const char *text, size_t len)
{
    int rc = grow(&p->v, &p->cap, p->n + 1);
    if (rc == 0)
        p->v[p->n++] = (struct line){text, text + OID_HEX + 1, len, len - OID_HEX - 1};
    return rc;
}

/* git says in the first line what a reader may rely on: kept, and sorted it is from now on. */
static int packed_header(struct packed *p, const char *text, size_t len)
{
    struct buf head = BUF_INIT;
    bool fully = !text || memmem(text, len, " fully-peeled ", 14);
    bool peeled = !text || memmem(text, len, " peeled ", 8);
    buf_addf(&head, "# pack-refs with:%s%s sorted ", peeled ? " peeled" : "",
             fully ? " fully-peeled" : "");
    free(p->header);
    int rc = buf_check(&head);
    p->header = rc == 0 ? buf_detach(&head) : NULL;
    buf_release(&head);
    return rc;
}

static int packed_damaged(const struct library *lib, const char *path)
{
    return err_set(GRASP_EREFUSED, "'%s' is damaged: git -C '%s' fsck says more", path, lib->dir);
}

static int packed_read(struct library *lib, struct packed *p)
{
    char *path = library_git_path(lib, PACKED, "");
    int rc = path ? fs_read(path, &p->text) : err_oom();
    if (rc == GRASP_ENOTFOUND)
        rc = 0;
    if (rc == 0 && strlen(p->text.ptr) < p->text.len) /* what is behind would be lost */
        rc = packed_damaged(lib, path);
    if (rc == 0)
        rc = packed_header(p, p->text.len ? p->text.ptr : NULL, strcspn(p->text.ptr, "\n"));
    for (const char *at = p->text.ptr; rc == 0 && *at;) {
        size_t len = strcspn(at, "\n");
        git_oid id;
        if (*at == '^' && p->n)
            p->v[p->n - 1].len = (size_t)(at + len - p->v[p->n - 1].text);
        else if (*at != '#' && (len < OID_HEX + 2 || at[OID_HEX] != ' ' ||
                                git_oid_fromstrn(&id, at, OID_HEX) < 0))
            rc = packed_damaged(lib, path);
        else if (*at != '#')
            rc = packed_line(p, at, len);
        at += len + (at[len] == '\n');
    }
    free(path);
    return rc;
}

static struct line *packed_find(const struct packed *p, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].name_len == len && memcmp(p->v[i].name, name, len) == 0)
            return &p->v[i];
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
    int c = memcmp(x->name, y->name, n);
    return c ? c : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static int packed_write(struct packed *p, int fd)
{
    struct buf out = BUF_INIT;
    if (p->n)
        qsort(p->v, p->n, sizeof(*p->v), by_name);
    buf_addf(&out, "%s\n", p->header);
    for (size_t i = 0; i < p->n; i++) {
        buf_add(&out, p->v[i].text, p->v[i].len);
        buf_addch(&out, '\n');
    }
    int rc = buf_check(&out);
    if (rc == 0 && fs_write_all(fd, out.ptr, out.len) < 0)
        rc = err_set_errno(GRASP_EIO, "cannot write the new " PACKED);
    buf_release(&out);
    return rc;
}

/* ---- changes ---- */

/* What a ref's own file says; *loose false: it has none. */
static int read_loose(struct library *lib, const struct ref_change *c, git_oid *id, bool *loose)
{
    struct buf text = BUF_INIT;
    char *path = library_git_path(lib, c->name, "");
    int rc = path ? fs_read(path, &text) : err_oom();
    *loose = rc == 0;
    if (rc == GRASP_ENOTFOUND || (rc < 0 && path && fs_is_dir(path)))
        rc = 0;
    else if (rc == 0 && (text.len < OID_HEX || git_oid_fromstrn(id, text.ptr, OID_HEX) < 0))
        rc = err_set(GRASP_EREFUSED, "%s of the library '%s' is no plain ref", c->name, lib->dir);
    free(path);
    buf_release(&text);
    return rc;
}

static int moved(struct library *lib, const struct ref_change *c)
{
    return err_set(GRASP_ECONFLICT,
                   "cannot set %s in '%s': somebody else %s it: run the same command again",
                   c->name, lib->dir, c->found ? "moved" : "removed");
}

/* What it is now, and whether that is as it should be. */
static int look_at(struct library *lib, const struct packed *p, struct ref_change *c)
{
    int rc = read_loose(lib, c, &c->was, &c->loose);
    const struct line *l = packed_find(p, c->name);
    c->found = c->loose || l;
    if (rc == 0 && !c->loose && l)
        git_oid_fromstrn(&c->was, l->text, OID_HEX);
    if (rc < 0 || !c->checked)
        return rc;
    if (git_oid_is_zero(&c->expected) ? c->found
                                      : !c->found || !git_oid_equal(&c->was, &c->expected))
        rc = moved(lib, c);
    return rc;
}

static int put_line(struct packed *p, struct ref_change *c)
{
    struct line *there = packed_find(p, c->name);
    char hex[OID_HEX + 1];
    free(c->line);
    if (asprintf(&c->line, "%s %s", git_oid_tostr(hex, sizeof(hex), &c->id), c->name) < 0) {
        c->line = NULL;
        return err_oom();
    }
    if (!there)
        return packed_line(p, c->line, strlen(c->line));
    *there = (struct line){c->line, c->line + OID_HEX + 1, strlen(c->line), there->name_len};
    return 0;
}

/* ---- reflogs, as git keeps them ---- */

static bool keeps_log(struct library *lib, const char *name, const char *path)
{
    git_config *config = NULL;
    const char *value = NULL;
    int on = !git_repository_is_bare(lib->repo);
    if (fs_exists(path))
        return true;
    if (git_repository_config_snapshot(&config, lib->repo) == 0 &&
        git_config_get_string(&value, config, "core.logallrefupdates") == 0 &&
        git_config_parse_bool(&on, value) < 0)
        on = true; /* "always" */
    git_config_free(config);
    return on && (strcmp(name, "HEAD") == 0 || str_starts(name, "refs/heads/") ||
                  str_starts(name, "refs/notes/"));
}

static int add_log(struct library *lib, const char *name, const struct ref_change *c)
{
    char from[OID_HEX + 1], to[OID_HEX + 1], *dir = NULL;
    struct buf path = BUF_INIT, line = BUF_INIT;
    buf_addf(&path, "%slogs/%s", lib->gitdir, name);
    buf_addf(&line, "%s %s %s <%s> %lld +0000\t%s\n", git_oid_tostr(from, sizeof(from), &c->was),
             git_oid_tostr(to, sizeof(to), &c->id), lib->name, lib->email,
             (long long)(clock_stamp() / NS_PER_SEC), c->why);
    int rc = buf_check(&path), fd = -1;
    if (rc == 0 && (rc = buf_check(&line)) == 0 && keeps_log(lib, name, path.ptr)) {
        dir = fs_dirname(path.ptr);
        rc = dir ? fs_mkdirs(dir) : err_oom();
        if (rc == 0)
            fd = open(path.ptr, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (rc == 0 && (fd < 0 || fs_write_all(fd, line.ptr, line.len) < 0))
            rc = err_set_errno(GRASP_EIO, "cannot write '%s'", path.ptr);
    }
    if (fd >= 0)
        close(fd);
    free(dir);
    buf_release(&path);
    buf_release(&line);
    return rc;
}

/* ---- the batch ---- */

void library_batch_begin(struct library *lib)
{
    lib->batch.open = true;
}

static void unlock(struct library *lib)
{
    for (size_t i = 0; i < lib->batch.n; i++)
        if (lib->batch.v[i].locked)
            library_git_unlock(lib, lib->batch.v[i].name);
    if (lib->batch.written)
        library_git_unlock(lib, PACKED);
    if (lib->index_locked)
        library_git_unlock(lib, "index");
    lib->index_locked = false;
    library_lock_intent(lib, NULL);
}

void library_batch_drop(struct library *lib)
{
    if (!lib->batch.open)
        return;
    if (!lib->batch.moved)
        library_checkout_drop(lib);
    unlock(lib);
    library_stage_clear(lib);
    library_changes_forget(lib);
}

static int write_refs(struct library *lib, struct barrier *b)
{
    struct packed p = {.text = BUF_INIT};
    library_lock_intent(lib, PACKED);
    int fd = library_git_lock(lib, PACKED), rc = fd < 0 ? fd : 0;
    lib->batch.written = fd >= 0;
    if (rc == 0)
        rc = packed_read(lib, &p);
    for (size_t i = 0; rc == 0 && i < lib->batch.n; i++) {
        rc = look_at(lib, &p, &lib->batch.v[i]);
        if (rc == 0)
            rc = put_line(&p, &lib->batch.v[i]);
    }
    if (rc == 0)
        rc = packed_write(&p, fd);
    if (rc == 0)
        rc = barrier_add(b, fd);
    if (rc == 0)
        rc = barrier_add_path(b, lib->gitdir);
    if (fd >= 0)
        close(fd);
    packed_release(&p);
    return rc;
}

int library_batch_write(struct library *lib, struct barrier *b)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < lib->batch.n; i++)
        rc = library_objects_want(lib, &lib->batch.v[i].id);
    if (rc == 0 && lib->batch.n)
        rc = library_objects_write(lib, true, b);
    if (rc == 0 && lib->batch.follows)
        rc = library_checkout_stage(lib, &lib->batch.from, &lib->batch.to, b);
    if (rc == 0 && lib->batch.n)
        rc = write_refs(lib, b);
    if (rc < 0)
        library_batch_drop(lib);
    return rc;
}

/* Everything that a process that is killed from here on may leave. */
static int intend(struct library *lib)
{
    struct buf names = BUF_INIT;
    buf_adds(&names, PACKED);
    if (lib->batch.follows)
        buf_adds(&names, " index");
    for (size_t i = 0; i < lib->batch.n; i++)
        if (!str_starts(lib->batch.v[i].name, OURS))
            buf_addf(&names, " %s", lib->batch.v[i].name);
    int rc = buf_check(&names);
    if (rc == 0)
        library_lock_intent(lib, names.ptr);
    buf_release(&names);
    return rc;
}

/* Takes the ref's lock and looks whether its file is as it was: packed-refs is locked already. */
static int lock_ref(struct library *lib, struct ref_change *c)
{
    bool loose = false;
    git_oid is;
    char *path = library_git_path(lib, c->name, ""), *dir = path ? fs_dirname(path) : NULL;
    int rc = dir ? fs_mkdirs(dir) : err_oom();
    int fd = rc == 0 ? library_git_lock(lib, c->name) : -1;
    if (rc == 0 && fd < 0)
        rc = fd;
    free(dir);
    free(path);
    if (rc < 0)
        return rc;
    close(fd);
    c->locked = true;
    rc = read_loose(lib, c, &is, &loose);
    if (rc == 0 && (loose != c->loose ? loose : loose && !git_oid_equal(&is, &c->was)))
        rc = moved(lib, c);
    return rc;
}

static int log_change(struct library *lib, const struct ref_change *c)
{
    int rc = add_log(lib, c->name, c);
    if (rc == 0 && strcmp(c->name, lib->head_ref) == 0)
        rc = add_log(lib, "HEAD", c);
    return rc;
}

/* The refs' own files go after packed-refs has come, on the disk, too. */
static int drop_loose(struct library *lib)
{
    struct barrier b = {0};
    bool any = false;
    for (size_t i = 0; i < lib->batch.n; i++)
        any = any || lib->batch.v[i].loose;
    int rc = any ? barrier_add_path(&b, lib->gitdir) : 0;
    int flushed = barrier_wait(&b);
    rc = rc < 0 ? rc : flushed;
    for (size_t i = 0; rc == 0 && i < lib->batch.n; i++) {
        char *path = lib->batch.v[i].loose ? library_git_path(lib, lib->batch.v[i].name, "") : NULL;
        if (path && unlink(path) < 0 && errno != ENOENT)
            rc = err_set_errno(GRASP_EIO, "cannot remove '%s'", path);
        free(path);
    }
    return rc;
}

static int publish_refs(struct library *lib)
{
    int rc = intend(lib);
    if (rc == 0 && lib->batch.follows)
        rc = library_index_lock(lib);
    if (rc == 0 && lib->batch.follows)
        rc = library_head_check(lib);
    for (size_t i = 0; rc == 0 && i < lib->batch.n; i++)
        if (!str_starts(lib->batch.v[i].name, OURS))
            rc = lock_ref(lib, &lib->batch.v[i]);
    for (size_t i = 0; rc == 0 && i < lib->batch.n; i++)
        rc = log_change(lib, &lib->batch.v[i]);
    if (rc == 0 && (rc = library_git_place(lib, PACKED)) == 0) {
        lib->batch.written = false;
        lib->batch.moved = true;
        rc = drop_loose(lib);
    }
    return rc;
}

int library_batch_publish(struct library *lib)
{
    int rc = lib->batch.n ? publish_refs(lib) : 0;
    bool follows = rc == 0 && lib->batch.follows;
    for (size_t i = 0; i < lib->batch.n; i++)
        if (lib->batch.v[i].locked) {
            library_git_unlock(lib, lib->batch.v[i].name);
            lib->batch.v[i].locked = false;
        }
    if (rc == 0)
        rc = library_shadow_settle(lib, false);
    if (rc == 0 && follows)
        rc = library_checkout_settle(lib);
    library_batch_drop(lib);
    return rc < 0 ? rc : library_objects_join(lib, false);
}

int library_batch_commit(struct library *lib)
{
    struct barrier b = {0};
    int rc = library_batch_write(lib, &b);
    int flushed = barrier_wait(&b);
    rc = rc < 0 ? rc : flushed;
    if (rc == 0)
        return library_batch_publish(lib);
    library_batch_drop(lib);
    return rc;
}
