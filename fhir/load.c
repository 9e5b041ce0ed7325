/*
 * load.c - files into the store: read in pieces, cut into resources (split.h), stored in batches.
 *
 * References by urn to entries that come later in a Bundle wait in a temporary file until the
 * names of all entries are known; those resources are stored last.
 */
#include "fhir/fhir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "fhir/load.h"
#include "fhir/split.h"
#include "fhir/store.h"
#include "fhir/urn.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define CHUNK     (256 * 1024)
#define BAD_SHOWN 20 /* messages about one file */

int fhir_loader_init(struct fhir_loader *l, struct fhir_store *store, const char *name,
                     struct fhir_load_report *report)
{
    memset(l, 0, sizeof(*l));
    l->store = store;
    l->name = name;
    l->report = report;
    l->before = report->loaded;
    buf_init(&l->text);
    fhir_urn_map_init(&l->urns);
    return fhir_batch_begin(store, &l->batch);
}

int fhir_loader_bad(size_t line, const char *why, void *loader)
{
    struct fhir_loader *l = loader;
    l->report->bad++;
    l->bad++;
    if (l->report->strict)
        return err_set(GRASP_EINVAL, "%s:%zu: %s", l->name, line, why);
    if (l->bad <= BAD_SHOWN)
        log_warn("%s:%zu: %s; skipped", l->name, line, why);
    return 0;
}

static bool resource_is_bad(int rc)
{
    return rc == GRASP_EPARSE || rc == GRASP_EINVAL || rc == GRASP_ELIMIT;
}

static int put(struct fhir_loader *l, size_t line, const char *text, size_t len, json_t *tree)
{
    int rc = fhir_batch_put_text(l->batch, text, len, tree);
    if (rc == 0) {
        l->report->loaded++;
        return 0;
    }
    return resource_is_bad(rc) ? fhir_loader_bad(line, err_msg(), l) : rc;
}

/* The id that a resource without one has by its fullUrl; NULL when that gives none. */
static const char *id_of_urn(const char *urn)
{
    const char *id = strrchr(urn, ':') + 1;
    size_t n = strlen(id);
    if (n == 0 || n > FHIR_ID_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!ascii_isalnum(id[i]) && id[i] != '-' && id[i] != '.')
            return NULL;
    return id;
}

static int put_later(struct fhir_loader *l, size_t line, const char *text, size_t len)
{
    if (!l->later && !(l->later = tmpfile()))
        return err_set_errno(GRASP_EIO, "cannot make a temporary file");
    struct fhir_later head = {line, len};
    if (fwrite(&head, sizeof(head), 1, l->later) != 1 || fwrite(text, 1, len, l->later) != len)
        return err_set_errno(GRASP_EIO, "cannot write a temporary file");
    return 0;
}

/* An entry named by urn: notes its name, gives it an id if it has none, resolves its references. */
static int put_urn_entry(struct fhir_loader *l, const struct fhir_item *it)
{
    int rc = 0;
    json_t *tree = NULL;
    struct buf named = BUF_INIT;
    char *urn = str_ndup(it->full_url, it->full_url_len), *target = NULL;
    if (!urn) {
        rc = err_set(GRASP_ENOMEM, "out of memory");
        goto out;
    }
    if (!(tree = json_loadb(it->text, it->len, JSON_ALLOW_NUL, NULL))) {
        rc = put(l, it->line, it->text, it->len, NULL); /* says what is wrong */
        goto out;
    }
    const char *type = json_str_at(tree, "resourceType", NULL), *id = json_str_at(tree, "id", NULL);
    const char *text = it->text;
    size_t len = it->len;
    if (type && !id && (id = id_of_urn(urn))) {
        buf_addf(&named, "{\"id\":\"%s\"%s", id, len > 2 ? "," : "");
        buf_add(&named, it->text + 1, it->len - 1);
        if ((rc = buf_check(&named)) < 0)
            goto out;
        text = named.ptr, len = named.len;
    }
    if (type && id) {
        if (asprintf(&target, "%s/%s", type, id) < 0) {
            target = NULL;
            rc = err_set(GRASP_ENOMEM, "out of memory");
            goto out;
        }
        if ((rc = fhir_urn_map_put(&l->urns, urn, strlen(urn), target)) < 0)
            goto out;
    }
    size_t replaced, unknown;
    buf_reset(&l->text);
    fhir_urn_resolve(&l->urns, text, len, &l->text, &replaced, &unknown);
    if ((rc = buf_check(&l->text)) < 0)
        goto out;
    if (unknown)
        rc = put_later(l, it->line, text, len);
    else
        rc = put(l, it->line, l->text.ptr, l->text.len, replaced || text != it->text ? NULL : tree);
out:
    buf_release(&named);
    json_decref(tree);
    free(target);
    free(urn);
    return rc;
}

int fhir_loader_item(const struct fhir_item *it, void *loader)
{
    static const char outcome[] = "{\"resourceType\":\"OperationOutcome\"";
    struct fhir_loader *l = loader;
    /* a search's warnings travel as an entry; they are about the search */
    if (it->in_bundle && it->len >= sizeof(outcome) - 1 &&
        memcmp(it->text, outcome, sizeof(outcome) - 1) == 0)
        return 0;
    if (it->full_url && it->full_url_len > 4 && memcmp(it->full_url, "urn:", 4) == 0)
        return put_urn_entry(l, it);
    return put(l, it->line, it->text, it->len, NULL);
}

/* What waited for names that came later. What no entry is called stays as it is. */
static int put_waiting(struct fhir_loader *l)
{
    int rc = 0;
    struct fhir_later head;
    struct buf text = BUF_INIT;
    if (!l->later)
        return 0;
    rewind(l->later);
    while (rc == 0 && fread(&head, sizeof(head), 1, l->later) == 1) {
        size_t replaced, unknown;
        buf_reset(&text);
        buf_reset(&l->text);
        if (!buf_grow(&text, head.len)) {
            rc = buf_check(&text);
            break;
        }
        if (fread(text.ptr, 1, head.len, l->later) != head.len) {
            rc = err_set(GRASP_EIO, "cannot read a temporary file back");
            break;
        }
        fhir_urn_resolve(&l->urns, text.ptr, head.len, &l->text, &replaced, &unknown);
        l->unresolved += unknown;
        if ((rc = buf_check(&l->text)) == 0)
            rc = put(l, head.line, l->text.ptr, l->text.len, NULL);
    }
    buf_release(&text);
    return rc;
}

int fhir_loader_end(struct fhir_loader *l, int rc)
{
    uint64_t committed = 0;
    if (rc == 0)
        rc = put_waiting(l);
    int flushed = fhir_batch_flush(l->batch, &committed);
    if (flushed < 0) {
        rc = err_prefix(flushed, "loading %s into '%s'", l->name, l->store->dir);
        l->report->loaded = l->before + committed;
    }
    fhir_batch_abort(l->batch);
    if (l->bad > BAD_SHOWN && !l->report->strict)
        log_warn("%s: %zu more were skipped", l->name, l->bad - BAD_SHOWN);
    if (l->unresolved)
        log_warn("%s: %zu references by urn name no entry of their Bundle and stay as they are",
                 l->name, l->unresolved);
    if (l->later)
        fclose(l->later);
    fhir_urn_map_release(&l->urns);
    buf_release(&l->text);
    return rc;
}

static int open_input(const char *path, int *fd, uint64_t *size)
{
    struct stat st;
    *fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return err_set_errno(errno == ENOENT ? GRASP_ENOTFOUND : GRASP_EIO, "cannot read '%s'",
                             path);
    if (fstat(*fd, &st) < 0)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    if (S_ISDIR(st.st_mode))
        return err_set(GRASP_EIO, "cannot read '%s': it is a directory; name the files in it",
                       path);
    *size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    return 0;
}

/* Reads all of it. A gzip stream that ends early or is damaged is bad input like any other. */
static int feed_file(struct fhir_loader *l, struct fhir_split *split, gzFile in, uint64_t size)
{
    int rc = 0, n = 0;
    char *chunk = malloc(CHUNK);
    if (!chunk)
        return err_set(GRASP_ENOMEM, "out of memory");
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
        return err_set(GRASP_ENOMEM, "out of memory");
    if (rc == 0)
        rc = fhir_split_end(split);
    if (rc == 0 && n <= 0 && code == Z_BUF_ERROR)
        rc = fhir_loader_bad(split->line, "the gzip file ends early (cut off?)", l);
    else if (rc == 0 && n < 0)
        rc = fhir_loader_bad(split->line, why, l);
    return rc;
}

int fhir_load_file(struct fhir_store *store, const char *path, struct fhir_load_report *report)
{
    int rc, fd = -1;
    uint64_t size = 0;
    gzFile in = NULL;
    struct fhir_loader loader;
    struct fhir_split split;
    if ((rc = open_input(path, &fd, &size)) < 0)
        goto out;
    if (!(in = gzdopen(fd, "rb"))) {
        rc = err_set(GRASP_ENOMEM, "out of memory");
        goto out;
    }
    fd = -1; /* the gzip stream's now */
    gzbuffer(in, CHUNK);
    rc = fhir_loader_init(&loader, store, strcmp(path, "-") == 0 ? "stdin" : path, report);
    if (rc < 0)
        goto out;
    fhir_split_init(&split, &(struct fhir_sink){
                                .item = fhir_loader_item, .bad = fhir_loader_bad, .arg = &loader});
    split.lines = str_ends(path, ".ndjson") || str_ends(path, ".ndjson.gz") ||
                  str_ends(path, ".jsonl") || str_ends(path, ".jsonl.gz");
    rc = fhir_loader_end(&loader, feed_file(&loader, &split, in, size));
    fhir_split_release(&split);
    progress_clear();
out:
    if (in)
        gzclose_r(in);
    if (fd >= 0)
        close(fd);
    return rc;
}
