/* synth_private.h - what the files of the synthetic clinic share. */
#ifndef GRASP_PROBES_SYNTH_SYNTH_PRIVATE_H
#define GRASP_PROBES_SYNTH_SYNTH_PRIVATE_H

#include <stdbool.h>
#include <stdio.h>

#include "probes/rng.h"
#include "probes/synth/synth.h"
#include "probes/synth/synth_tables_private.h"
#include "runtime/base/buf.h"

#define SYNTH_TIME  32 /* bytes of "2023-11-13T10:15:00+00:00" */
#define SYNTH_SHEET 128
#define SYNTH_TASKS 30 /* of each family */

struct synth_person {
    char mrn[12];
    uint16_t given, family;
    int32_t born; /* days since 1970 */
};

/* An entry of a chart before it is written; times in minutes since 1970. */
struct synth_entry {
    const struct synth_item *item;
    int64_t when, recorded;
    int value;
};

struct synth {
    const struct synth_settings *settings;
    const struct synth_clinic *clinic;
    struct rng rng;
    struct synth_person *people;
    size_t n;
    size_t **order; /* order[place][slot]: the patient there */
    size_t **slot;  /* slot[place][patient]: the reverse */
    FILE *out[SYNTH_TYPES];
    uint64_t ids[SYNTH_TYPES];
    struct buf line;
    struct synth_entry sheet[SYNTH_SHEET];
    size_t n_sheet;
    struct synth_summary summary;
};

/* synth_time.c. Only for times that are written down in the tables: 0 for any other text. */
int64_t synth_minutes(const char *iso);
/* Writes "2023-11-13T10:15:00+00:00" into `out` (SYNTH_TIME bytes) and returns it. */
const char *synth_iso(int64_t minutes, char *out);

/* synth_people.c: names, birth dates, numbers, and the order of each place. */
struct synth_given_name {
    const char *name;
    bool female;
};
extern const struct synth_given_name synth_given[];
extern const char *const synth_families[], *const synth_streets[], *const synth_cities[][2];
extern const int synth_n_streets, synth_n_cities;
enum { NAME_UNIQUE, NAME_NAMESAKE, NAME_TWIN, NAME_NOBODY, NAME_KINDS };
int synth_populate(struct synth *s);
void synth_depopulate(struct synth *s);
/* A birth date on which nobody of this name was born. */
int32_t synth_nobodys_birthday(const struct synth *s, const struct synth_person *p);

/* synth_tasks.c */
int synth_write_tasks(struct synth *s);

#endif
