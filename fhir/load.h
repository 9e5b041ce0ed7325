/*
 * load.h - inside of libfhir: the sink of a splitter that puts resources into a store and counts.
 *
 *     struct fhir_loader l;
 *     if ((rc = fhir_loader_init(&l, store, &report)) < 0) return rc;
 *     for each file or page
 *         fhir_loader_start(&l, "Patient.ndjson");
 *         fhir_split_init(&s, &(struct fhir_sink){.item = fhir_loader_item,
 *                                                 .bad = fhir_loader_bad, .arg = &l});
 *         ... feed ...
 *         rc = fhir_loader_finish(&l, rc);
 *     rc = fhir_loader_end(&l, rc);    // commits, or undoes when the store failed
 *
 * Resources are committed by volume, whatever files they came in. Two kinds wait in temporary
 * files: entries of a Bundle that refer to entries after them, until the Bundle's end; and those
 * whose references are searches ("Practitioner?identifier=..."), until everything else is there.
 */
#ifndef GRASP_FHIR_LOAD_H
#define GRASP_FHIR_LOAD_H

#include <stdio.h>

#include "fhir/fhir.h"
#include "fhir/split.h"
#include "fhir/urn.h"

struct fhir_batch;
struct fhir_store;

struct fhir_loader {
    struct fhir_load_report *report; /* borrowed */
    struct fhir_store *store;        /* borrowed */
    const char *name;                /* of the file or page, for messages; borrowed */
    char last[200];                  /* the last of them, for what goes wrong at the end */
    struct fhir_batch *batch;
    struct fhir_urn_map urns;
    FILE *later;     /* entries whose references by urn are not known yet */
    FILE *searching; /* resources with references that are searches */
    bool ending;     /* nothing waits any more */
    struct buf text;
    uint64_t before; /* what the report had counted when it began */
    size_t bad, unresolved;
};

int fhir_loader_init(struct fhir_loader *l, struct fhir_store *store,
                     struct fhir_load_report *report);
void fhir_loader_start(struct fhir_loader *l, const char *name);
int fhir_loader_item(const struct fhir_item *item, void *loader);
int fhir_loader_bad(size_t line, const char *why, void *loader);
/* The file is over: stores what waited for it (when rc is 0). Returns rc, or what went wrong now. */
int fhir_loader_finish(struct fhir_loader *l, int rc);
/* Stores what still waits (when rc is 0) and commits; frees everything. Returns rc, or what went
 * wrong now. The report then counts what is in the store. */
int fhir_loader_end(struct fhir_loader *l, int rc);

#endif
