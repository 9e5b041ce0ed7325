/*
 * library_private.h - what the files of the library share. From the bottom up: `library_stage.c`
 * keeps files that are on their way, `library_lock.c` keeps other writers out, `library_change.c`
 * notes refs that are set, `library_git.c` is what all speak with libgit2 through,
 * `library_shadow.c` holds and writes objects, `library_repo.c` opens the repository,
 * `library_ref.c` sets refs and knows the best checkpoint, `library_tree.c` reads and writes skills
 * as git trees, `library_checkout.c` lets the working tree follow, `library_batch.c` moves refs
 * together, `library_history.c` makes commits and notes, `library_read.c` reads history back and has
 * the tags, `library_notes.c` finds notes that were altered, `library_clone.c` knows what clones
 * lack, `library_scan.c` what changes from commit to commit, `library.c` opens and closes.
 */
#ifndef GRASP_SKILLS_LIBRARY_PRIVATE_H
#define GRASP_SKILLS_LIBRARY_PRIVATE_H

#include <errno.h>
#include <git2.h>
#if __has_include(<git2/sys/errors.h>) /* since libgit2 1.8 git_error_set_str is declared there */
#include <git2/sys/errors.h>
#endif
#include <stdbool.h>

#include "skills/library.h"

#define LIBRARY_MARKER       ".grasp-library" /* in the root of every revision */
#define LIBRARY_MARKER_TEXT  "format 1\n"
#define LIBRARY_NOTES_REF    "refs/notes/gate"
#define LIBRARY_ACK_REF      "refs/notes/ack"
#define LIBRARY_REJECTED_REF "refs/notes/rejected"
#define LIBRARY_CANDIDATES   "refs/grasp/candidates/"
#define LIBRARY_PROBES       "refs/grasp/probes/"
#define LIBRARY_FROZEN       "refs/grasp/frozen/"
#define LIBRARY_REJECTED     "refs/grasp/rejected/"
#define LIBRARY_BEST         "refs/heads/" LIBRARY_BEST_NAME
#define LIBRARY_BEST_TAG     "refs/tags/" LIBRARY_BEST_NAME /* where libraries had it before */
/* With locks of others. Long enough for a `git gc` of a large library, not for an editor that somebody
 * left open. */
#define LIBRARY_PATIENCE       (5 * NS_PER_SEC)
#define LIBRARY_CHECKOUT_STATE "grasp-checkout" /* in the git directory */

/* The trees that were compared last, as git stores them. */
enum { SCAN_TREES = 6 };
struct scan {
    git_odb_object *tree[SCAN_TREES];
    size_t next;
};
/* Where each commit's evidence is: read once by who only reads. */
struct note_place {
    git_oid on, note;
};
struct note_places {
    struct note_place *v; /* by commit */
    size_t n, cap;
    bool known;
};

/* Refs that are to move together (library_batch.c). */
struct ref_change {
    char *name, *why, *line; /* line: of packed-refs */
    git_oid id, expected, was;
    bool checked, found; /* against expected, which may be none; there was one, `was` */
    bool loose, locked;
};

struct batch {
    bool open, written; /* written: packed-refs.lock is ours */
    bool moved;         /* the refs have */
    struct ref_change *v;
    size_t n, cap;
    bool follows; /* the working tree, from one commit to another */
    git_oid from, to;
};

struct library {
    git_repository *repo;
    char *dir, *gitdir; /* gitdir ends in '/' */
    char *branch;       /* "main" */
    char *head_ref;     /* "refs/heads/main" */
    char *line_ref;     /* the branch that is written instead, NULL: head_ref */
    char *name, *email;
    int flags;
    struct scan scan;
    struct note_places notes;
    int lock_fd;            /* -1 when only reading */
    struct shadow *shadow;  /* of what is written; NULL when only reading */
    bool partial;           /* a clone that leaves objects out until somebody asks for them */
    struct strlist shallow; /* commits whose parents were not fetched */
    bool creating;          /* nothing in the git directory counts yet */
    struct batch batch;
    bool index_locked; /* index.lock is ours */
    bool staged;       /* this process wrote the files that the working tree will have */
    int64_t lock_since;
};

/* libgit2 made ready; library_close undoes it. */
void library_repo_init(void);
/* Opens what is there; GRASP_ENOTFOUND when the directory itself is no repository, GRASP_EREFUSED
 * with the way out when it is one that git or libgit2 does not open as it is. */
int library_repo_open(struct library *lib);

/* Git beside us - a gc, a repack, a fetch, a person's commit - holds locks and moves objects for
 * moments: what fails for that is tried again, for seconds, then it is GRASP_ESTOPPED by way of
 * library_git_error and the same command goes on later.
 *
 *     LIBRARY_TRY(lib, rc, git_blob_create_from_buffer(&id, lib->repo, p, n));
 */
struct library_patience {
    int64_t until;
    int tries;
};
bool library_wait(struct library *lib, int rc, struct library_patience *p);
#define LIBRARY_TRY(lib, rc, call)                                                                 \
    do {                                                                                           \
        struct library_patience patience_ = {0, 0};                                                \
        do {                                                                                       \
            errno = 0;                                                                             \
            (rc) = (call);                                                                         \
        } while ((rc) < 0 && library_wait((lib), (rc), &patience_));                               \
    } while (0)

/* The branch that is written moves from `from` to `to`. */
int library_line_move(struct library *lib, const git_oid *to, const git_oid *from);

void library_scan_release(struct library *lib);
/* One folder of skills/ by its tree's id: the skill in it joins the set. */
int library_folder_read(struct library *lib, const git_oid *id, const char *name,
                        struct skill_set *set);
/* The tree that writing a skill's folder makes; `old`: the folder as it was, NULL for a new one. */
int library_folder_write(struct library *lib, const struct skill *skill, const git_oid *old,
                         git_oid *out);

/* An object that is known by its id. libgit2's code; its message says when a clone left it out. */
int library_object_at(struct library *lib, const git_oid *id, git_object_t type, git_object **out);
/* A commit that has to be there; the caller frees it. */
int library_commit_at(struct library *lib, const struct oid *commit, git_commit **out);

/* Objects made from here on are held in memory (library_shadow.c) until a ref is about to lead to
 * them: then they are wanted, with all that they lead to. */
int library_shadow_open(struct library *lib);
int library_objects_want(struct library *lib, const git_oid *tip);
/* Writes what is wanted, as a pack or as git would, and adds it to `b`. */
int library_objects_write(struct library *lib, bool pack, struct barrier *b);
/* Makes one pack of many that this process wrote; `all`: of as good as all. */
int library_objects_join(struct library *lib, bool all);
/* Writes again what somebody removed from the disk: of the last ones, or of all. */
int library_shadow_settle(struct library *lib, bool all);

/* Files that are on their way into the repository, in a folder of the git directory: where one would
 * be (the caller frees), making the folder, and taking away what is in it. */
char *library_staged(struct library *lib, const char *file);
int library_stage(struct library *lib);
void library_stage_clear(struct library *lib);
/* Takes NAME.lock of the git directory, as git does; a descriptor of it, empty. Waits for others:
 * GRASP_ESTOPPED. Say so first (library_lock_intent). */
int library_git_lock(struct library *lib, const char *name);
void library_git_unlock(struct library *lib, const char *name);
int library_git_place(struct library *lib, const char *name); /* the lock becomes the file */
/* Of the git directory: NAME and an ending. The caller frees; NULL: no memory. */
char *library_git_path(const struct library *lib, const char *name, const char *ending);
/* What a ref leads to, in this batch too. libgit2's code. */
int library_ref_id(struct library *lib, const char *ref, git_oid *out);
/* library_ref_set in a batch. */
int library_batch_ref(struct library *lib, const char *ref, const git_oid *id,
                      const git_oid *expected, const char *why);
void library_changes_forget(struct library *lib); /* the batch is over */
/* The note on an object under a notes ref, in this batch too (libgit2's code, the caller frees); and
 * one written, `replace`: also over another. */
int library_note_at(struct library *lib, const char *ref, const git_oid *on, git_note **note);
int library_note_put(struct library *lib, const char *ref, const git_oid *on,
                     const git_signature *who, const char *text, bool replace);
/* GRASP_EREFUSED when HEAD is not where it was when the library was opened. */
int library_head_check(struct library *lib);

/* Translates libgit2's code and message; returns a GRASP_E* code. */
int library_git_error(int rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int library_need_write(const struct library *lib);

void library_oid_out(struct oid *out, const git_oid *in);
/* GRASP_EINVAL when the text is no full object id. */
int library_oid_in(git_oid *out, const struct oid *in);
/* The tree of a commit, tag or tree. Caller frees. */
int library_tree_lookup(struct library *lib, const git_oid *id, git_tree **tree);
/* The branch's tip; GRASP_ENOTFOUND when it has no commit. */
int library_tip(struct library *lib, git_oid *out);
/* What a revision names, not peeled (library_resolve). Caller frees. */
int library_rev(struct library *lib, const char *rev, git_object **out);
/* A signature at `when` (nanoseconds; 0: clock_stamp()), zone +0000. */
int library_signature(struct library *lib, int64_t when, git_signature **out);
/* Creates or moves a ref under the stale-lock protection; expected NULL: whatever it was; a zero
 * id: it must not exist. */
int library_ref_set(struct library *lib, const char *ref, const git_oid *id,
                    const git_oid *expected, const char *why);

/* The lock. The record in the file says who holds it and which git lock file it may be holding at
 * the moment, so that one that was killed there does not leave the repository locked. */
int library_lock(struct library *lib);
void library_unlock(struct library *lib);
/* Removes what a process left that was killed in its first commit. */
void library_lock_clear(struct library *lib);
/* Waits for locks of git's on what we are going to write, so that a stale one is found before
 * anything is paid for: GRASP_ESTOPPED. */
int library_lock_others(struct library *lib);
/* "refs/heads/main": we or libgit2 may create that + ".lock" now; several are separated by spaces.
 * NULL: done. */
void library_lock_intent(struct library *lib, const char *what);
/* From the first file of a new repository to its first commit. */
int library_lock_creating(struct library *lib, bool creating);
#define LIBRARY_INTENT_CREATE "the first commit"
/* True when the last holder was stopped while it made the repository. */
bool library_lock_half_made(const char *gitdir);

/* The best checkpoint of an older library, a tag, becomes a branch; the lock is held. */
int library_best_bring_over(struct library *lib);

/* Makes the first commit of an unborn branch; the lock is held. */
int library_first_commit(struct library *lib);

/* Refuses (GRASP_EREFUSED) when the working tree has changes that are in no commit. */
int library_clean(struct library *lib);
/* Refuses when a file that differs between the two commits is neither's. */
int library_checkout_check(struct library *lib, const git_oid *from, const git_oid *to);
/* Remembers that the branch is about to move, on disk. */
int library_checkout_begin(struct library *lib, const git_oid *from, const git_oid *to);
/* The same, and the new files are written beside; all of it is added to `b`. */
int library_checkout_stage(struct library *lib, const git_oid *from, const git_oid *to,
                           struct barrier *b);
/* The branch does not move after all. */
void library_checkout_drop(struct library *lib);
/* Keeps git from the index until it was written. */
int library_index_lock(struct library *lib);
/* Finishes what library_checkout_begin announced, here or in a process that was killed. */
int library_checkout_settle(struct library *lib);

#endif
