/*
 * synth.h - a synthetic clinic: FHIR R4 resources, tasks of either benchmark in our own wording
 * with the splits 96/80/64/60, function descriptions for the prompt, and a ready configuration.
 *
 *     DIR/fhir/TYPE.ndjson    Patient, Observation, Condition, MedicationRequest, Procedure,
 *                             ServiceRequest
 *     DIR/tasks/              split_dev.json, split_val.json, split_id_test.json, split_test.json,
 *                             all_tasks.json, funcs.json
 *     DIR/grasp.yaml          the simulated model on all of this
 *
 * People, charts and tasks are made up. The same settings write the same bytes. Whatever branch a
 * grader has (inside and outside of every window, at every threshold, exactly on it, nothing there)
 * occurs in every split that has the family.
 */
#ifndef GRASP_PROBES_SYNTH_SYNTH_H
#define GRASP_PROBES_SYNTH_SYNTH_H

#include <stddef.h>
#include <stdint.h>

#include "probes/graders/grader.h"

#define SYNTH_LEAST_PATIENTS 60
#define SYNTH_MOST_PATIENTS  1000000

struct synth_settings {
    enum benchmark benchmark;
    size_t patients;
    uint64_t seed;
    const char *dir; /* made when missing; files of an earlier run are replaced */
};
struct synth_summary {
    uint64_t resources, bytes; /* of the FHIR data */
    size_t tasks;
};

/* The real current time that v2's first family of a synthetic clinic supposes. */
#define SYNTH_TODAY "2024-12-01T00:00:00+00:00"

/* Writes all of it. Bounds of patients are the caller's to check; summary may be NULL. 0,
 * GRASP_EIO or GRASP_ENOMEM. */
int synth_write(const struct synth_settings *settings, struct synth_summary *summary);

#endif
