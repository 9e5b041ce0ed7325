/* load_file.c - files and folders of files, gzip or not, into the loader. */
#include "fhir/fhir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "fhir/load.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/base/text.h"

#define CHUNK       (256 * 1024)
#define FOLDERS_MAX 32 /* in each other */

/* A descriptor, and how long the file is, 0 where nobody knows. */
static int open_input(const char *path, int *fd, uint64_t *size)
{
    struct stat st;
    if ((*fd = fs_open_read(path)) < 0)
        return *fd;
    if (fstat(*fd, &st) < 0)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    *size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return 0;
}

/* Reads all of it. A gzip stream that ends early or is damaged is bad input like any other. */
static int feed_file(struct fhir_loader *l, struct fhir_split *split, gzFile in, uint64_t size)
{
    int rc = 0, n = 0;
    char *chunk = malloc(CHUNK);
    if (!chunk)
        return err_oom();
    while (rc == 0 && (n = gzread(in, chunk, CHUNK)) > 0) {
        rc = fhir_split_feed(split, chunk, (size_t)n);
        progress_set("loading", (uint64_t)gzoffset(in), size, l->name);
    }
    free(chunk);
    int code = Z_OK;
    const char *why = gzerror(in, &code);
    if (rc == 0 && code == Z_ERRNO)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", l->name);
    if (rc == 0 && code == Z_MEM_ERROR)
        return err_oom();
    if (rc == 0)
        rc = fhir_split_end(split);
    if (rc == 0 && n <= 0 && code == Z_BUF_ERROR)
        rc = fhir_loader_bad(split->line, "the gzip file ends early (cut off?)", l);
    else if (rc == 0 && n < 0)
        rc = fhir_loader_bad(split->line, why, l);
    return rc;
}

static bool is_ndjson(const char *path)
{
    return str_ends(path, ".ndjson") || str_ends(path, ".ndjson.gz") || str_ends(path, ".jsonl") ||
           str_ends(path, ".jsonl.gz");
}

static int load_file(struct fhir_loader *l, const char *path)
{
    int rc, fd = -1;
    uint64_t size = 0;
    gzFile in = NULL;
    struct fhir_split split;
    if ((rc = open_input(path, &fd, &size)) < 0)
        goto out;
    if (!(in = gzdopen(fd, "rb"))) {
        rc = err_oom();
        goto out;
    }
    fd = -1; /* the gzip stream's now */
    gzbuffer(in, CHUNK);
    fhir_loader_start(l, strcmp(path, "-") == 0 ? "stdin" : path);
    fhir_split_init(
        &split, &(struct fhir_sink){.item = fhir_loader_item, .bad = fhir_loader_bad, .arg = l});
    split.lines = is_ndjson(path);
    rc = fhir_loader_finish(l, feed_file(l, &split, in, size));
    fhir_split_release(&split);
    progress_clear();
out:
    if (in)
        gzclose_r(in);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_input(const char *path)
{
    return is_ndjson(path) || str_ends(path, ".json") || str_ends(path, ".json.gz");
}

/* Every JSON file of a folder and those in it, in the order of their names. */
static int load_folder(struct fhir_loader *l, const char *path, unsigned depth)
{
    struct dirent **list = NULL;
    int n = scandir(path, &list, NULL, by_name), rc = 0;
    size_t skipped = 0;
    if (n < 0)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    for (int i = 0; i < n; i++) {
        char *own = *list[i]->d_name != '.' && rc == 0 ? fs_join(path, list[i]->d_name) : NULL;
        if (own && fs_is_dir(own))
            rc = depth < FOLDERS_MAX
                     ? load_folder(l, own, depth + 1)
                     : err_set(GRASP_ELIMIT, "'%s': more than %d folders in each other", own,
                               FOLDERS_MAX);
        else if (own && is_input(own))
            rc = load_file(l, own);
        else
            skipped += own != NULL;
        free(own);
        free(list[i]);
    }
    free(list);
    if (rc == 0 && skipped)
        log_info("%s: %zu files are neither .json nor .ndjson and were left out", path, skipped);
    return rc;
}

int fhir_load(struct fhir_store *store, const char *const *paths, size_t n,
              struct fhir_load_report *report)
{
    struct fhir_loader l;
    int rc = fhir_loader_init(&l, store, report);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = fs_is_dir(paths[i]) ? load_folder(&l, paths[i], 0) : load_file(&l, paths[i]);
    return fhir_loader_end(&l, rc);
}

int fhir_load_file(struct fhir_store *store, const char *path, struct fhir_load_report *report)
{
    return fhir_load(store, &path, 1, report);
}
