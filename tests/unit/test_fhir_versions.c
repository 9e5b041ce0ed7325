/* test_fhir_versions.c - what was: old versions and _history; what changes: JSON Patch, Prefer. */
#include "test.h"

#include "fhir/fhir.h"
#include "fhir/patch.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

/* ---- patch ---- */

static void patches(void **state)
{
    static const char text[] = "{\"a\":1.50,\"b\":{\"c\":[1,2,3]},\"m/n\":\"x\",\"t~\":true}";
    static const struct {
        const char *patch, *result; /* NULL: refused */
    } cases[] = {
        {"[]", "{\"a\":1.50,\"b\":{\"c\":[1,2,3]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"add\",\"path\":\"/z\",\"value\":2.0}]",
         "{\"a\":1.50,\"b\":{\"c\":[1,2,3]},\"m/n\":\"x\",\"t~\":true,\"z\":2.0}"},
        {"[{\"op\":\"add\",\"path\":\"/a\",\"value\":[1.0]}]",
         "{\"a\":[1.0],\"b\":{\"c\":[1,2,3]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"add\",\"path\":\"/b/c/1\",\"value\":9}]",
         "{\"a\":1.50,\"b\":{\"c\":[1,9,2,3]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"add\",\"path\":\"/b/c/-\",\"value\":9}]",
         "{\"a\":1.50,\"b\":{\"c\":[1,2,3,9]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"add\",\"path\":\"/b/c/3\",\"value\":9}]",
         "{\"a\":1.50,\"b\":{\"c\":[1,2,3,9]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"remove\",\"path\":\"/b/c/0\"},{\"op\":\"remove\",\"path\":\"/m~1n\"}]",
         "{\"a\":1.50,\"b\":{\"c\":[2,3]},\"t~\":true}"},
        {"[{\"op\":\"replace\",\"path\":\"/b/c/2\",\"value\":{\"d\":1}}]",
         "{\"a\":1.50,\"b\":{\"c\":[1,2,{\"d\":1}]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"replace\",\"path\":\"/t~0\",\"value\":null}]",
         "{\"a\":1.50,\"b\":{\"c\":[1,2,3]},\"m/n\":\"x\",\"t~\":null}"},
        {"[{\"op\":\"move\",\"from\":\"/b/c\",\"path\":\"/c\"}]",
         "{\"a\":1.50,\"b\":{},\"m/n\":\"x\",\"t~\":true,\"c\":[1,2,3]}"},
        {"[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b/c/0\"}]",
         "{\"a\":1.50,\"b\":{\"c\":[1.50,1,2,3]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.5},{\"op\":\"remove\",\"path\":\"/a\"}]",
         "{\"b\":{\"c\":[1,2,3]},\"m/n\":\"x\",\"t~\":true}"},
        {"[{\"op\":\"test\",\"path\":\"/b\",\"value\":{\"c\":[1,2.0,3]}},"
         "{\"op\":\"replace\",\"path\":\"\",\"value\":{}}]",
         "{}"},
        {"[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"1.5\"}]", NULL},
        {"[{\"op\":\"test\",\"path\":\"/b/c\",\"value\":[1,2]}]", NULL},
        {"[{\"op\":\"remove\",\"path\":\"/nothing\"}]", NULL},
        {"[{\"op\":\"remove\",\"path\":\"\"}]", NULL},
        {"[{\"op\":\"replace\",\"path\":\"/b/c/3\",\"value\":1}]", NULL},
        {"[{\"op\":\"add\",\"path\":\"/b/c/4\",\"value\":1}]", NULL},
        {"[{\"op\":\"add\",\"path\":\"/b/c/01\",\"value\":1}]", NULL},
        {"[{\"op\":\"add\",\"path\":\"/b/c/x\",\"value\":1}]", NULL},
        {"[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL},
        {"[{\"op\":\"add\",\"path\":\"/x/y\",\"value\":1}]", NULL},
        {"[{\"op\":\"add\",\"path\":\"x\",\"value\":1}]", NULL},
        {"[{\"op\":\"add\",\"path\":\"/x\"}]", NULL},
        {"[{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/b/d\"}]", NULL},
        {"[{\"op\":\"move\",\"path\":\"/b\"}]", NULL},
        {"[{\"op\":\"frobnicate\",\"path\":\"/b\"}]", NULL},
        {"[7]", NULL},
        {"{\"op\":\"add\"}", NULL},
    };
    int failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF_INIT;
        int rc = fhir_patch(&out, text, strlen(text), cases[i].patch, strlen(cases[i].patch));
        bool right =
            cases[i].result ? rc == 0 && strcmp(out.ptr, cases[i].result) == 0 : rc == GRASP_EINVAL;
        if (!right) {
            print_message("%s: %d %s\n", cases[i].patch, rc, rc < 0 ? err_msg() : out.ptr);
            failed++;
        }
        buf_release(&out);
    }
    assert_int_equal(failed, 0);
}

/* ---- the server ---- */

static struct fhir_store *open_store(bool keep)
{
    struct fhir_store *s = NULL;
    struct fhir_options o = {.keep_versions = keep};
    assert_int_equal(fhir_open(&s, NULL, &o), 0);
    return s;
}

struct step {
    struct fhir_request rq;
    int status;
    const char *holds; /* in the compact body, NULL: there is none */
};

static void run(struct fhir_store *s, const struct step *steps, size_t n)
{
    int failed = 0;
    for (size_t i = 0; i < n; i++) {
        struct fhir_response rs = FHIR_RESPONSE_INIT;
        struct fhir_request rq = steps[i].rq;
        struct buf text = BUF_INIT;
        json_t *tree = NULL;
        rq.body_len = rq.body ? strlen(rq.body) : 0;
        assert_int_equal(fhir_handle(s, &rq, &rs), 0);
        if (rs.body.len)
            assert_int_equal(json_parse(&tree, rs.body.ptr, rs.body.len, rq.target), 0);
        char *compact = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
        bool right = rs.status == steps[i].status &&
                     (steps[i].holds ? compact && strstr(compact, steps[i].holds) : !compact);
        if (!right) {
            print_message("step %zu, %s %s: %d %s\n", i, rq.method, rq.target, rs.status,
                          compact ? compact : "");
            failed++;
        }
        free(compact);
        json_decref(tree);
        buf_release(&text);
        fhir_response_release(&rs);
    }
    assert_int_equal(failed, 0);
}

#define PATIENT(gender) "{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"" gender "\"}"
#define GET(url)                                                                                   \
    {                                                                                              \
        .method = "GET", .target = url                                                             \
    }
#define PUT(body_text)                                                                             \
    {                                                                                              \
        .method = "PUT", .target = "Patient/a", .body = body_text                                  \
    }
#define PATCH(body_text)                                                                           \
    {                                                                                              \
        .method = "PATCH", .target = "Patient/a", .body = body_text,                               \
        .content_type = "application/json-patch+json"                                              \
    }

static void versions_are_kept(void **state)
{
    static const struct step steps[] = {
        {PUT(PATIENT("male")), 201, "\"versionId\":\"1\""},
        {PUT(PATIENT("female")), 200, "\"versionId\":\"2\""},
        {PUT(PATIENT("other")), 200, "\"versionId\":\"3\""},
        {GET("Patient/a/_history/1"), 200, "\"gender\":\"male\""},
        {GET("Patient/a/_history/2"), 200, "\"gender\":\"female\""},
        {GET("Patient/a/_history/3"), 200, "\"gender\":\"other\""},
        {GET("Patient/a/_history/4"), 404, "no version"},
        {GET("Patient?gender=male"), 200, "\"total\":0"},
        {{.method = "DELETE", .target = "Patient/a"}, 204, NULL},
        {GET("Patient/a/_history/3"), 200, "\"gender\":\"other\""},
        {GET("Patient/a/_history/4"), 410, "deletion"},
        {PUT(PATIENT("unknown")), 201, "\"versionId\":\"5\""},
        {GET("Patient/a/_history"), 200, "\"type\":\"history\",\"total\":5"},
        {GET("Patient/a/_history"), 200, "\"method\":\"DELETE\""},
        {GET("Patient/a/_history?_count=2"), 200, "_history?_count=2&_page=4"},
        {GET("Patient/a/_history?_count=2&_page=4"), 200, "\"gender\":\"female\""},
        {GET("Patient/a/_history?_since=2999-01-01"), 200, "\"total\":0"},
        {GET("Patient/a/_history?gender=male"), 400, "gender"},
        {GET("Patient/b/_history"), 404, "Patient/b"},
        {GET("Patient/_history"), 400, "not-supported"},
        {GET("metadata"), 200, "history-instance"},
    };
    struct fhir_store *s = open_store(true);
    (void)state;
    run(s, steps, sizeof(steps) / sizeof(*steps));
    fhir_close(s);
}

static void versions_are_kept_only_when_asked(void **state)
{
    static const struct step steps[] = {
        {PUT(PATIENT("male")), 201, "\"versionId\":\"1\""},
        {PUT(PATIENT("female")), 200, "\"versionId\":\"2\""},
        {GET("Patient/a/_history/2"), 200, "female"},
        {GET("Patient/a/_history/1"), 404, "not kept"},
        {GET("Patient/a/_history"), 400, "not-supported"},
    };
    struct fhir_store *s = open_store(false);
    (void)state;
    run(s, steps, sizeof(steps) / sizeof(*steps));
    fhir_close(s);
}

#define GENDER(to) "[{\"op\":\"replace\",\"path\":\"/gender\",\"value\":\"" to "\"}]"
#define BUNDLE(type, data)                                                                         \
    "{\"resourceType\":\"Bundle\",\"type\":\"" type "\",\"entry\":[{\"request\":{\"method\":"      \
    "\"PATCH\",\"url\":\"Patient/a\"},\"resource\":{\"resourceType\":\"Binary\",\"contentType\":"  \
    "\"application/json-patch+json\",\"data\":\"" data "\"}}]}"
/* [{"op":"replace","path":"/gender","value":"unknown"}] */
#define GENDER_BASE64 "W3sib3AiOiJyZXBsYWNlIiwicGF0aCI6Ii9nZW5kZXIiLCJ2YWx1ZSI6InVua25vd24ifV0="

static void a_resource_is_patched(void **state)
{
    static const struct step steps[] = {
        {PATCH(GENDER("other")), 404, "no Patient"},
        {PUT(PATIENT("male")), 201, "\"versionId\":\"1\""},
        {PATCH(GENDER("other")), 200, "\"versionId\":\"2\""},
        {GET("Patient?gender=other"), 200, "\"total\":1"},
        {PATCH("[{\"op\":\"replace\",\"path\":\"/id\",\"value\":\"b\"}]"), 400, "id"},
        {PATCH("[{\"op\":\"test\",\"path\":\"/gender\",\"value\":\"male\"}]"), 400, "test"},
        {PATCH("nonsense"), 400, "JSON Patch"},
        {{.method = "PATCH",
          .target = "Patient/a",
          .body = GENDER("male"),
          .content_type = "application/fhir+json"},
         415,
         "json-patch"},
        {{.method = "PATCH",
          .target = "Patient?gender=other",
          .body = GENDER("female"),
          .if_match = "W/\"9\""},
         412,
         "If-Match"},
        {{.method = "PATCH", .target = "Patient?gender=other", .body = GENDER("female")},
         200,
         "female"},
        {{.method = "PATCH", .target = "Patient?gender=other", .body = GENDER("female")},
         404,
         "no Patient"},
        {{.method = "POST", .target = "", .body = BUNDLE("transaction", GENDER_BASE64)},
         200,
         "200 OK"},
        {GET("Patient/a"), 200, "\"gender\":\"unknown\""},
        {{.method = "POST", .target = "", .body = BUNDLE("transaction", "AAAA")},
         400,
         "JSON Patch"},
    };
    struct fhir_store *s = open_store(false);
    (void)state;
    run(s, steps, sizeof(steps) / sizeof(*steps));
    fhir_close(s);
}

static void preferences_are_heard(void **state)
{
    static const struct step steps[] = {
        {{.method = "PUT",
          .target = "Patient/a",
          .body = PATIENT("male"),
          .prefer = "return=minimal"},
         201,
         NULL},
        {{.method = "PUT",
          .target = "Patient/a",
          .body = PATIENT("male"),
          .prefer = "return=OperationOutcome"},
         200,
         "OperationOutcome"},
        {{.method = "PUT",
          .target = "Patient/a",
          .body = PATIENT("male"),
          .prefer = "return=representation"},
         200,
         "\"gender\""},
        {{.method = "GET", .target = "Patient?nonsense=1&gender=male"}, 400, "nonsense"},
        {{.method = "GET",
          .target = "Patient?nonsense=1&gender=male",
          .prefer = "handling=lenient"},
         200,
         "Patient?gender=male\"}]"},
        {{.method = "GET", .target = "Patient?_text=1", .prefer = "handling=lenient"},
         400,
         "not supported"},
        {{.method = "GET", .target = "Patient?nonsense=1", .prefer = "handling=strict"},
         400,
         "nonsense"},
    };
    struct fhir_store *s = open_store(false);
    (void)state;
    run(s, steps, sizeof(steps) / sizeof(*steps));
    fhir_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches),
        cmocka_unit_test(versions_are_kept),
        cmocka_unit_test(versions_are_kept_only_when_asked),
        cmocka_unit_test(a_resource_is_patched),
        cmocka_unit_test(preferences_are_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
