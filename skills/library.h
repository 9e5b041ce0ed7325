/*
 * library.h - the git repository that holds the skills (DESIGN.md D2), on libgit2.
 *
 *     struct library *lib = NULL;
 *     library_open(&lib, "skills-lib", LIBRARY_WRITE | LIBRARY_CREATE);
 *     library_head(lib, &head);                       // oid of the branch's tip
 *     library_read(lib, head.hex, &set);              // any revision, no working tree
 *     library_candidate(lib, &set, &tree);            // a tree in the object database
 *     library_commit(lib, &tree, &head, &message, &commit);      // once judged
 *     library_accept(lib, &head, &commit);            // compare-and-swap fast-forward
 *     library_keep(lib, &commit, run, update, k);     // refs/grasp/candidates/RUN/UPDATE/K
 *     library_note(lib, &commit, evidence);           // refs/notes/gate
 *
 * Nothing is ever copied to a temporary directory. The working tree of a non-bare library follows
 * the branch; a dirty one is refused (GRASP_EREFUSED), never overwritten. SOURCE_DATE_EPOCH makes
 * commits reproducible. Author and committer are "grasp <grasp@localhost>" unless the user's git
 * configuration names somebody.
 */
#ifndef GRASP_SKILLS_LIBRARY_H
#define GRASP_SKILLS_LIBRARY_H

#include <jansson.h>
#include <stdint.h>

#include "runtime/base/barrier.h"
#include "skills/skill.h"

struct library;
enum { OID_HEX = 40 }; /* characters of an object id (SHA-1) */
struct oid {
    char hex[OID_HEX + 1]; /* "" is none */
};
/* An id as text, by its length alone. False, and *out is none: it is no id (NULL is none, too). */
bool oid_from_text(struct oid *out, const char *text);

enum {
    LIBRARY_READ = 0,
    LIBRARY_WRITE = 1,
    LIBRARY_CREATE = 2,
    LIBRARY_BARE = 4,
    LIBRARY_MEMORY = 8, /* objects made stay in memory: to try things on a library only read */
};

/* A library is a git repository whose root holds the file .grasp-library; for reading, a folder
 * skills/ is enough. Bare repositories are fine: they have no working tree to follow.
 * With LIBRARY_WRITE: takes the library's lock (another run's: GRASP_ECONFLICT naming its process),
 * refuses what is not a skill library, is dirty, or has a branch other than the one checked out.
 * With LIBRARY_CREATE a missing or empty directory becomes a library with one commit (a README.md
 * that says what this is and how to read it). */
int library_open(struct library **lib, const char *dir, int flags);
void library_close(struct library *lib);
const char *library_dir(const struct library *lib);
const char *library_branch(const struct library *lib); /* "main" */
/* Who signs from here on. A run that must end in the same object ids when it is resumed keeps both
 * and sets them again. */
const char *library_author(const struct library *lib);
const char *library_email(const struct library *lib);
int library_identity_set(struct library *lib, const char *name, const char *email);

/* Who wrote a commit signs from here on. */
int library_sign_as(struct library *lib, const struct oid *commit);

int library_head(struct library *lib, struct oid *commit);
/* Any revision git understands ("v1~1", a tag, a full or short id); peels to a commit.
 *
 * "best" is the best checkpoint that is known here: the branch of that name, or the one that was
 * fetched from a remote where that is further on (or the only one), so that it is never older in a
 * clone than in the library it was fetched from. Libraries of before have a tag; it counts last. */
#define LIBRARY_BEST_NAME "best"
int library_resolve(struct library *lib, const char *rev, struct oid *commit);
/* The object that a revision names itself, without peeling: an annotated tag's own id. */
int library_object(struct library *lib, const char *rev, struct oid *object);
/* The skills of a revision (commit, tag or tree). Files that are not valid skills are an error
 * naming file and line. */
int library_read(struct library *lib, const char *rev, struct skill_set *set);

/* What differs from one commit to another, without reading either: folders of skills/ by name, and
 * whether anything else does. */
struct library_delta {
    struct strlist names;
    bool other;
};
int library_delta(struct library *lib, const struct oid *from, const struct oid *to,
                  struct library_delta *d);
void library_delta_release(struct library_delta *d);
/* Of a commit's skills only those of these names, where they are there. */
int library_read_only(struct library *lib, const struct oid *commit, const struct strlist *names,
                      struct skill_set *set);
/* Whether skills/NAME of `to` is what writing `skill` (NULL: none) on top of `from` makes it. */
int library_skill_is(struct library *lib, const struct skill *skill, const char *name,
                     const struct oid *from, const struct oid *to, bool *same);

/* Reads the bytes of a set's other files (skill.h), which library_read leaves in the library; needed
 * to write them elsewhere: to a directory, or into another library. */
int library_load_files(struct library *lib, struct skill_set *set);

/* Writes the tree of `set` on top of `base`'s tree: a skill's folder holds what the set says, files
 * outside the skills' folders are kept. */
int library_candidate(struct library *lib, const struct skill_set *set, const struct oid *base,
                      struct oid *tree);
int library_tree_of(struct library *lib, const struct oid *commit, struct oid *tree);

struct trailer {
    const char *key, *value;
};
struct commit_text {
    const char *subject, *body; /* body may be NULL */
    const struct trailer *trailers;
    size_t n;
    int64_t when; /* nanoseconds since the epoch; 0: clock_stamp() */
};
/* In a batch, refs that the functions below set only move when it is published, all of them at once,
 * and what they lead to is one pack:
 *
 *     library_batch_begin(lib);
 *     ...                                  // library_keep, library_note, library_blob, library_accept
 *     library_batch_write(lib, &b);        // all of it is on its way to the disk
 *     barrier_wait(&b);                    // barrier.h; or on a thread
 *     library_batch_publish(lib);          // nothing is half-way, whatever happens here
 *
 * Writing and publishing end it when they fail, as library_batch_drop does: nothing has moved. A ref
 * that somebody else moved meanwhile is GRASP_ECONFLICT, a lock of git's that stays GRASP_ESTOPPED.
 * library_batch_commit is all three. */
void library_batch_begin(struct library *lib);
int library_batch_write(struct library *lib, struct barrier *b);
int library_batch_publish(struct library *lib);
int library_batch_commit(struct library *lib);
void library_batch_drop(struct library *lib);
/* A commit object of `tree` with parent `parent`; no ref is touched. */
int library_commit(struct library *lib, const struct oid *tree, const struct oid *parent,
                   const struct commit_text *text, struct oid *commit);
/* 1 when `ancestor` is `commit` or in its history, 0 when not, negative on failure. */
int library_contains(struct library *lib, const struct oid *commit, const struct oid *ancestor);
/* Moves the branch from `from` to its descendant `to` if it still is at `from` (else
 * GRASP_ECONFLICT), then lets the working tree follow. A branch that has `to` already is left alone
 * (a resumed run accepts again what it accepted). Crash-safe: the next open for writing, or the
 * next accept, completes a half-updated working tree; a user's edits are refused before the branch
 * moves. */
int library_accept(struct library *lib, const struct oid *from, const struct oid *to);
/* The git commands that take the branch back to `commit` and keep what it has now as the branch
 * "aside", appended. */
void library_way_back(struct library *lib, const struct oid *commit, struct buf *out);
/* From here on head and accept are of the branch NAME (of where the checked-out one is while there is
 * no such branch), which no working tree follows: winners that a person has yet to adopt. It is made
 * at once when `create`. Refuses what library_branch_check does. */
int library_line_set(struct library *lib, const char *name, bool create);
/* Removes a branch that leads to nothing new: the checked-out one, or that of library_line_set, has
 * what it leads to. Any other is left alone. */
int library_branch_drop(struct library *lib, const char *name);
/* Keeps a commit under refs/grasp/rejected/RUN: what a person did not want stays readable. */
int library_keep_rejected(struct library *lib, const struct oid *commit, const char *run);
/* Keeps a commit under refs/grasp/candidates/RUN/UPDATE/K. The same one again is fine, another one
 * in its place GRASP_ECONFLICT. */
int library_keep(struct library *lib, const struct oid *commit, const char *run, int update, int k);
/* The evidence note of a commit (JSON, canonical with indentation): written or replaced by an equal
 * one; a different one that exists is GRASP_ECONFLICT. */
int library_note(struct library *lib, const struct oid *commit, const json_t *evidence,
                 int64_t when);
/* New reference; GRASP_ENOTFOUND when there is none. */
int library_note_read(struct library *lib, const struct oid *commit, json_t **evidence);
/* A person's word for a commit that no gate measured: a note of its own (refs/notes/ack), written or
 * replaced; the first line is why. */
int library_ack(struct library *lib, const struct oid *commit, const char *why);
/* A person's word against a commit (refs/notes/rejected); and back, GRASP_ENOTFOUND. */
int library_reject(struct library *lib, const struct oid *commit, const char *why);
int library_reject_read(struct library *lib, const struct oid *commit, struct buf *why);
/* Stores bytes as a blob (the probe set) and returns its id. refs/grasp/probes/ID points to it, so
 * that `git gc` keeps it. */
int library_blob(struct library *lib, const void *bytes, size_t len, struct oid *blob);
int library_blob_read(struct library *lib, const struct oid *blob, struct buf *out);
/* The branch "best" leads to this commit from now on; `why` goes into its reflog. */
int library_best_set(struct library *lib, const struct oid *commit, const char *why);
/* The `why` of the last time, appended; GRASP_ENOTFOUND in a clone, which has no reflog of it. */
int library_best_why(struct library *lib, struct buf *out);
/* Sets refs/tags/NAME as an annotated tag on a commit; a different one that exists, or a branch of
 * that name, is GRASP_ECONFLICT. refs/grasp/frozen/NAME leads to the tag as well, so that one that
 * is removed or replaced later can be told. */
int library_tag(struct library *lib, const char *name, const struct oid *commit,
                const char *message, int64_t when, struct oid *tag);
/* What a tagging that was interrupted did not come to: refs/grasp/frozen/NAME where there is none. */
int library_tag_settle(struct library *lib, const char *name);
int library_tag_message(struct library *lib, const char *name, struct buf *out);
/* Whether refs/heads/NAME may be made or moved by library_branch_set: GRASP_EINVAL for what cannot be
 * a branch's name, GRASP_EREFUSED for the checked-out one, HEAD, "best", a tag's name, and where
 * another branch stands in the way ("for" of "for/x"). Nothing is written. */
int library_branch_check(struct library *lib, const char *name);
/* Creates or moves refs/heads/NAME, for pruned branches; refuses what library_branch_check does. */
int library_branch_set(struct library *lib, const char *name, const struct oid *commit);

/* A commit as read back. */
struct library_commit_info {
    struct oid commit, tree, parent; /* first parent, "" for the root */
    struct oid merged;               /* second parent, "": none */
    char *subject, *body;
    struct strlist keys, values; /* trailers in order */
    size_t parents;              /* more than one: a merge */
    bool boundary; /* a shallow clone begins here: parents are named that are not in it */
    int64_t when;
};
void library_commit_release(struct library_commit_info *c);
int library_commit_read(struct library *lib, const struct oid *commit,
                        struct library_commit_info *info);
const char *library_trailer(const struct library_commit_info *c, const char *key);
/* The first line, appended: of the note, or of the commit's own trailer Acknowledged. GRASP_ENOTFOUND
 * when nobody gave one. */
int library_ack_read(struct library *lib, const struct library_commit_info *commit,
                     struct buf *why);
/* First-parent history of a revision, newest first. Stops at the first non-zero return. */
typedef int (*library_walk_fn)(const struct library_commit_info *c, void *arg);
int library_walk(struct library *lib, const char *rev, library_walk_fn fn, void *arg);
/* All refs that begin with `prefix` ("refs/tags/") and lead to a commit, in version order (2 before
 * 10). Stops at the first non-zero return. */
typedef int (*library_ref_fn)(const char *ref, const struct oid *commit, void *arg);
int library_refs(struct library *lib, const char *prefix, library_ref_fn fn, void *arg);
/* Calls fn(NAME, what the frozen tag leads to) for each that is not as it was made: moved, replaced
 * by another tag, also a lightweight one, or gone. */
int library_tags_altered(struct library *lib, library_ref_fn fn, void *arg);
/* Those under refs/grasp/candidates/. */
int library_candidates(struct library *lib, library_ref_fn fn, void *arg);
/* Every commit that a person rejected. */
int library_rejected(struct library *lib, library_ref_fn fn, void *arg);
/* Every object that has an evidence note; `ref` is the id of the note's blob. */
int library_notes(struct library *lib, library_ref_fn fn, void *arg);

/* What this copy lacks although its history was measured: LIBRARY_LACKS_* bits, with a command that
 * gets it appended to `how`; 0 for a library that has all of it, negative on failure. */
enum { LIBRARY_LACKS_EVIDENCE = 1, LIBRARY_LACKS_CANDIDATES = 2 };
int library_lacks(struct library *lib, struct strlist *how);
/* Configures a remote so that plain `git fetch` and `git push` carry evidence and candidates; what
 * was added to the configuration is appended to `added`. Writes no ref. */
int library_remote_set(struct library *lib, const char *remote, struct strlist *added);

/* Every evidence note that was changed or removed after it had been written, from the history of
 * the notes: `ref` is the id of the notes' commit that did it, `commit` what the note is on. Notes
 * are written once, so each of these was altered by hand. */
int library_note_changes(struct library *lib, library_ref_fn fn, void *arg);

#endif
