/* fhir.c - `grasp fhir load|serve|search|import|check`: the mock FHIR server on its own. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fhir/fhir.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/commands/table.h"

/* clang-format off */
#define OPT_STORE \
    {"store", 'd', "DIR", "the store's directory", "fhir.db"}
#define OPT_STRICT \
    {"strict", 0, NULL, "stop at the first bad line or entry instead of skipping it", NULL}
#define OPT_JSON \
    {"json", 0, NULL, "print the summary as JSON", NULL}
#define OPT_DATA \
    {"data", 'f', "FILE...", "load this into a store that is gone at the end", NULL}
#define OPT_UNKNOWN \
    {"unknown-params", 0, "refuse|ignore", "unknown search parameters: answer 400, or skip them", \
     "refuse"}
#define OPT_BASE \
    {"base", 'b', "URL", "what links and fullUrls begin with, and the path it is served under", NULL}
#define OPT_HISTORY \
    {"history", 0, NULL, "keep versions that are replaced or deleted: _history and vread", NULL}
/* clang-format on */

/* Before anything is loaded: a misspelt name must not show up after ten minutes. */
static int check_readable(const char *path)
{
    if (strcmp(path, "-") == 0)
        return 0;
    if (access(path, R_OK) < 0)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    return 0;
}

static const char *data_at(const struct args *a, size_t i)
{
    return arg_nth(a, "data", i);
}

/* Loads n files or folders, named by `at`, as one. */
static int load_all(struct fhir_store *store, const struct args *a, size_t n,
                    const char *(*at)(const struct args *a, size_t i),
                    struct fhir_load_report *report)
{
    const char **paths = calloc(n + 1, sizeof(*paths));
    if (!paths)
        return err_oom();
    for (size_t i = 0; i < n; i++)
        paths[i] = at(a, i);
    int rc = fhir_load(store, paths, n, report);
    free(paths);
    return rc;
}

/* Opens what --store, --data, --base and --unknown-params say. `fresh`: a store that is not there
 * is made. */
static int open_store(const struct args *a, bool fresh, struct fhir_store **store)
{
    struct fhir_options o = {0};
    char *base = NULL;
    size_t files = arg_count(a, "data");
    const char *dir = files ? NULL : arg_str(a, "store"), *unknown = arg_str(a, "unknown-params");
    int rc = 0;
    if (files && arg_flag(a, "store"))
        return err_set(GRASP_EUSAGE, "--data is for a throw-away store; without --store, or with "
                                     "grasp fhir load into that store");
    if (unknown && strcmp(unknown, "ignore") != 0 && strcmp(unknown, "refuse") != 0)
        return err_set(GRASP_EUSAGE, "--unknown-params: '%s' is neither ignore nor refuse",
                       unknown);
    o.ignore_unknown_params = unknown && strcmp(unknown, "ignore") == 0;
    o.read_only = arg_flag(a, "read-only");
    o.no_sync = files > 0;
    o.keep_versions = arg_flag(a, "history");
    o.cors = arg_str(a, "cors");
    const char *url = arg_str(a, "base");
    if (url && !str_starts(url, "http://") && !str_starts(url, "https://"))
        return err_set(GRASP_EUSAGE, "--base: '%s' does not begin with http:// or https://", url);
    if (url && asprintf(&base, "%s%s", url, str_ends(url, "/") ? "" : "/") < 0)
        return err_oom();
    o.base_url = base;
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is then an error like a full disk */
    if (dir && !fresh && !fs_is_dir(dir))
        rc = err_set(GRASP_ENOTFOUND,
                     "there is no store '%s'; make one with grasp fhir load --store %s FILE...",
                     dir, dir);
    for (size_t i = 0; rc == 0 && i < files; i++)
        rc = check_readable(arg_nth(a, "data", i));
    if (rc == 0)
        rc = fhir_open(store, dir, &o);
    if (rc == 0 && files) {
        struct fhir_load_report report = {.strict = arg_flag(a, "strict")};
        rc = load_all(*store, a, files, data_at, &report);
        if (rc == 0)
            log_info("%llu resources loaded, %llu skipped", (unsigned long long)report.loaded,
                     (unsigned long long)report.bad);
    }
    free(base);
    return rc;
}

static int summary(const struct args *a, const struct fhir_load_report *report, int64_t ns,
                   uint64_t total)
{
    double seconds = (double)ns / NS_PER_SEC;
    unsigned long long loaded = report->loaded, bad = report->bad;
    if (arg_flag(a, "json"))
        printf("{\"loaded\":%llu,\"skipped\":%llu,\"unresolved\":%llu,\"total\":%llu,"
               "\"seconds\":%.3f}\n",
               loaded, bad, (unsigned long long)report->unresolved, (unsigned long long)total,
               seconds);
    else
        printf("%llu resources loaded into %s in %.2f s (%.0f/s), %llu skipped; it holds %llu\n",
               loaded, arg_str(a, "store"), seconds, (double)loaded / (seconds + 1e-9), bad,
               (unsigned long long)total);
    if (loaded == 0 && bad > 0)
        return err_set(GRASP_EINVAL, "nothing could be loaded");
    return 0;
}

/* What was loaded is there; that the file may be longer than it has to be fails nothing. */
static void give_back(const char *dir)
{
    bool done;
    if (fhir_compact(dir, &done) < 0)
        log_warn("%s", err_msg());
    else if (done)
        log_debug("what was free in %s was given back", dir);
}

static int load(const struct args *a)
{
    struct fhir_store *store = NULL;
    struct fhir_load_report report = {.strict = arg_flag(a, "strict")};
    int64_t start = clock_mono();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < operand_count(a); i++)
        rc = check_readable(operand(a, i));
    if (rc == 0)
        rc = open_store(a, true, &store);
    if (rc == 0)
        rc = load_all(store, a, operand_count(a), operand, &report);
    if (rc == 0)
        rc = summary(a, &report, clock_mono() - start, fhir_count(store, NULL));
    else if (report.loaded)
        log_info("%llu resources before that are in %s", (unsigned long long)report.loaded,
                 arg_str(a, "store"));
    fhir_close(store);
    if (rc == 0)
        give_back(arg_str(a, "store"));
    return rc;
}

static int import(const struct args *a)
{
    struct fhir_store *store = NULL;
    struct fhir_load_report report = {.strict = arg_flag(a, "strict")};
    int64_t start = clock_mono();
    size_t n = arg_count(a, "type");
    const char **types = calloc(n + 1, sizeof(*types));
    if (!types)
        return err_oom();
    for (size_t i = 0; i < n; i++)
        types[i] = arg_nth(a, "type", i);
    int rc = open_store(a, true, &store);
    if (rc == 0)
        rc = fhir_import(store, operand(a, 0), types, &report);
    if (rc == 0)
        rc = summary(a, &report, clock_mono() - start, fhir_count(store, NULL));
    fhir_close(store);
    if (rc == 0)
        give_back(arg_str(a, "store"));
    free(types);
    return rc;
}

static int search(const struct args *a)
{
    struct fhir_store *store = NULL;
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    int rc = open_store(a, false, &store);
    if (rc == 0)
        rc = fhir_handle(store, &(struct fhir_request){.method = "GET", .target = operand(a, 0)},
                         &rs);
    if (rc == 0) {
        fwrite(rs.body.ptr, 1, rs.body.len, stdout);
        if (rs.body.len && rs.body.ptr[rs.body.len - 1] != '\n')
            putchar('\n');
        if (rs.status >= 400)
            rc = err_set(GRASP_EINVAL, "the answer is a %d; see its diagnostics", rs.status);
    }
    fhir_response_release(&rs);
    fhir_close(store);
    return rc;
}

static int serve(const struct args *a)
{
    struct fhir_store *store = NULL;
    struct fhir_server *server = NULL;
    int64_t port;
    int rc = arg_int(a, "port", 0, 65535, &port), sig;
    if (rc < 0)
        return rc;
    if ((rc = open_store(a, arg_flag(a, "store"), &store)) < 0)
        goto out;
    /* before the first thread starts, so that all inherit it */
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    rc = fhir_serve(&server, store, arg_str(a, "host"), (int)port);
    if (rc == 0) {
        printf("listening on %s\n", fhir_server_url(server));
        fflush(stdout);
        sigwait(&ends, &sig);
        log_debug("%s: closing", strsignal(sig));
    }
    fhir_server_stop(server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
out:
    fhir_close(store);
    return rc;
}

static int check(const struct args *a)
{
    struct fhir_check c;
    const char *dir = operand_count(a) ? operand(a, 0) : arg_str(a, "store");
    if (operand_count(a) && arg_flag(a, "store"))
        return err_set(GRASP_EUSAGE, "one store: --store DIR or DIR");
    int rc = fs_is_dir(dir) ? fhir_check(dir, &c)
                            : err_set(GRASP_ENOTFOUND, "there is no store '%s'", dir);
    if (rc < 0 && rc != GRASP_EREFUSED)
        return rc;
    if (arg_flag(a, "json"))
        printf("{\"sound\":%s,\"resources\":%" PRId64 ",\"damaged\":%" PRId64
               ",\"missing\":%" PRId64 ",\"dangling\":%" PRId64 ",\"unsummed\":%" PRId64 "}\n",
               rc == 0 ? "true" : "false", c.resources, c.damaged, c.missing, c.dangling,
               c.unsummed);
    else if (rc == 0 && c.unsummed)
        printf("%" PRId64 " resources, nothing wrong to be seen; %" PRId64
               " records of an older store have no checksum\n",
               c.resources, c.unsummed);
    else if (rc == 0)
        printf("%" PRId64 " resources, all of them sound\n", c.resources);
    return rc;
}

static const struct command cmd_load = {
    .name = "load",
    .summary = "load NDJSON, Bundles or single resources into a store",
    .operands = "FILE...",
    .min = 1,
    .max = -1,
    .options = (const struct option_def[]){OPT_STORE, OPT_STRICT, OPT_JSON, {0}},
    .details =
        "Files may be gzipped; a folder stands for the .json and .ndjson files in it, '-' for "
        "standard\ninput. They are read in pieces, so that memory does not grow with them. A "
        "bad line is reported\nwith file and line, skipped and counted. References that are "
        "searches\n('Practitioner?identifier=...') become what they find.",
    .run = load,
};

static const struct command cmd_serve = {
    .name = "serve",
    .summary = "serve a store over HTTP",
    .operands = "",
    .options = (const struct option_def[]){OPT_STORE,
                                           OPT_DATA,
                                           OPT_STRICT,
                                           {"host", 0, "ADDRESS", "where to listen", "127.0.0.1"},
                                           {"port", 'p', "N", "0 takes any free one", "8080"},
                                           OPT_BASE,
                                           OPT_UNKNOWN,
                                           OPT_HISTORY,
                                           {"cors", 0, "ORIGIN",
                                            "let pages of this origin call it from a browser; "
                                            "several separated by blanks, '*' for any",
                                            NULL},
                                           {"read-only", 0, NULL, "refuse writes with 405", NULL},
                                           {0}},
    .details = "Prints its base URL when it is ready and runs until it is interrupted. With "
               "--store a store\nthat is not there yet is made.",
    .run = serve,
};

static const struct command cmd_search = {
    .name = "search",
    .summary = "answer one GET request from a store",
    .operands = "QUERY",
    .min = 1,
    .max = 1,
    .options =
        (const struct option_def[]){OPT_STORE, OPT_DATA, OPT_STRICT, OPT_BASE, OPT_UNKNOWN, {0}},
    .details = "QUERY is what follows the base URL: 'Observation?patient=S1&code=MG', 'Patient/S1' "
               "or 'metadata'.",
    .run = search,
};

static const struct command cmd_import = {
    .name = "import",
    .summary = "copy a running FHIR server's resources into a store",
    .operands = "URL",
    .min = 1,
    .max = 1,
    .options = (const struct option_def[]){OPT_STORE,
                                           {"type", 't', "TYPE...",
                                            "only this type; otherwise all that the "
                                            "server says can be searched",
                                            NULL},
                                           OPT_STRICT,
                                           OPT_JSON,
                                           {0}},
    .details = "Follows search pages to their end. Running it again brings the copy up to date, "
               "except for\nwhat was deleted meanwhile.",
    .run = import,
};

static const struct command cmd_check = {
    .name = "check",
    .summary = "look for damage",
    .operands = "[DIR]",
    .max = 1,
    .options = (const struct option_def[]){OPT_STORE, OPT_JSON, {0}},
    .details =
        "Goes through every resource and the indexes, and changes nothing. Exit status 1 and "
        "what to do when\nthere is any.",
    .run = check,
};

const struct command cmd_fhir = {
    .name = "fhir",
    .summary = "the mock FHIR server: load, serve, search, import, check",
    .operands = "",
    .sub = (const struct command *const[]){&cmd_load, &cmd_serve, &cmd_search, &cmd_import,
                                           &cmd_check, NULL},
};
