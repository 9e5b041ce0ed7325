/*
 * pack.h - many git objects as one file: a packfile of version 2 and its index (gitformat-pack(5)),
 * as bytes in memory. Objects are compressed one by one; making deltas of them is left to `git gc`.
 */
#ifndef GRASP_SKILLS_PACK_H
#define GRASP_SKILLS_PACK_H

#include "runtime/base/buf.h"
#include "runtime/base/hash.h"

struct pack_object {
    uint8_t id[HASH_GIT];
    int type; /* 1 commit, 2 tree, 3 blob, 4 tag, as git and libgit2 number them */
    const void *bytes;
    size_t len;
};

/* So many bytes of objects make a pack at most; a single longer one is a pack of its own. */
#define PACK_BYTES ((size_t)64 << 20)

/* Appends both files of a pack of `n` objects, no two of one id, which it sorts; `name` is what git
 * calls them: pack-NAME.pack, pack-NAME.idx. GRASP_ENOMEM; GRASP_ELIMIT where they are longer than
 * 2 GiB. */
int pack_make(struct pack_object *v, size_t n, struct buf *pack, struct buf *index,
              char name[2 * HASH_GIT + 1]);

#endif
