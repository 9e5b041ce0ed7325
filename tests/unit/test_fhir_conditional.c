/* test_fhir_conditional.c - search, then decide: If-None-Exist, conditional update and delete, and
 * references that are searches, alone, in batches and in transactions. */
#include "test.h"

#include "fhir/fhir.h"
#include "runtime/base/err.h"
#include "runtime/base/json.h"

static int setup(void **state)
{
    struct fhir_store *s = NULL;
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    fhir_close(*state);
    return 0;
}

static int run(struct fhir_store *s, struct fhir_request rq, json_t **body)
{
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    json_t *tree = NULL;
    rq.body_len = rq.body ? strlen(rq.body) : 0;
    assert_int_equal(fhir_handle(s, &rq, &rs), 0);
    if (rs.body.len)
        assert_int_equal(json_parse(&tree, rs.body.ptr, rs.body.len, "body"), 0);
    int status = rs.status;
    fhir_response_release(&rs);
    if (body)
        *body = tree;
    else
        json_decref(tree);
    return status;
}

#define REQUEST(...) ((struct fhir_request){__VA_ARGS__})
#define PERSON(mrn)                                                                                \
    "{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"urn:x\",\"value\":\"" mrn "\"}]}"
#define PERSON_ID(mrn, id)                                                                         \
    "{\"resourceType\":\"Patient\",\"id\":\"" id                                                   \
    "\",\"identifier\":[{\"system\":\"urn:x\",\"value\":\"" mrn "\"}]}"
#define ABOUT(ref)                                                                                 \
    "{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"HR\"},"           \
    "\"subject\":{\"reference\":\"" ref "\"}}"

/* One after the other on one store, which begins empty: K1 once, K2 twice. */
static void one_after_the_other(void **state)
{
    static const struct {
        struct fhir_request rq;
        int status;
        uint64_t patients; /* in the store afterwards */
    } steps[] = {
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K1"),
          .if_none_exist = "identifier=urn:x|K1"},
         201,
         1},
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K1"),
          .if_none_exist = "identifier=urn:x|K1"},
         200,
         1},
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K1"),
          .if_none_exist = "Patient?identifier=urn%3Ax%7CK1"},
         200,
         1},
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K1"),
          .if_none_exist = "?identifier=urn:x|K1"},
         200,
         1},
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K1"),
          .if_none_exist = "/Patient?identifier=urn:x|K1"},
         200,
         1},
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K1"),
          .if_none_exist = "http://localhost:8080/fhir/Patient?identifier=urn:x|K1"},
         200,
         1},
        {{.method = "POST", .target = "Patient", .body = PERSON("K2")}, 201, 2},
        {{.method = "POST", .target = "Patient", .body = PERSON("K2")}, 201, 3},
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K2"),
          .if_none_exist = "identifier=urn:x|K2"},
         412,
         3},
        {{.method = "POST", .target = "Patient", .body = PERSON("K3"), .if_none_exist = ""},
         400,
         3},
        {{.method = "POST", .target = "Patient", .body = PERSON("K3"), .if_none_exist = "_count=1"},
         400,
         3},
        {{.method = "POST",
          .target = "Patient",
          .body = PERSON("K3"),
          .if_none_exist = "nonsense=1"},
         400,
         3},
        {{.method = "PUT", .target = "Patient?identifier=urn:x|K1", .body = PERSON("K1")}, 200, 3},
        {{.method = "PUT",
          .target = "Patient?identifier=urn:x|K1",
          .body = PERSON_ID("K1", "other")},
         400,
         3},
        {{.method = "PUT", .target = "Patient?identifier=urn:x|K2", .body = PERSON("K2")}, 412, 3},
        {{.method = "PUT",
          .target = "Patient?identifier=urn:x|K4",
          .body = PERSON_ID("K4", "four")},
         201,
         4},
        {{.method = "PUT",
          .target = "Patient?identifier=urn:x|none",
          .body = PERSON_ID("K4", "four")},
         409,
         4},
        {{.method = "PUT", .target = "Patient?identifier=urn:x|K5", .body = PERSON("K5")}, 201, 5},
        {{.method = "PUT", .target = "Patient", .body = PERSON("K5")}, 400, 5},
        {{.method = "POST", .target = "Observation", .body = ABOUT("Patient?identifier=urn:x|K1")},
         201,
         5},
        {{.method = "POST",
          .target = "Observation",
          .body = ABOUT("Patient?identifier=urn:x\\u007cK1")},
         201,
         5},
        {{.method = "POST", .target = "Observation", .body = ABOUT("Patient?identifier=urn:x|K2")},
         412,
         5},
        {{.method = "POST", .target = "Observation", .body = ABOUT("Patient?identifier=urn:x|K9")},
         404,
         5},
        {{.method = "POST", .target = "Observation", .body = ABOUT("Patient?nonsense=K9")}, 400, 5},
        {{.method = "DELETE", .target = "Patient?identifier=urn:x|K2"}, 412, 5},
        {{.method = "DELETE", .target = "Patient?identifier=urn:x|K5"}, 204, 4},
        {{.method = "DELETE", .target = "Patient?identifier=urn:x|K5"}, 204, 4},
        {{.method = "DELETE", .target = "Patient"}, 400, 4},
    };
    json_t *found;
    int failed = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        int status = run(*state, steps[i].rq, NULL);
        uint64_t n = fhir_count(*state, "Patient");
        if (status != steps[i].status || n != steps[i].patients) {
            print_message("step %zu, %s %s: %d, %d patients; expected %d, %d\n", i,
                          steps[i].rq.method, steps[i].rq.target, status, (int)n, steps[i].status,
                          (int)steps[i].patients);
            failed++;
        }
    }
    assert_int_equal(failed, 0);
    assert_int_equal(
        run(*state, REQUEST(.method = "GET", .target = "Observation?patient.identifier=urn:x|K1"),
            &found),
        200);
    assert_int_equal(json_int_at(found, "total", -1), 2);
    json_decref(found);
}

#define ENTRY(method, url, resource, more)                                                         \
    "{\"resource\":" resource ",\"request\":{\"method\":\"" method "\",\"url\":\"" url "\"" more   \
    "}}"
#define IF_NONE(mrn) ",\"ifNoneExist\":\"identifier=urn:x|" mrn "\""

/* Each on a store that holds K1 once and K2 twice. */
static void bundles(void **state)
{
    static const struct {
        const char *type, *entries;
        int status;
        const char *answers; /* of the entries */
        uint64_t all;        /* resources in the store afterwards */
    } cases[] = {
        {"batch",
         ENTRY("POST", "Patient", PERSON("K1"), IF_NONE("K1")) "," ENTRY(
             "POST", "Patient", PERSON("K2"), IF_NONE("K2")) "," ENTRY("POST", "Patient",
                                                                       PERSON("K3"), IF_NONE("K3")),
         200, "200 412 201", 4},
        {"batch",
         ENTRY("POST", "Observation", ABOUT("Patient?identifier=urn:x|K1"),
               "") "," ENTRY("POST", "Observation", ABOUT("Patient?identifier=urn:x|none"), ""),
         200, "201 404", 4},
        {"transaction", ENTRY("POST", "Observation", ABOUT("Patient?identifier=urn:x|K1"), ""), 200,
         "201", 4},
        {"transaction",
         ENTRY("POST", "Patient", PERSON("K5"),
               "") "," ENTRY("POST", "Observation", ABOUT("Patient?identifier=urn:x|none"), ""),
         404, "", 3},
        {"transaction", ENTRY("POST", "Observation", ABOUT("Patient?identifier=urn:x|K2"), ""), 412,
         "", 3},
        {"transaction",
         ENTRY("POST", "Patient", PERSON("K5"), "") "," ENTRY("POST", "Patient", PERSON("K2"),
                                                              IF_NONE("K2")),
         412, "", 3},
        /* what a search finds may be of the transaction itself, whatever the order */
        {"transaction",
         ENTRY("POST", "Observation", ABOUT("Patient?identifier=urn:x|K6"),
               "") "," ENTRY("POST", "Patient", PERSON("K6"), ""),
         200, "201 201", 5},
        /* two entries with one condition are about one resource */
        {"transaction",
         ENTRY("POST", "Patient", PERSON("K7"),
               IF_NONE("K7")) "," ENTRY("POST", "Patient", PERSON("K7"), IF_NONE("K7")),
         200, "201 200", 4},
        {"transaction",
         ENTRY("PUT", "Patient?identifier=urn:x|K1", PERSON("K1"),
               "") "," ENTRY("PUT", "Patient?identifier=urn:x|K8", PERSON_ID("K8", "eight"), ""),
         200, "200 201", 4},
        {"transaction",
         "{\"request\":{\"method\":\"DELETE\",\"url\":\"Patient?identifier=urn:x|K1\"}}," ENTRY(
             "POST", "Patient", PERSON("K1"), IF_NONE("K1")),
         200, "204 201", 3},
    };
    int failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        static const char *const first[] = {PERSON("K1"), PERSON("K2"), PERSON("K2")};
        struct fhir_store *s = NULL;
        struct buf text = BUF_INIT;
        char answers[64] = "";
        json_t *body = NULL, *entry;
        size_t j;
        assert_int_equal(fhir_open(&s, NULL, NULL), 0);
        for (j = 0; j < 3; j++)
            assert_int_equal(
                run(s, REQUEST(.method = "POST", .target = "Patient", .body = first[j]), NULL),
                201);
        buf_addf(&text, "{\"resourceType\":\"Bundle\",\"type\":\"%s\",\"entry\":[%s]}",
                 cases[i].type, cases[i].entries);
        int status = run(s, REQUEST(.method = "POST", .target = "", .body = text.ptr), &body);
        json_array_foreach (json_object_get(body, "entry"), j, entry)
            snprintf(answers + strlen(answers), sizeof(answers) - strlen(answers), "%s%.3s",
                     j ? " " : "", json_str_at(entry, "response.status", ""));
        if (status != cases[i].status || strcmp(answers, cases[i].answers) != 0 ||
            fhir_count(s, NULL) != cases[i].all) {
            print_message("case %zu: %d [%s], %d resources: %s\n", i, status, answers,
                          (int)fhir_count(s, NULL), json_str_at(body, "issue[0].diagnostics", ""));
            failed++;
        }
        json_decref(body);
        buf_release(&text);
        fhir_close(s);
    }
    assert_int_equal(failed, 0);
}

/* A urn of an entry that If-None-Exist found leads to what was found. */
static void a_urn_leads_to_what_was_found(void **state)
{
    static const char text[] =
        "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        "{\"fullUrl\":\"urn:uuid:1\",\"resource\":" PERSON(
            "K1") ",\"request\":{\"method\":\"POST\","
                  "\"url\":\"Patient\",\"ifNoneExist\":\"identifier=urn:x|K1\"}},"
                  "{\"resource\":" ABOUT("urn:uuid:1") ",\"request\":{\"method\":\"POST\",\"url\":"
                                                       "\"Observation\"}}]}";
    json_t *body;
    assert_int_equal(
        run(*state,
            REQUEST(.method = "PUT", .target = "Patient/known", .body = PERSON_ID("K1", "known")),
            NULL),
        201);
    assert_int_equal(run(*state, REQUEST(.method = "POST", .target = "", .body = text), NULL), 200);
    assert_int_equal(
        run(*state, REQUEST(.method = "GET", .target = "Observation?patient=known"), &body), 200);
    assert_int_equal(json_int_at(body, "total", -1), 1);
    json_decref(body);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_after_the_other),
        cmocka_unit_test(bundles),
        TEST(a_urn_leads_to_what_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
