/* test_fhir_rest.c - interactions of the REST function: read, create, update, delete, batch and
 * transaction, metadata, headers, and what is refused. */
#include "test.h"

#include "fhir/store.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

#define PATIENT "{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"male\"}"

static int setup(void **state)
{
    struct fhir_store *s = NULL;
    struct fhir_batch *b = NULL;
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    assert_int_equal(fhir_batch_begin(s, &b), 0);
    assert_int_equal(fhir_batch_put_text(b, PATIENT, strlen(PATIENT), NULL), 0);
    assert_int_equal(fhir_batch_commit(b), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    fhir_close(*state);
    return 0;
}

/* Runs a request; *body (may be NULL) gets the parsed answer, NULL when there is none. */
static int run(struct fhir_store *s, struct fhir_request rq, json_t **body, char *location)
{
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    json_t *tree = NULL;
    if (rq.body)
        rq.body_len = strlen(rq.body);
    assert_int_equal(fhir_handle(s, &rq, &rs), 0);
    if (rs.body.len)
        assert_int_equal(json_parse(&tree, rs.body.ptr, rs.body.len, "body"), 0);
    if (location)
        snprintf(location, 200, "%s", rs.location ? rs.location : "");
    if (rs.status >= 400) {
        assert_string_equal(json_str_at(tree, "resourceType", ""), "OperationOutcome");
        assert_true(strlen(json_str_at(tree, "issue[0].diagnostics", "")) > 5);
        assert_string_equal(json_str_at(tree, "issue[0].severity", ""), "error");
    }
    int status = rs.status;
    if (body)
        *body = tree;
    else
        json_decref(tree);
    fhir_response_release(&rs);
    return status;
}

#define REQUEST(...) ((struct fhir_request){__VA_ARGS__})

static void statuses(void **state)
{
    static const struct {
        int status;
        struct fhir_request rq;
    } cases[] = {
        {200, {.method = "GET", .target = "Patient/a"}},
        {200, {.method = "GET", .target = "/Patient/a/"}},
        {200, {.method = "GET", .target = "Patient/a?_format=json&_pretty=false"}},
        {200, {.method = "GET", .target = "Patient/a&_format=json", .agent_url = true}},
        {200, {.method = "GET", .target = "Patient/a&_format=json"}},
        {404, {.method = "GET", .target = "Patient/a#b"}},
        {200, {.method = "GET", .target = "Patient/a#b", .agent_url = true}},
        {200, {.method = "GET", .target = "Patient/a/_history/1"}},
        {404, {.method = "GET", .target = "Patient/a/_history/2"}},
        {404, {.method = "GET", .target = "Patient/b"}},
        {404,
         {.method = "GET",
          .target = "Patient/"
                    "x%20y"}},
        {404, {.method = "GET", .target = "Person1/b"}},
        {404, {.method = "GET", .target = "Nothing"}},
        {200, {.method = "GET", .target = "Patient/a/$everything"}},
        {404, {.method = "GET", .target = "Patient/b/$everything"}},
        {200, {.method = "GET", .target = "Patient/$everything"}},
        {200, {.method = "GET", .target = "Patient/a/$everything?_type=Observation&_count=3"}},
        {400, {.method = "GET", .target = "Patient/a/$everything?_type=Nothing"}},
        {400, {.method = "GET", .target = "Patient/a/$everything?code=1"}},
        {200, {.method = "GET", .target = "Patient/a/Observation?code=1"}},
        {200, {.method = "GET", .target = "Patient/a/*"}},
        {400, {.method = "GET", .target = "Nothing/a/*"}},
        {400, {.method = "GET", .target = "Observation/a/Patient"}},
        {400, {.method = "GET", .target = "Patient/a/Medication"}},
        {200, {.method = "GET", .target = "?_type=Patient,Observation&_id=a"}},
        {400, {.method = "GET", .target = "?_type=Patient,Observation&gender=male"}},
        {400, {.method = "GET", .target = "?_type=Nothing"}},
        {400, {.method = "POST", .target = "Patient/$validate", .body = PATIENT}},
        {400, {.method = "GET", .target = "Patient/_history"}},
        {400, {.method = "GET", .target = "$export"}},
        {400, {.method = "GET", .target = "Patient/a/b/c/d/e/f"}},
        {400, {.method = "GET", .target = "Patient/a?gender=male"}},
        {400, {.method = "GET", .target = ""}},
        {400, {.method = "PATCH", .target = "Patient/a"}},
        {409, {.method = "PUT", .target = "Patient?identifier=1", .body = PATIENT}},
        {204, {.method = "DELETE", .target = "Patient?identifier=1"}},
        {200, {.method = "GET", .target = "Patient", .accept = "application/fhir+json"}},
        {200, {.method = "GET", .target = "Patient", .accept = "text/html, */*;q=0.1"}},
        {406, {.method = "GET", .target = "Patient", .accept = "text/html"}},
        {200, {.method = "GET", .target = "Patient?_format=json", .accept = "text/html"}},
        {406, {.method = "GET", .target = "Patient/a?_format=application/fhir+xml"}},
        {304, {.method = "GET", .target = "Patient/a", .if_none_match = "W/\"1\""}},
        {200, {.method = "GET", .target = "Patient/a", .if_none_match = "W/\"7\""}},
        {400, {.method = "POST", .target = "Patient"}},
        {400, {.method = "POST", .target = "Patient", .body = "{"}},
        {400, {.method = "POST", .target = "Patient", .body = "[]"}},
        {400,
         {.method = "POST",
          .target = "Patient",
          .body = "{\"resourceType\":\"Patient\",\"active\":true,\"active\":false}"}},
        {400, {.method = "POST", .target = "Observation", .body = PATIENT}},
        {400, {.method = "PUT", .target = "Patient/b", .body = PATIENT}},
        {400, {.method = "PUT", .target = "Patient/b%20", .body = PATIENT}},
        {412, {.method = "PUT", .target = "Patient/a", .body = PATIENT, .if_match = "W/\"9\""}},
        {412, {.method = "PUT", .target = "Patient/a", .body = PATIENT, .if_none_match = "*"}},
        {412, {.method = "DELETE", .target = "Patient/a", .if_match = "W/\"9\""}},
        {412, {.method = "DELETE", .target = "Patient/zz", .if_match = "W/\"9\""}},
        {415,
         {.method = "POST",
          .target = "Patient",
          .body = PATIENT,
          .content_type = "application/fhir+xml"}},
        {415,
         {.method = "POST",
          .target = "Patient/_search",
          .body = "gender=male",
          .content_type = "application/json"}},
        {204, {.method = "DELETE", .target = "Patient/never"}},
        {400, {.method = "POST", .target = "", .body = PATIENT}},
        {400, {.method = "POST", .target = "", .body = "{\"resourceType\":\"Bundle\"}"}},
        {400,
         {.method = "POST",
          .target = "",
          .body = "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":3}"}},
        {400,
         {.method = "POST",
          .target = "",
          .body = "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[7]}"}},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int status = run(*state, cases[i].rq, NULL, NULL);
        if (status != cases[i].status) {
            print_message("%s %s: %d, expected %d\n", cases[i].rq.method, cases[i].rq.target,
                          status, cases[i].status);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
    assert_int_equal(fhir_count(*state, NULL), 1);
}

static void a_created_resource_keeps_what_was_written(void **state)
{
    char location[200];
    json_t *body;
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    static const char text[] =
        "{\"resourceType\":\"Observation\",\"id\":\"mine\",\"meta\":{\"versionId\":\"9\",\"tag\":[{"
        "\"code\":\"t\"}]},\"valueQuantity\":{\"value\":1.50},\"code\":{\"text\":\"BP\"},"
        "\"subject\":{\"reference\":\"Patient/a\"}}";
    assert_int_equal(run(*state, REQUEST(.method = "POST", .target = "Observation", .body = text),
                         &body, location),
                     201);
    assert_string_not_equal(json_str_at(body, "id", ""), "mine");
    assert_string_equal(json_str_at(body, "meta.versionId", ""), "1");
    assert_string_equal(json_str_at(body, "meta.tag[0].code", ""), "t");
    assert_non_null(json_str_at(body, "meta.lastUpdated", NULL));
    static const char base[] = "http://localhost:8080/fhir/";
    assert_memory_equal(location, base, strlen(base));
    json_decref(body);
    struct fhir_request rq = {.method = "GET", .target = location + strlen(base)};
    assert_int_equal(fhir_handle(*state, &rq, &rs), 0);
    assert_int_equal(rs.status, 200);
    assert_non_null(strstr(rs.body.ptr, "\"value\": 1.50"));
    assert_string_equal(rs.etag, "W/\"1\"");
    assert_non_null(strstr(rs.last_modified, " GMT"));
    fhir_response_release(&rs);
    assert_int_equal(run(*state,
                         REQUEST(.method = "GET", .target = "Observation?patient=a&code=BP"), &body,
                         NULL),
                     200);
    assert_int_equal(json_int_at(body, "total", -1), 1);
    json_decref(body);
}

static void updates_count_versions_and_reindex(void **state)
{
    json_t *body;
    struct fhir_request put = {
        .method = "PUT",
        .target = "Patient/a",
        .body = "{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"female\"}",
        .if_match = "W/\"1\""};
    assert_int_equal(run(*state, put, &body, NULL), 200);
    assert_string_equal(json_str_at(body, "meta.versionId", ""), "2");
    json_decref(body);
    assert_int_equal(run(*state, put, NULL, NULL), 412);
    assert_int_equal(
        run(*state, REQUEST(.method = "GET", .target = "Patient?gender=male"), &body, NULL), 200);
    assert_int_equal(json_int_at(body, "total", -1), 0);
    json_decref(body);
    assert_int_equal(
        run(*state, REQUEST(.method = "POST", .target = "Patient/_search", .body = "gender=female"),
            &body, NULL),
        200);
    assert_int_equal(json_int_at(body, "total", -1), 1);
    json_decref(body);
    assert_int_equal(run(*state, REQUEST(.method = "DELETE", .target = "Patient/a"), NULL, NULL),
                     204);
    assert_int_equal(run(*state, REQUEST(.method = "GET", .target = "Patient/a"), NULL, NULL), 410);
    assert_int_equal(run(*state, REQUEST(.method = "DELETE", .target = "Patient/a"), NULL, NULL),
                     204);
    put.if_match = NULL;
    assert_int_equal(run(*state, put, &body, NULL), 201);
    assert_string_equal(json_str_at(body, "meta.versionId", ""), "4");
    json_decref(body);
    assert_int_equal(fhir_count(*state, "Patient"), 1);
}

static const char transaction[] =
    "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
    "{\"fullUrl\":\"urn:uuid:11111111-1111-4111-8111-111111111111\",\"resource\":{\"resourceType\":"
    "\"Patient\",\"name\":[{\"family\":\"New\"}]},\"request\":{\"method\":\"POST\",\"url\":"
    "\"Patient\"}},"
    "{\"resource\":{\"resourceType\":\"Observation\",\"code\":{\"text\":\"HR\"},\"valueQuantity\":{"
    "\"value\":70.0},\"subject\":{\"reference\":\"urn:uuid:11111111-1111-4111-8111-111111111111\"}}"
    ","
    "\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}},"
    "{\"request\":{\"method\":\"GET\",\"url\":\"Observation?code=HR\"}},"
    "{\"request\":{\"method\":\"%s\",\"url\":\"%s\"}}]}";

static void a_transaction_resolves_references(void **state)
{
    json_t *body, *found;
    char text[2048], target[200];
    snprintf(text, sizeof(text), transaction, "DELETE", "Patient/a");
    assert_int_equal(
        run(*state, REQUEST(.method = "POST", .target = "", .body = text), &body, NULL), 200);
    assert_string_equal(json_str_at(body, "type", ""), "transaction-response");
    assert_string_equal(json_str_at(body, "entry[0].response.status", ""), "201 Created");
    assert_string_equal(json_str_at(body, "entry[3].response.status", ""), "204 No Content");
    assert_int_equal(json_int_at(body, "entry[2].resource.total", -1), 1);
    const char *ref =
        json_str_at(body, "entry[2].resource.entry[0].resource.subject.reference", "");
    assert_memory_equal(ref, "Patient/", 8);
    snprintf(target, sizeof(target), "%s", ref);
    assert_int_equal(run(*state, REQUEST(.method = "GET", .target = target), &found, NULL), 200);
    assert_string_equal(json_str_at(found, "name[0].family", ""), "New");
    json_decref(found);
    json_decref(body);
    assert_int_equal(fhir_count(*state, NULL), 2);
}

static void a_transaction_is_all_or_nothing(void **state)
{
    char text[2048];
    json_t *body;
    struct fhir_overlay *o = fhir_overlay_new();
    snprintf(text, sizeof(text), transaction, "GET", "Patient/nobody");
    assert_int_equal(
        run(*state, REQUEST(.method = "POST", .target = "", .body = text), &body, NULL), 404);
    assert_non_null(strstr(json_str_at(body, "issue[0].diagnostics", ""), "entry[3]"));
    json_decref(body);
    assert_int_equal(run(*state,
                         REQUEST(.method = "POST", .target = "", .body = text, .overlay = o), NULL,
                         NULL),
                     404);
    assert_int_equal(fhir_count(*state, NULL), 1);
    assert_int_equal(run(*state,
                         REQUEST(.method = "GET", .target = "Observation?code=HR", .overlay = o),
                         &body, NULL),
                     200);
    assert_int_equal(json_int_at(body, "total", -1), 0);
    json_decref(body);
    fhir_overlay_free(o);
    static const char twice[] =
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        "{\"request\":{\"method\":\"DELETE\",\"url\":\"Patient/a\"}},"
        "{\"resource\":" PATIENT ",\"request\":{\"method\":\"PUT\",\"url\":\"Patient/a\"}}]}";
    assert_int_equal(
        run(*state, REQUEST(.method = "POST", .target = "", .body = twice), NULL, NULL), 400);
    assert_int_equal(fhir_count(*state, NULL), 1);
}

static void a_batch_answers_each_entry(void **state)
{
    char text[2048];
    json_t *body;
    int n = snprintf(text, sizeof(text), transaction, "GET", "Patient/nobody");
    char *type = strstr(text, "\"transaction\"");
    memcpy(type, "\"batch\"      ", 13);
    assert_true(n < (int)sizeof(text));
    assert_int_equal(
        run(*state, REQUEST(.method = "POST", .target = "", .body = text), &body, NULL), 200);
    assert_string_equal(json_str_at(body, "entry[0].response.status", ""), "201 Created");
    assert_string_equal(json_str_at(body, "entry[3].response.status", ""), "404 Not Found");
    assert_string_equal(json_str_at(body, "entry[3].response.outcome.resourceType", ""),
                        "OperationOutcome");
    json_decref(body);
    assert_int_equal(fhir_count(*state, NULL), 3);
}

static void metadata_tells_what_is_there(void **state)
{
    json_t *body, *resource;
    size_t i;
    bool seen = false;
    assert_int_equal(run(*state, REQUEST(.method = "GET", .target = "metadata"), &body, NULL), 200);
    assert_string_equal(json_str_at(body, "fhirVersion", ""), "4.0.1");
    json_array_foreach (json_at(body, "rest[0].resource"), i, resource) {
        json_t *param;
        size_t j;
        const char *type = json_str_at(resource, "type", "");
        seen |= strcmp(type, "Observation") == 0;
        /* every parameter that is listed is answered */
        json_array_foreach (json_object_get(resource, "searchParam"), j, param) {
            char target[200];
            const char *name = json_str_at(param, "name", "");
            snprintf(target, sizeof(target), "%s?%s%s", type, name,
                     strcmp(name, "_id") == 0 ? "=1" : ":missing=false");
            assert_int_equal(run(*state, REQUEST(.method = "GET", .target = target), NULL, NULL),
                             200);
        }
    }
    assert_true(seen);
    json_decref(body);
}

static void a_read_only_server_writes_nothing(void **state)
{
    (void)state;
    struct fhir_options o = {.read_only = true};
    struct fhir_store *s = NULL;
    struct fhir_overlay *overlay = fhir_overlay_new();
    json_t *body;
    assert_int_equal(fhir_open(&s, NULL, &o), 0);
    struct fhir_request post = {.method = "POST", .target = "Patient", .body = PATIENT};
    assert_int_equal(run(s, post, NULL, NULL), 405);
    post.overlay = overlay;
    assert_int_equal(run(s, post, NULL, NULL), 201);
    assert_int_equal(run(s, REQUEST(.method = "GET", .target = "metadata"), &body, NULL), 200);
    assert_int_equal(json_array_size(json_at(body, "rest[0].resource[0].interaction")), 3);
    json_decref(body);
    fhir_overlay_free(overlay);
    fhir_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(statuses),
        TEST(a_created_resource_keeps_what_was_written),
        TEST(updates_count_versions_and_reindex),
        TEST(a_transaction_resolves_references),
        TEST(a_transaction_is_all_or_nothing),
        TEST(a_batch_answers_each_entry),
        TEST(metadata_tells_what_is_there),
        cmocka_unit_test(a_read_only_server_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
