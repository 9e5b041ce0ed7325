/*
 * load.c - files into the store: read in pieces, cut into resources (split.h), stored in batches.
 * What waits, and why, is told in load.h.
 */
#include "fhir/load.h"

#include <stdlib.h>
#include <string.h>

#include "fhir/decide.h"
#include "fhir/jsontext.h"
#include "fhir/store.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

#define BAD_SHOWN 20 /* messages about one file */

int fhir_loader_init(struct fhir_loader *l, struct fhir_store *store,
                     struct fhir_load_report *report)
{
    memset(l, 0, sizeof(*l));
    l->store = store;
    l->name = "";
    l->report = report;
    l->before = report->loaded;
    buf_init(&l->text);
    fhir_urn_map_init(&l->urns);
    return fhir_batch_begin(store, &l->batch);
}

void fhir_loader_start(struct fhir_loader *l, const char *name)
{
    l->name = name;
    l->bad = l->unresolved = 0;
    snprintf(l->last, sizeof(l->last), "%s", name);
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

/* ---- what waits ---- */

/* Followed by the name of its file and its text. */
struct waiting {
    size_t line, name_len, len;
};

static int wait_in(FILE **file, const char *name, size_t line, const char *text, size_t len)
{
    if (!*file && !(*file = tmpfile()))
        return err_set_errno(GRASP_EIO, "cannot make a temporary file");
    struct waiting head = {line, strlen(name) + 1, len};
    if (fwrite(&head, sizeof(head), 1, *file) != 1 ||
        fwrite(name, 1, head.name_len, *file) != head.name_len ||
        fwrite(text, 1, len, *file) != len)
        return err_set_errno(GRASP_EIO, "cannot write a temporary file");
    return 0;
}

/* The next one, name and text behind each other in *bytes; 1, 0 at the end, or negative. */
static int next_waiting(FILE *file, struct waiting *head, struct buf *bytes)
{
    if (fread(head, sizeof(*head), 1, file) != 1)
        return ferror(file) ? err_set_errno(GRASP_EIO, "cannot read a temporary file back") : 0;
    buf_reset(bytes);
    size_t n = head->name_len + head->len;
    if (!buf_grow(bytes, n))
        return buf_check(bytes);
    if (fread(bytes->ptr, 1, n, file) != n)
        return err_set(GRASP_EIO, "cannot read a temporary file back");
    bytes->ptr[n] = '\0';
    return 1;
}

static const char *see_search(const char *s, size_t len, void *found)
{
    *(bool *)found |= fhir_conditional_reference(s, len) != NULL;
    return NULL;
}

static bool has_search(const char *text, size_t len)
{
    struct buf unused = BUF_INIT;
    bool found = false;
    if (memchr(text, '?', len))
        fhir_jsontext_replace_references(&unused, text, len, see_search, &found);
    buf_release(&unused);
    return found;
}

static int put(struct fhir_loader *l, size_t line, const char *text, size_t len, json_t *tree)
{
    if (!l->ending && has_search(text, len))
        return wait_in(&l->searching, l->name, line, text, len);
    int rc = fhir_batch_put_text(l->batch, text, len, tree);
    if (rc == 0) {
        l->report->loaded++;
        return 0;
    }
    return resource_is_bad(rc) ? fhir_loader_bad(line, err_msg(), l) : rc;
}

/* ---- entries that are named by urn ---- */

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

/* An entry named by urn: notes its name, gives it an id if it has none, resolves its references. */
static int put_urn_entry(struct fhir_loader *l, const struct fhir_item *it)
{
    int rc = 0;
    json_t *tree = NULL;
    struct buf named = BUF_INIT;
    char *urn = str_ndup(it->full_url, it->full_url_len), *target = NULL;
    if (!urn) {
        rc = err_oom();
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
            rc = err_oom();
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
        rc = wait_in(&l->later, l->name, it->line, text, len);
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
static int put_later(struct fhir_loader *l)
{
    struct waiting head;
    struct buf bytes = BUF_INIT;
    int rc = 0, more = 0;
    if (!l->later)
        return 0;
    rewind(l->later);
    while (rc == 0 && (more = next_waiting(l->later, &head, &bytes)) > 0) {
        size_t replaced, unknown;
        buf_reset(&l->text);
        fhir_urn_resolve(&l->urns, bytes.ptr + head.name_len, head.len, &l->text, &replaced,
                         &unknown);
        l->unresolved += unknown;
        if ((rc = buf_check(&l->text)) == 0)
            rc = put(l, head.line, l->text.ptr, l->text.len, NULL);
    }
    buf_release(&bytes);
    fclose(l->later);
    l->later = NULL;
    return rc < 0 ? rc : more;
}

int fhir_loader_finish(struct fhir_loader *l, int rc)
{
    if (rc == 0)
        rc = put_later(l);
    else if (l->later) {
        fclose(l->later);
        l->later = NULL;
    }
    if (l->bad > BAD_SHOWN && !l->report->strict)
        log_warn("%s: %zu more were skipped", l->name, l->bad - BAD_SHOWN);
    if (l->unresolved)
        log_warn("%s: %zu references by urn name no entry of their Bundle and stay as they are",
                 l->name, l->unresolved);
    fhir_urn_map_release(&l->urns);
    return rc;
}

/* ---- references that are searches ---- */

/* One round over what waits: stores what is resolved; the rest goes to *left, or (last) is stored
 * with the references that find nothing as they are. */
static int search_round(struct fhir_loader *l, bool last, FILE **left, size_t *stored)
{
    struct waiting head;
    struct buf bytes = BUF_INIT;
    FILE *from = l->searching;
    int rc = 0, more = 0;
    rewind(from);
    while (rc == 0 && (more = next_waiting(from, &head, &bytes)) > 0) {
        struct fhir_view v;
        size_t found, unresolved = 0;
        const char *text = bytes.ptr + head.name_len;
        buf_reset(&l->text);
        /* no longer than this: the writer thread may have to grow the map */
        if ((rc = fhir_view_open(&v, l->store, NULL)) < 0)
            break;
        rc = fhir_decide_references(&v, text, head.len, &l->text, &found, &unresolved);
        fhir_view_close(&v);
        l->name = bytes.ptr;
        if (rc == 0 && unresolved && !last) {
            rc = wait_in(left, l->name, head.line, text, head.len);
        } else if (rc == 0) {
            l->report->unresolved += unresolved;
            *stored += 1;
            rc = put(l, head.line, l->text.ptr, l->text.len, NULL);
        }
        l->name = "";
    }
    buf_release(&bytes);
    return rc < 0 ? rc : more;
}

/* What a search finds may itself have waited: rounds, until one brings nothing new. */
static int put_searching(struct fhir_loader *l)
{
    uint64_t committed, before = l->report->unresolved;
    bool last = false;
    int rc = 0;
    l->ending = true;
    while (rc == 0 && l->searching) {
        FILE *left = NULL;
        size_t stored = 0;
        if ((rc = fhir_batch_flush(l->batch, &committed)) == 0)
            rc = search_round(l, last, &left, &stored);
        fclose(l->searching);
        l->searching = left;
        last = stored == 0;
    }
    if (l->report->unresolved > before)
        log_warn("%llu references are searches that do not find exactly one resource; they stay as "
                 "they are",
                 (unsigned long long)(l->report->unresolved - before));
    return rc;
}

int fhir_loader_end(struct fhir_loader *l, int rc)
{
    uint64_t committed = 0;
    if (rc == 0)
        rc = put_searching(l);
    int flushed = fhir_batch_flush(l->batch, &committed);
    if (flushed < 0) {
        rc = err_prefix(flushed, "loading %s into '%s'", l->last, l->store->dir);
        l->report->loaded = l->before + committed;
    }
    fhir_batch_abort(l->batch);
    if (l->later)
        fclose(l->later);
    if (l->searching)
        fclose(l->searching);
    fhir_urn_map_release(&l->urns);
    buf_release(&l->text);
    return rc;
}
