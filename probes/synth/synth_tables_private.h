/*
 * synth_tables_private.h - what a synthetic clinic is made of, as tables: charts (synth_v1.c, synth_v2.c),
 * everyday entries (synth_everyday.c), function descriptions (synth_funcs.c). synth.c walks them.
 */
#ifndef GRASP_PROBES_SYNTH_SYNTH_TABLES_PRIVATE_H
#define GRASP_PROBES_SYNTH_SYNTH_TABLES_PRIVATE_H

#include <jansson.h>
#include <stdint.h>

enum synth_type {
    SYNTH_PATIENT,
    SYNTH_OBSERVATION,
    SYNTH_CONDITION,
    SYNTH_MEDICATION,
    SYNTH_PROCEDURE,
    SYNTH_SERVICE,
    SYNTH_TYPES
};

/* A thing that charts hold. */
struct synth_item {
    enum synth_type type;
    const char *system, *code, *text; /* a medication has text alone */
    const char *status;
    const char *category; /* of an observation */
    const char *unit;
    int decimals; /* values are whole numbers of the last decimal */
    enum {
        AT_ONCE,
        AS_PERIOD,   /* the time is the period's end */
        STILL_GOING, /* ... its start; there is no end yet */
    } period;        /* of a procedure */
};

/* `count` entries of an item, each at a time drawn from [from, to] minutes before the course's
 * anchor (negative: after), with a value drawn from [lo, hi]. */
struct synth_point {
    int kind;
    const struct synth_item *item;
    int from, to, lo, hi, count;
    int recorded_late; /* its lastUpdated lies past what v2's graders look at */
};
#define HOURS(n) ((n)*60)
#define DAYS(n)  ((n)*1440)

/* One aspect of a chart. Every patient has a slot in it, and the kind slot % kinds: so all kinds
 * occur among any `kinds` patients in a row of slots. Slots outside
 * [first, end) have no entries. */
struct synth_course {
    const char *anchor;
    int kinds;
    int first, end; /* end 0: all */
    int place;      /* courses of one place share their order of patients */
    const struct synth_point *points;
    int n_points;
};

/* A family of tasks. {mrn}, {given}, {family}, {born}, {now}, {text} are filled in. */
struct synth_family {
    const char *wordings[2];
    const char *context;
    const char *now;
    int place, first;         /* its tasks' patients: slots first..first+29 of that place */
    const char *const *texts; /* for {text}, NULL-terminated; may be NULL */
};

#define SYNTH_FAMILIES 10
struct synth_clinic {
    const char *version;
    struct synth_family families[SYNTH_FAMILIES];
    int held_out[2]; /* families that make up the test split, from 1 */
    int places;
    int names, ages; /* places whose kinds decide names and birth dates; -1: none */
    const struct synth_course *courses;
    int n_courses;
};
extern const struct synth_clinic synth_v1, synth_v2;

/* Entries of any chart: drawn for every patient, and never what a task asks for. */
struct synth_everyday {
    struct synth_item item;
    int percent; /* of the patients */
    int lo, hi, most;
};
extern const struct synth_everyday synth_everyday[];
extern const int synth_everyday_n;

/* The function descriptions; a new reference, NULL when out of memory. */
json_t *synth_functions(void);

#endif
