/*
 * tail.c - the journal's write-ahead tail: one file, DIR/tail, that all processes append to.
 *
 *      0  8 "grasptl1"     8  8 generation
 *     16    frames: 4 length of the record, 4 check of the frame, then the record (record.c)
 *
 * Answers go here at the end of a turn of the loop by one write() without a flush: what a process
 * wrote outlives it. journal_sync flushes the file; tail_move moves them into LMDB in one durable
 * transaction and empties the tail. Whoever writes holds the file's flock: it first takes in what others appended, so the first
 * answer to a request stands for all processes, as it would in one database.
 *
 * A frame's check covers its generation, place and length, the record has a check of its own: bytes
 * of a write that was cut off are told from a damaged record (that one is skipped), and what is
 * left from before a move is never taken for new (it is in LMDB).
 *
 * The mirror is the tail in memory with an index by key: an answer of a moment ago is found without
 * a system call. It may lag behind the file; only who is about to pay or to write looks again.
 */
#include "runtime/journal/journal_private.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"

#define MAGIC      "grasptl1"
#define HEADER     16
#define FRAME      8
#define RECORD_MIN 64
#define SLOTS_MIN  256

struct tail_slot {
    size_t at, len; /* of the record, in the mirror */
};

void tail_init(struct tail *t)
{
    *t = (struct tail){.fd = -1, .limit = JOURNAL_TAIL_MAX};
    buf_init(&t->bytes);
}

static void forget(struct tail *t)
{
    buf_reset(&t->bytes);
    t->n = t->flushed = 0;
    if (t->index)
        memset(t->index, 0, t->index_size * sizeof(*t->index));
}

void tail_release(struct tail *t)
{
    if (t->fd >= 0)
        close(t->fd);
    buf_release(&t->bytes);
    free(t->slots);
    free(t->index);
    tail_init(t);
}

/* ---- the mirror ---- */

static const uint8_t *slot_key(const struct tail *t, size_t i)
{
    return (const uint8_t *)t->bytes.ptr + t->slots[i].at + RECORD_KEY;
}

/* Where `key` is or would be in the index (open addressing; 0: free, else slot + 1). */
static size_t place_of(const struct tail *t, const uint8_t *key)
{
    uint64_t h;
    memcpy(&h, key, sizeof(h));
    size_t i = h & (t->index_size - 1);
    while (t->index[i] && memcmp(slot_key(t, t->index[i] - 1), key, HASH_SIZE) != 0)
        i = (i + 1) & (t->index_size - 1);
    return i;
}

/* Room for one more slot, in an index at most half full: keys are hashes, so probing stays short. */
static int make_room(struct tail *t)
{
    if (2 * (t->n + 1) <= t->index_size)
        return 0;
    size_t size = t->index_size ? 2 * t->index_size : SLOTS_MIN;
    struct tail_slot *slots = reallocarray(t->slots, size / 2, sizeof(*slots));
    if (!slots)
        return err_oom();
    t->slots = slots;
    uint32_t *index = calloc(size, sizeof(*index));
    if (!index)
        return err_oom();
    free(t->index);
    t->index = index;
    t->index_size = size;
    for (size_t i = 0; i < t->n; i++)
        t->index[place_of(t, slot_key(t, i))] = (uint32_t)i + 1;
    return 0;
}

/* Indexes a record that is in the mirror; the last one of a key counts. */
static int add_slot(struct tail *t, size_t at, size_t len)
{
    int rc = make_room(t);
    if (rc < 0)
        return rc;
    size_t place = place_of(t, (const uint8_t *)t->bytes.ptr + at + RECORD_KEY);
    if (!t->index[place])
        t->index[place] = (uint32_t)++t->n;
    t->slots[t->index[place] - 1] = (struct tail_slot){at, len};
    return 0;
}

size_t tail_count(const struct journal *j)
{
    return j->tail.n;
}

const void *tail_record(const struct journal *j, size_t i, size_t *len)
{
    *len = j->tail.slots[i].len;
    return j->tail.bytes.ptr + j->tail.slots[i].at;
}

bool tail_has(const struct journal *j, const uint8_t *key)
{
    return j->tail.n && j->tail.index[place_of(&j->tail, key)];
}

int tail_get(struct journal *j, const uint8_t *key, struct journal_answer *out)
{
    size_t place = j->tail.n ? place_of(&j->tail, key) : 0, len;
    if (!j->tail.n || !j->tail.index[place])
        return GRASP_ENOTFOUND;
    const void *record = tail_record(j, j->tail.index[place] - 1, &len);
    return record_read(&j->codec, record, len, out);
}

/* ---- frames ---- */

static uint32_t frame_check(uint64_t generation, uint64_t at, uint32_t len)
{
    uint64_t v[3] = {htole64(generation), htole64(at), htole64(len)};
    return htole32((uint32_t)XXH3_64bits(v, sizeof(v)));
}

/* The frame at `at` of the mirror's bytes: the record's length, or -1 when no whole one is there.
 */
static int64_t frame_at(const struct tail *t, size_t at)
{
    uint32_t head[2];
    if (t->bytes.len - at < FRAME)
        return -1;
    memcpy(head, t->bytes.ptr + at, sizeof(head));
    uint32_t len = le32toh(head[0]);
    if (frame_check(t->generation, at, len) != head[1] || len < RECORD_MIN ||
        t->bytes.len - at - FRAME < len)
        return -1;
    return len;
}

static void frame_add(struct buf *b, uint64_t generation, uint64_t at, uint32_t len)
{
    uint32_t head[2] = {htole32(len), frame_check(generation, at, len)};
    buf_add(b, head, sizeof(head));
}

/* True when what stands at `at` is no frame and no damage either: the beginning of one whose write
 * was cut off, what is left from before a move, or the zeros of a power failure. */
static bool unfinished(const struct tail *t, size_t at)
{
    uint32_t head[2];
    if (t->bytes.len - at < FRAME)
        return true;
    memcpy(head, t->bytes.ptr + at, sizeof(head));
    uint32_t len = le32toh(head[0]);
    return (head[0] == 0 && head[1] == 0) || frame_check(t->generation, at, len) == head[1] ||
           frame_check(t->generation - 1, at, len) == head[1];
}

/* Damage, in a journal that is written to: an answer that was paid for is gone. */
static int damaged(struct journal *j)
{
    j->damaged++;
    return j->flags & (JOURNAL_REPAIR | JOURNAL_READ_ONLY)
               ? 0
               : err_set(GRASP_EREFUSED,
                         "journal '%s': an answer in its tail is damaged; 'grasp journal check' "
                         "says what else is, 'grasp journal gc' drops it, and it is paid for again",
                         j->dir);
}

/* Indexes what was read into the mirror from `from` on and cuts it after the last whole frame: what
 * follows is a write that was cut off, or one that its process has not finished. Past a damaged
 * length, the next frame is looked for. */
static int take_frames(struct journal *j, size_t from)
{
    struct tail *t = &j->tail;
    struct journal_answer a;
    size_t end = from;
    int rc = 0;
    answer_init(&a);
    while (rc == 0 && from < t->bytes.len) {
        int64_t len = frame_at(t, from);
        if (len < 0) {
            if (from == end && unfinished(t, from))
                break;
            if (from++ == end)
                rc = damaged(j);
            continue;
        }
        rc = record_read(&j->codec, t->bytes.ptr + from + FRAME, (size_t)len, &a);
        if (rc == GRASP_EPARSE)
            rc = damaged(j);
        else if (rc == 0)
            rc = add_slot(t, from + FRAME, (size_t)len);
        if (rc == 0) /* whoever comes again meets the same damage */
            end = from += FRAME + (size_t)len;
    }
    answer_release(&a);
    buf_truncate(&t->bytes, end);
    return rc;
}

/* ---- the file ---- */

int tail_error(const struct journal *j, const char *what)
{
    return journal_error(j, errno, what);
}

/* All of `len` bytes or failure with errno. */
static int write_at(int fd, const void *bytes, size_t len, off_t at)
{
    const char *p = bytes;
    while (len) {
        ssize_t n = pwrite(fd, p, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        len -= (size_t)n;
        at += n;
    }
    return 0;
}

/* Appends the file's bytes from `at` on to the mirror. */
static int read_from(struct journal *j, off_t at, off_t size)
{
    struct buf *b = &j->tail.bytes;
    while (at < size) {
        if (!buf_grow(b, (size_t)(size - at) + 1))
            return buf_check(b);
        ssize_t n = pread(j->tail.fd, b->ptr + b->len, (size_t)(size - at), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tail_error(j, "cannot read its tail");
        if (n == 0)
            break;
        b->len += (size_t)n;
        b->ptr[b->len] = '\0';
        at += n;
    }
    return 0;
}

static int lock(struct journal *j, int how)
{
    while (flock(j->tail.fd, how) < 0)
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? GRASP_ENOTFOUND : tail_error(j, "cannot lock its tail");
    return 0;
}

void tail_unlock(struct journal *j)
{
    flock(j->tail.fd, LOCK_UN);
}

/* The header's generation and the file's size; an empty or half-made header is generation 0. */
static int look(struct journal *j, uint64_t *generation, off_t *size)
{
    struct stat st;
    char head[HEADER];
    *generation = 0;
    if (fstat(j->tail.fd, &st) < 0)
        return tail_error(j, "cannot read its tail");
    *size = st.st_size;
    if (st.st_size < HEADER)
        return 0;
    if (pread(j->tail.fd, head, HEADER, 0) != HEADER)
        return tail_error(j, "cannot read its tail");
    if (memcmp(head, MAGIC, 8) != 0)
        return journal_error(j, MDB_INVALID, "its tail is foreign");
    memcpy(generation, head + 8, 8);
    *generation = le64toh(*generation);
    return 0;
}

/* Takes in what others did to the file. The caller holds its lock. */
static int refresh(struct journal *j)
{
    struct tail *t = &j->tail;
    uint64_t generation;
    off_t size;
    int rc = look(j, &generation, &size);
    if (rc < 0)
        return rc;
    /* Somebody moved the tail: what the mirror has is in LMDB now, and its places in the file hold
     * other records. */
    if (generation != t->generation) {
        forget(t);
        t->generation = generation;
    }
    size_t had = t->bytes.len;
    if ((rc = read_from(j, (off_t)(HEADER + had), size)) < 0)
        return rc;
    return t->bytes.len > had ? take_frames(j, had) : 0;
}

int tail_look(struct journal *j)
{
    uint64_t generation;
    off_t size;
    if (j->tail.fd < 0)
        return 0;
    int rc = look(j, &generation, &size);
    if (rc < 0 || (generation == j->tail.generation && size <= (off_t)(HEADER + j->tail.bytes.len)))
        return rc;
    /* Somebody who moves it holds the lock for long; asking twice is the lesser evil. */
    if ((rc = lock(j, LOCK_SH | LOCK_NB)) < 0)
        return rc == GRASP_ENOTFOUND ? 0 : rc;
    rc = refresh(j);
    tail_unlock(j);
    return rc < 0 ? rc : 1;
}

int tail_refresh(struct journal *j)
{
    if (j->tail.fd < 0)
        return 0;
    int rc = lock(j, LOCK_SH);
    if (rc == 0) {
        rc = refresh(j);
        tail_unlock(j);
    }
    return rc;
}

/* Empties the file, which begins a generation. The header comes first: killed before ftruncate, the
 * old frames are still there and no longer valid, which is right because they are in LMDB. The
 * other order would leave an empty file of the old generation, and a process with the old mirror
 * would go on appending at its end. */
int tail_restart(struct journal *j)
{
    struct tail *t = &j->tail;
    uint64_t next = htole64(t->generation + 1);
    char head[HEADER];
    memcpy(head, MAGIC, 8);
    memcpy(head + 8, &next, 8);
    if (write_at(t->fd, head, HEADER, 0) < 0 || ftruncate(t->fd, HEADER) < 0)
        return tail_error(j, "cannot write its tail");
    forget(t);
    t->generation++;
    return 0;
}

int tail_lock(struct journal *j)
{
    struct tail *t = &j->tail;
    int rc = lock(j, LOCK_EX);
    if (rc < 0)
        return rc;
    rc = refresh(j);
    /* A tail that is new begins after what was moved before somebody took the old one away. */
    if (rc == 0 && t->generation == 0) {
        t->generation = j->moved;
        rc = tail_restart(j);
    }
    if (rc < 0)
        tail_unlock(j);
    return rc;
}

void tail_frame(struct journal *j, struct buf *frames, struct buf *record)
{
    frame_add(frames, j->tail.generation, j->tail.bytes.len + frames->len, (uint32_t)record->len);
    buf_add(frames, record->ptr, record->len);
}

int tail_append(struct journal *j, const struct buf *frames)
{
    struct tail *t = &j->tail;
    size_t had = t->bytes.len;
    off_t end = (off_t)(HEADER + had);
    int rc = buf_check(frames);
    if (rc < 0)
        return rc;
    if (!buf_grow(&t->bytes, frames->len + 1))
        return buf_check(&t->bytes);
    /* A torn write of a killed process, if any, lies from `end` on. Were it left there, a shorter
     * write of ours would end inside it, and its rest could pass for a frame. */
    struct stat st;
    if (fstat(t->fd, &st) == 0 && st.st_size > end) {
        log_warn("journal '%s': %lld bytes of an unfinished write are dropped", j->dir,
                 (long long)(st.st_size - end));
        if (ftruncate(t->fd, end) < 0)
            return tail_error(j, "cannot write");
    }
    /* Half a write (full disk) is taken back, so that the next one begins where this one did. */
    if (write_at(t->fd, frames->ptr, frames->len, end) < 0) {
        rc = tail_error(j, "cannot write");
        if (ftruncate(t->fd, end) < 0)
            log_warn("journal '%s': cannot take back half a write", j->dir);
        return rc;
    }
    buf_add(&t->bytes, frames->ptr, frames->len);
    while (rc == 0 && had < t->bytes.len) {
        int64_t len = frame_at(t, had);
        rc = add_slot(t, had + FRAME, (size_t)len);
        had += FRAME + (size_t)len;
    }
    return rc;
}

int64_t tail_bytes(const struct journal *j)
{
    struct stat st;
    return j->tail.fd >= 0 && fstat(j->tail.fd, &st) == 0 ? (int64_t)st.st_size : 0;
}
