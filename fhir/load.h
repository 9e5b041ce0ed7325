/*
 * load.h - inside of libfhir: the sink of a splitter that puts resources into a store and counts.
 *
 *     struct fhir_loader l;
 *     if ((rc = fhir_loader_init(&l, store, "Patient.ndjson", &report)) < 0) return rc;
 *     fhir_split_init(&s, &(struct fhir_sink){.item = fhir_loader_item, .bad = fhir_loader_bad,
 *                                             .arg = &l});
 *     ... feed ...
 *     rc = fhir_loader_end(&l, rc);    // commits, or undoes when the store failed
 */
#ifndef GRASP_FHIR_LOAD_H
#define GRASP_FHIR_LOAD_H

#include <stdio.h>

#include "fhir/fhir.h"
#include "fhir/split.h"
#include "fhir/urn.h"

struct fhir_batch;
struct fhir_store;

struct fhir_later {
    size_t line, len;
};

struct fhir_loader {
    struct fhir_load_report *report; /* borrowed */
    struct fhir_store *store;        /* borrowed */
    const char *name;                /* of the file or page, for messages; borrowed */
    struct fhir_batch *batch;
    struct fhir_urn_map urns;
    FILE *later; /* struct fhir_later and text: entries whose references are not known yet */
    struct buf text;
    uint64_t before; /* what the report had counted when it began */
    size_t bad, unresolved;
};

int fhir_loader_init(struct fhir_loader *l, struct fhir_store *store, const char *name,
                     struct fhir_load_report *report);
int fhir_loader_item(const struct fhir_item *item, void *loader);
int fhir_loader_bad(size_t line, const char *why, void *loader);
/* Stores what waited (when rc is 0) and commits; frees everything. Returns rc, or what went wrong
 * now. The report then counts what is in the store. */
int fhir_loader_end(struct fhir_loader *l, int rc);

#endif
