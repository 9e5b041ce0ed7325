/* doctor.h - what `grasp doctor` checks, for commands that check what they wrote. */
#ifndef GRASP_RUNTIME_COMMANDS_DOCTOR_H
#define GRASP_RUNTIME_COMMANDS_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct doctor_options {
    const char *config;
    const char *const *sets;
    size_t n_sets;
    const char *library, *run; /* NULL: as configured */
    bool ask;                  /* also calls of a few tokens */
};

/* Appends {check, result: "ok", "warning" or "failed", detail} to `out` for each check and counts what
 * failed, which is no error. Asks servers for their lists and nothing that costs; 15 s each at most.
 * Negative: the configuration cannot be read. */
int doctor_checks(const struct doctor_options *o, json_t *out, int *failed);
/* As a table on stdout. */
void doctor_print(const json_t *checks);

#endif
