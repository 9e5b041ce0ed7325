/* test_fhir_import.c - copying from a server that behaves as servers do: pages that break off, are
 * refused for a moment, name themselves differently, or never end. */
#include "test.h"

#include <microhttpd.h>

#include "fhir/fhir.h"
#include "runtime/base/err.h"
#include "runtime/base/log.h"

/* What a path is answered with, `{base}` standing for the server's URL; the first `failures` times
 * with `status`, 0 cutting the connection after half of the body. */
struct page {
    const char *url, *body;
    int failures, status;
};

static const struct page pages[] = {
    {"/fhir/metadata",
     "{\"resourceType\":\"CapabilityStatement\",\"rest\":[{\"resource\":["
     "{\"type\":\"Patient\",\"interaction\":[{\"code\":\"read\"},{\"code\":\"search-type\"}]},"
     "{\"type\":\"Binary\",\"interaction\":[{\"code\":\"read\"}]},"
     "{\"type\":\"../Evil\",\"interaction\":[{\"code\":\"search-type\"}]},"
     "{\"type\":\"Condition\",\"interaction\":[{\"code\":\"search-type\"}]}]}]}",
     1, 503},
    /* behind a port mapping: the link names another host; the page itself breaks off once */
    {"/fhir/Patient?_count=1000",
     "{\n  \"resourceType\": \"Bundle\",\n  \"link\": [ {\n    \"relation\": \"next\",\n"
     "    \"url\": \"http://fhir.internal:8080/fhir?_getpages=x\"\n  } ],\n  \"entry\": [ {\n"
     "    \"resource\": { \"resourceType\": \"Patient\", \"id\": \"a\" }\n  }, {\n"
     "    \"resource\": { \"resourceType\": \"Patient\", \"id\": \"b\" }\n  } ]\n}\n",
     1, 0},
    {"/fhir?_getpages=x",
     "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\","
     "\"id\":\"c\"}},{\"resource\":{\"resourceType\":\"Patient\"}}]}",
     2, 429},
    {"/fhir/Condition?_count=1000",
     "{\"resourceType\":\"OperationOutcome\",\"issue\":[{"
     "\"diagnostics\":\"no searches without patient\"}]}",
     99, 403},
    {"/fhir/Encounter?_count=1000",
     "{\"resourceType\":\"Bundle\",\"link\":[{\"relation\":\"next\",\"url\":"
     "\"http://x/fhir/Encounter?_count=1000\"}]}",
     0, 0},
    {"/fhir/Procedure?_count=1000",
     "{\"resourceType\":\"Bundle\",\"link\":[{\"relation\":\"next\",\"url\":"
     "\"http://x/other/Procedure\"}]}",
     0, 0},
    {"/fhir/Immunization?_count=1000", "<html>hello</html>", 0, 0},
    {"/fhir/Observation?_count=1000", "", 99, 500},
};
#define N_PAGES (sizeof(pages) / sizeof(*pages))

struct fake {
    struct MHD_Daemon *daemon;
    struct fhir_store *store;
    char base[64];
    int asked[N_PAGES];
    char *url; /* of the request that is answered */
};

static void *keep_url(void *arg, const char *uri, struct MHD_Connection *c)
{
    struct fake *f = arg;
    (void)c;
    free(f->url);
    f->url = strdup(uri);
    return f;
}

static ssize_t half(void *text, uint64_t pos, char *out, size_t max)
{
    size_t len = strlen(text) / 2;
    if (pos >= len)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = len - pos < max ? len - pos : max;
    memcpy(out, (char *)text + pos, n);
    return (ssize_t)n;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    struct fake *f = arg;
    (void)url, (void)method, (void)version, (void)data, (void)len, (void)context;
    size_t i = 0;
    while (i < N_PAGES && strcmp(pages[i].url, f->url) != 0)
        i++;
    if (i == N_PAGES) {
        struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        enum MHD_Result sent = MHD_queue_response(c, 404, r);
        MHD_destroy_response(r);
        return sent;
    }
    const struct page *p = &pages[i];
    bool fails = f->asked[i]++ < p->failures;
    struct MHD_Response *r =
        fails && p->status == 0
            ? MHD_create_response_from_callback(strlen(p->body), 16, half, (void *)p->body, NULL)
            : MHD_create_response_from_buffer(strlen(p->body), (void *)p->body,
                                              MHD_RESPMEM_PERSISTENT);
    enum MHD_Result sent = MHD_queue_response(c, fails && p->status ? (unsigned)p->status : 200, r);
    MHD_destroy_response(r);
    return sent;
}

static int set_up(void **state)
{
    struct fake *f = calloc(1, sizeof(*f));
    *state = f;
    log_set_level(LOG_ERROR);
    f->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request, f,
                                 MHD_OPTION_URI_LOG_CALLBACK, keep_url, f, MHD_OPTION_END);
    if (!f->daemon)
        return -1;
    snprintf(f->base, sizeof(f->base), "http://127.0.0.1:%d/fhir",
             MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    return fhir_open(&f->store, NULL, NULL);
}

static int tear_down(void **state)
{
    struct fake *f = *state;
    MHD_stop_daemon(f->daemon);
    fhir_close(f->store);
    free(f->url);
    free(f);
    return 0;
}

static void pages_are_followed_through_trouble(void **state)
{
    struct fake *f = *state;
    struct fhir_load_report r = {0};
    assert_int_equal(fhir_import(f->store, f->base, NULL, &r), 0);
    assert_int_equal(fhir_count(f->store, "Patient"), 3);
    assert_int_equal(r.loaded, 3);
    assert_int_equal(r.bad, 2); /* the Patient without id, and Condition, which was refused */
    assert_int_equal(f->asked[0], 2);
    assert_int_equal(f->asked[1], 2);
    assert_int_equal(f->asked[2], 3);
    assert_int_equal(f->asked[3], 1);
}

static void strict_stops(void **state)
{
    struct fake *f = *state;
    struct fhir_load_report r = {.strict = true};
    assert_int_equal(fhir_import(f->store, f->base, (const char *[]){"Patient", NULL}, &r),
                     GRASP_EINVAL);
    assert_int_equal(r.loaded, 3);
    assert_non_null(strstr(err_msg(), "id"));
}

static void bad_servers_are_told(void **state)
{
    struct fake *f = *state;
    static const struct {
        const char *type, *says;
        int code;
    } cases[] = {
        {"Encounter", "do not come to an end", GRASP_EINVAL},
        {"Procedure", "leads out of", GRASP_EINVAL},
        {"Immunization", "does not answer with a Bundle", GRASP_EINVAL},
        {"Condition", "403: no searches without patient", GRASP_EINVAL},
        {"Nothing", "404", GRASP_EINVAL},
        {"Observation", "500", GRASP_EOUTAGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fhir_load_report r = {0};
        assert_int_equal(fhir_import(f->store, f->base, (const char *[]){cases[i].type, NULL}, &r),
                         cases[i].code);
        if (!strstr(err_msg(), cases[i].says))
            fail_msg("%s: '%s' is not in: %s", cases[i].type, cases[i].says, err_msg());
    }
    assert_int_equal(f->asked[7], 4);
    struct fhir_load_report r = {0};
    assert_int_equal(fhir_import(f->store, "ftp://x", NULL, &r), GRASP_EINVAL);
    assert_int_equal(fhir_import(f->store, "http://127.0.0.1:1/fhir", NULL, &r), GRASP_EOUTAGE);
    assert_int_equal(fhir_count(f->store, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_are_followed_through_trouble, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strict_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_servers_are_told, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("fhir_import", tests, NULL, NULL);
}
