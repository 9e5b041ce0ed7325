/*
 * import.c - copies a running FHIR server's resources by following its search pages.
 *
 * A page is cut into resources while it arrives (split.h); what is left of the Bundle holds the
 * link to the next page. A page that breaks off is asked for again: storing a resource twice is
 * storing it once.
 */
#include "fhir/fhir.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fhir/load.h"
#include "fhir/split.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/progress.h"
#include "runtime/base/text.h"

#define PAGE_COUNT      1000 /* resources asked for per page; a server may give fewer */
#define TRIES           4
#define MAX_PAUSE       60                 /* seconds, whatever a Retry-After says */
#define FRAME_LIMIT     ((size_t)16 << 20) /* CapabilityStatement, or a Bundle without its entries */
#define EMPTY_PAGES     20                 /* in a row, before we stop believing the next links */
#define CONNECT_SECONDS 10L
#define STALL_SECONDS   60L

struct fhir_importer {
    CURL *curl;
    struct curl_slist *headers;
    char *base; /* ends in '/' */
    struct fhir_store *store;
    struct fhir_load_report *report;
};

/* One answer on its way in: an answer that is a page goes through the splitter, any other into
 * text. */
struct page_reply {
    struct fhir_split *split;
    struct buf text;
    CURL *curl;
    int rc;
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
    struct page_reply *a = arg;
    long status = 0;
    size_t len = size * n;
    curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
    if (a->split && status == 200) {
        a->rc = fhir_split_feed(a->split, bytes, len);
    } else if (len > FRAME_LIMIT - a->text.len) {
        a->rc = err_set(GRASP_ELIMIT, "an answer of more than %zu bytes", FRAME_LIMIT);
    } else {
        buf_add(&a->text, bytes, len);
        a->rc = a->text.failed ? buf_check(&a->text) : 0;
    }
    return a->rc == 0 ? len : 0;
}

/* What the server asks for, else 100 ms, 200 ms, 400 ms. */
static void pause_before_retry(struct fhir_importer *im, int attempt)
{
    curl_off_t asked = 0;
    struct timespec t = {.tv_nsec = 100000000L << attempt};
    curl_easy_getinfo(im->curl, CURLINFO_RETRY_AFTER, &asked);
    if (asked > 0)
        t = (struct timespec){.tv_sec = asked < MAX_PAUSE ? asked : MAX_PAUSE};
    nanosleep(&t, NULL);
}

/* One request; *again when it may work next time. */
static int get_once(struct fhir_importer *im, const char *url, struct page_reply *a, bool *again)
{
    long status = 0;
    char text[CURL_ERROR_SIZE] = "";
    a->rc = 0;
    a->curl = im->curl;
    buf_reset(&a->text);
    curl_easy_setopt(im->curl, CURLOPT_URL, url);
    curl_easy_setopt(im->curl, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(im->curl, CURLOPT_ERRORBUFFER, text);
    CURLcode code = curl_easy_perform(im->curl);
    curl_easy_setopt(im->curl, CURLOPT_ERRORBUFFER, NULL);
    if (a->rc < 0) {
        *again = false;
        return a->rc;
    }
    if (code != CURLE_OK) {
        *again = code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL &&
                 code != CURLE_PEER_FAILED_VERIFICATION;
        return err_set(GRASP_EOUTAGE, "%s does not answer: %s", url,
                       fs_out_of_files() ? err_msg()
                       : *text           ? text
                                         : curl_easy_strerror(code));
    }
    curl_easy_getinfo(im->curl, CURLINFO_RESPONSE_CODE, &status);
    *again = status == 429 || status >= 500;
    if (status == 200)
        return 0;
    json_t *outcome = json_loadb(a->text.ptr, a->text.len, 0, NULL);
    const char *why = json_str_at(outcome, "issue[0].diagnostics", "");
    int rc = err_set(*again ? GRASP_EOUTAGE : GRASP_EINVAL, "%s answers %ld%s%.300s", url, status,
                     *why ? ": " : "", why);
    json_decref(outcome);
    return rc;
}

/* The text of an answer that is no page, with retries. */
static int get_text(struct fhir_importer *im, const char *url, struct page_reply *a)
{
    for (int attempt = 0;; attempt++) {
        bool again;
        int rc = get_once(im, url, a, &again);
        if (rc == 0 || !again || attempt + 1 == TRIES)
            return rc;
        log_debug("%s; trying again", err_msg());
        pause_before_retry(im, attempt);
    }
}

/* Where the next link leads, as a URL of this server: servers behind a proxy or a port mapping
 * write the name they know themselves by. */
static int next_url(const struct fhir_importer *im, const char *link, char **out)
{
    const char *base_path = strstr(im->base, "://"), *path = strstr(link, "://");
    base_path = base_path ? strchr(base_path + 3, '/') : NULL;
    path = path ? strchr(path + 3, '/') : NULL;
    size_t n = base_path ? strlen(base_path) - 1 : 0; /* without the last '/' */
    if (!base_path || !path || strncmp(path, base_path, n) != 0 ||
        (path[n] != '/' && path[n] != '?'))
        return err_set(GRASP_EINVAL, "the next link leads out of %s: %.300s", im->base, link);
    if (asprintf(out, "%.*s%s", (int)(base_path - im->base), im->base, path) < 0) {
        *out = NULL;
        return err_oom();
    }
    return 0;
}

struct page {
    struct fhir_loader *loader;
    struct fhir_importer *im;
    bool complete;  /* the Bundle came to its end */
    uint64_t items; /* entries of it */
    char *next;
};

static int page_item(const struct fhir_item *it, void *arg)
{
    struct page *p = arg;
    p->items++;
    return fhir_loader_item(it, p->loader);
}

static int page_bad(size_t line, const char *why, void *arg)
{
    struct page *p = arg;
    return fhir_loader_bad(line, why, p->loader);
}

static int page_end(const char *text, size_t len, void *arg)
{
    struct page *p = arg;
    json_t *frame = json_loadb(text, len, 0, NULL), *link;
    size_t i;
    int rc = 0;
    p->complete = frame != NULL;
    json_array_foreach (json_at(frame, "link"), i, link) {
        const char *url = json_str_at(link, "url", NULL);
        if (url && !p->next && strcmp(json_str_at(link, "relation", ""), "next") == 0)
            rc = next_url(p->im, url, &p->next);
    }
    json_decref(frame);
    return rc;
}

/* Takes one page in; *next is the following one or NULL. */
static int take_page(struct fhir_importer *im, const char *url, uint64_t *items, char **next)
{
    int rc = 0;
    *next = NULL;
    for (int attempt = 0;; attempt++) {
        bool again = false;
        struct fhir_load_report before = *im->report;
        struct fhir_loader loader;
        struct fhir_split split;
        struct page page = {.loader = &loader, .im = im};
        if ((rc = fhir_loader_init(&loader, im->store, im->report)) < 0)
            return rc;
        fhir_loader_start(&loader, url);
        fhir_split_init(&split, &(struct fhir_sink){page_item, page_bad, page_end, &page});
        struct page_reply a = {.split = &split, .text = BUF_INIT};
        rc = get_once(im, url, &a, &again);
        if (rc == 0 && (rc = fhir_split_end(&split)) == 0 && !page.complete)
            rc = err_set(GRASP_EINVAL, "%s does not answer with a Bundle", url);
        rc = fhir_loader_end(&loader, fhir_loader_finish(&loader, rc));
        fhir_split_release(&split);
        buf_release(&a.text);
        *items = page.items;
        if (rc == 0) {
            *next = page.next;
            return 0;
        }
        free(page.next);
        if (!again || attempt + 1 == TRIES)
            return rc;
        *im->report = before; /* what it had counted comes once more */
        log_debug("%s; trying again", err_msg());
        pause_before_retry(im, attempt);
    }
}

static int import_type(struct fhir_importer *im, const char *type)
{
    int rc, empty = 0;
    char *url = NULL, *next = NULL, label[80];
    uint64_t start = im->report->loaded;
    snprintf(label, sizeof(label), "importing %.60s", type);
    if (asprintf(&url, "%s%s?_count=%d", im->base, type, PAGE_COUNT) < 0)
        return err_oom();
    for (;;) {
        uint64_t items = 0;
        if ((rc = take_page(im, url, &items, &next)) < 0 || !next)
            break;
        empty = items ? 0 : empty + 1;
        if (strcmp(next, url) == 0 || empty == EMPTY_PAGES) {
            rc = err_set(GRASP_EINVAL, "the next links of %s%s do not come to an end", im->base,
                         type);
            break;
        }
        free(url);
        url = next;
        next = NULL;
        progress_set(label, im->report->loaded - start, 0, NULL);
    }
    progress_clear();
    free(url);
    free(next);
    return rc;
}

/* The types that the server says can be searched. */
static int types_of_server(struct fhir_importer *im, struct strlist *types)
{
    char *url = NULL;
    json_t *statement = NULL, *rest, *resource;
    size_t i, j;
    struct page_reply a = {.text = BUF_INIT};
    int rc = 0;
    if (asprintf(&url, "%smetadata", im->base) < 0)
        return err_oom();
    if ((rc = get_text(im, url, &a)) < 0 ||
        (rc = json_parse(&statement, a.text.ptr, a.text.len, url)) < 0)
        goto out;
    if (strcmp(json_str_at(statement, "resourceType", ""), "CapabilityStatement") != 0) {
        rc = err_set(GRASP_EINVAL, "%s is no CapabilityStatement: is that a FHIR base URL?", url);
        goto out;
    }
    json_array_foreach (json_at(statement, "rest"), i, rest) {
        json_array_foreach (json_at(rest, "resource"), j, resource) {
            size_t k;
            json_t *interaction;
            const char *type = json_str_at(resource, "type", "");
            if (!*type ||
                type[strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")])
                continue;
            json_array_foreach (json_at(resource, "interaction"), k, interaction) {
                if (strcmp(json_str_at(interaction, "code", ""), "search-type") == 0 &&
                    !strlist_has(types, type) && (rc = strlist_add(types, type)) < 0)
                    goto out;
            }
        }
    }
    if (types->n == 0)
        rc = err_set(GRASP_EINVAL, "%s names no type that can be searched", url);
out:
    buf_release(&a.text);
    json_decref(statement);
    free(url);
    return rc;
}

static int import_open(struct fhir_importer *im, const char *base_url)
{
    if (!str_starts(base_url, "http://") && !str_starts(base_url, "https://"))
        return err_set(GRASP_EINVAL, "'%s' is no FHIR base URL: it begins with http:// or https://",
                       base_url);
    if (asprintf(&im->base, "%s%s", base_url, str_ends(base_url, "/") ? "" : "/") < 0) {
        im->base = NULL;
        return err_oom();
    }
    im->headers = curl_slist_append(NULL, "Accept: application/fhir+json");
    if (!(im->curl = curl_easy_init()) || !im->headers)
        return err_oom();
    curl_easy_setopt(im->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(im->curl, CURLOPT_HTTPHEADER, im->headers);
    curl_easy_setopt(im->curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(im->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(im->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(im->curl, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(im->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(im->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(im->curl, CURLOPT_USERAGENT, "grasp/" GRASP_VERSION);
    return 0;
}

int fhir_import(struct fhir_store *store, const char *base_url, const char *const *types,
                struct fhir_load_report *report)
{
    struct fhir_importer im = {.store = store, .report = report};
    struct strlist found = {0};
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return err_set(GRASP_ENOMEM, "cannot start the HTTP client");
    int rc = import_open(&im, base_url);
    for (size_t i = 0; rc == 0 && types && types[i]; i++)
        rc = strlist_add(&found, types[i]);
    if (rc == 0 && found.n == 0)
        rc = types_of_server(&im, &found);
    bool asked = types && types[0];
    for (size_t i = 0; rc == 0 && i < found.n; i++) {
        uint64_t before = report->loaded;
        rc = import_type(&im, found.v[i]);
        if (rc == GRASP_EINVAL && !asked && !report->strict) {
            log_warn("%s; %s skipped", err_msg(), found.v[i]);
            report->bad++;
            rc = 0;
        }
        if (rc == 0 && report->loaded > before)
            log_info("%s: %llu", found.v[i], (unsigned long long)(report->loaded - before));
    }
    strlist_release(&found);
    curl_easy_cleanup(im.curl);
    curl_slist_free_all(im.headers);
    curl_global_cleanup();
    free(im.base);
    return rc;
}
