/*
 * split.h - cuts a stream of bytes into FHIR resources without ever holding more than one of them.
 *
 *     static int item(const struct fhir_item *it, void *arg) { ... return 0; }
 *     struct fhir_split s;
 *     fhir_split_init(&s, &(struct fhir_sink){.item = item, .bad = bad, .arg = &mine});
 *     while ((n = read(fd, chunk, sizeof(chunk))) > 0 && rc == 0)
 *         rc = fhir_split_feed(&s, chunk, n);
 *     if (rc == 0)
 *         rc = fhir_split_end(&s);
 *     fhir_split_release(&s);
 *
 * Taken are NDJSON, a single resource over any number of lines, several of them one after the
 * other, and Bundles (also one per line), whose entries come out one by one. How the stream is cut
 * into chunks makes no difference to what comes out. White space between tokens is dropped;
 * everything else, number literals among it, stays as written. The splitter finds where values
 * begin and end and no more: whether a resource is valid JSON is its reader's question.
 *
 * A Bundle streams when its resourceType stands before its entries, as all writers do; otherwise it
 * is taken whole, if it is no larger than the limit.
 */
#ifndef GRASP_FHIR_SPLIT_H
#define GRASP_FHIR_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buf.h"

#define FHIR_SPLIT_LIMIT ((size_t)32 << 20) /* bytes of one resource */
#define FHIR_SPLIT_DEPTH 512                /* nested arrays and objects */

struct fhir_item {
    const char *text; /* one JSON object, NUL-terminated, good until the call returns */
    size_t len;
    const char *full_url; /* of its Bundle entry, JSON escapes not undone, or NULL */
    size_t full_url_len;
    size_t line;    /* where it begins, from 1 */
    bool in_bundle; /* it was an entry */
};

/* What is told of the stream; the first negative return stops it and is handed on. */
struct fhir_sink {
    int (*item)(const struct fhir_item *item, void *arg);
    int (*bad)(size_t line, const char *why, void *arg); /* something was skipped */
    /* A Bundle is over: its text with an empty entry array (NULL: not interested). */
    int (*bundle)(const char *text, size_t len, void *arg);
    void *arg;
};

struct fhir_split {
    struct fhir_sink sink;
    size_t limit; /* FHIR_SPLIT_LIMIT; may be changed before the first byte */
    bool lines; /* set before the first byte: it is known to be NDJSON (the file's name says so) */

    /* the rest is private */
    struct buf text; /* the value being read, or the Bundle's frame and the entry being read */
    bool overflow;   /* it grew past the limit; the rest of the value is not kept */
    uint8_t mode, at;
    size_t line, value_line, entry_line;
    bool line_start;
    unsigned bom;
    unsigned depth;
    uint8_t is_array[FHIR_SPLIT_DEPTH / 8];
    bool in_string, escaped, after_colon;
    char last;              /* last significant byte outside strings */
    size_t str_at, str_end; /* last string, offsets into text */
    uint8_t key;            /* which known key the last colon followed */
    bool bundle, bundle_known, in_entries, late_entries;
    size_t frame_len; /* text up to and with the '[' of the entries */
    size_t url_at, url_end, resource_at, resource_end;
    size_t resource_line;
};

void fhir_split_init(struct fhir_split *s, const struct fhir_sink *sink);
void fhir_split_release(struct fhir_split *s);
int fhir_split_feed(struct fhir_split *s, const char *bytes, size_t len);
int fhir_split_end(struct fhir_split *s);

#endif
