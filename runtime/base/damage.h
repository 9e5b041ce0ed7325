/*
 * damage.h - looking for damage in a database of LMDB's, and what its codes mean.
 *
 * LMDB trusts its pages: a flipped bit in one may show other keys, or end the process that follows a
 * wild offset. So everything is walked by a child, and how that ended is a finding too.
 */
#ifndef GRASP_BASE_DAMAGE_H
#define GRASP_BASE_DAMAGE_H

#include <lmdb.h>
#include <stddef.h>

/* Looks through what is in `dir`, filling the plain bytes at `out`; an error of ours, with its
 * message. */
typedef int (*damage_fn)(const char *dir, void *out);

/* Runs look(dir, out) in a child and hands on what it found: its return, message and the `size` bytes
 * at `out`, which are as they were when it did not come to an end. That is GRASP_EREFUSED: "WHAT 'DIR'
 * is damaged: reading it ends the process (signal 11); WAY_OUT". GRASP_EIO: there is no child. */
int damage_look(damage_fn look, const char *dir, void *out, size_t size, const char *what,
                const char *way_out);

/* LMDB's code or errno as one of ours, with the message "WHERE: what it says; what to do about it". A
 * page that a flipped bit leads to has many codes: of all of them `way_out` is said, with the code
 * `damaged`. `foreign` is what to do about a file that is no such database. 0 is 0. */
int damage_error(int rc, const char *where, int damaged, const char *foreign, const char *way_out);

/* The lists of free pages: damaged, they give a page in use to somebody else, later. LMDB's code. */
int damage_free_pages(MDB_env *env, MDB_txn *txn);

#endif
