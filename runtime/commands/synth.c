/* synth.c - `grasp synth`: a synthetic clinic, with tasks and a configuration. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "probes/synth/synth.h"
#include "runtime/base/err.h"
#include "runtime/commands/table.h"

static int run(const struct args *a)
{
    const char *benchmark = arg_str(a, "benchmark");
    struct synth_settings s = {.dir = arg_str(a, "out")};
    struct synth_summary sum;
    int64_t patients, seed;
    int rc;

    if (!s.dir)
        return err_set(GRASP_EUSAGE, "--out DIR is missing: where to write the clinic");
    if (strcmp(benchmark, "v1") != 0 && strcmp(benchmark, "v2") != 0)
        return err_set(GRASP_EUSAGE, "--benchmark is v1 or v2, not '%s'", benchmark);
    if ((rc = arg_int(a, "patients", SYNTH_LEAST_PATIENTS, SYNTH_MOST_PATIENTS, &patients)) < 0 ||
        (rc = arg_int(a, "seed", 0, INT64_MAX, &seed)) < 0)
        return rc;
    s.benchmark = benchmark[1] == '2' ? BENCHMARK_V2 : BENCHMARK_V1;
    s.patients = (size_t)patients;
    s.seed = (uint64_t)seed;
    if ((rc = synth_write(&s, &sum)) < 0)
        return rc;
    if (arg_flag(a, "json"))
        printf("{\"patients\":%" PRId64 ",\"resources\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"tasks\":%zu}\n",
               patients, sum.resources, sum.bytes, sum.tasks);
    else
        printf("%" PRId64 " patients, %" PRIu64 " resources (%" PRIu64
               " KiB), %zu tasks: %s/grasp.yaml\n",
               patients, sum.resources, sum.bytes / 1024, sum.tasks, s.dir);
    return 0;
}

const struct command cmd_synth = {
    .name = "synth",
    .summary = "a synthetic clinic: FHIR data, tasks, splits",
    .operands = "",
    .options =
        (const struct option_def[]){
            {"out", 'o', "DIR", "where to write it (made when missing)", NULL},
            {"patients", 'p', "N", "how many patients", "120"},
            {"seed", 's', "S", "the same seed writes the same files", "1"},
            {"benchmark", 'b', "V", "tasks after MedAgentBench v1, or after v2", "v1"},
            {"json", 0, NULL, "print the summary as JSON", NULL},
            {0},
        },
    .details =
        "Writes DIR/fhir/*.ndjson, DIR/tasks/*.json and DIR/grasp.yaml, a configuration with "
        "which `grasp learn` and `grasp eval` run at once, on the simulated model. People "
        "and charts are made up.",
    .run = run,
};
