/* test_fhir_search.c - searches over a small clinic (tests/data/fhir_searches.txt), pages, order,
 * members of the searchset, overlays. */
#include "test.h"

#include "fhir/store.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define BASE "http://localhost:8080/fhir/"

static int load(void **state, const char *path)
{
    struct fhir_store *s = NULL;
    struct fhir_batch *b = NULL;
    struct buf file = BUF_INIT;
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    assert_int_equal(fs_read(path, &file), 0);
    assert_int_equal(fhir_batch_begin(s, &b), 0);
    for (char *line = strtok(file.ptr, "\n"); line; line = strtok(NULL, "\n"))
        assert_int_equal(fhir_batch_put_text(b, line, strlen(line), NULL), 0);
    assert_int_equal(fhir_batch_commit(b), 0);
    buf_release(&file);
    *state = s;
    return 0;
}

static int setup(void **state)
{
    return load(state, "tests/data/fhir_small.ndjson");
}

static int setup_r4(void **state)
{
    return load(state, "tests/data/fhir_r4.ndjson");
}

static int setup_hl7(void **state)
{
    return load(state, "tests/data/fhir_hl7.ndjson");
}

static int teardown(void **state)
{
    fhir_close(*state);
    return 0;
}

static json_t *get(struct fhir_store *s, struct fhir_overlay *o, const char *target, int *status)
{
    struct fhir_request rq = {.method = "GET", .target = target, .overlay = o};
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    json_t *body = NULL;
    assert_int_equal(fhir_handle(s, &rq, &rs), 0);
    assert_int_equal(json_parse(&body, rs.body.ptr, rs.body.len, target), 0);
    *status = rs.status;
    fhir_response_release(&rs);
    return body;
}

static void ids_of(const json_t *bundle, char *out, size_t size)
{
    const json_t *entry;
    size_t i;
    *out = '\0';
    json_array_foreach (json_object_get(bundle, "entry"), i, entry) {
        size_t n = strlen(out);
        snprintf(out + n, size - n, "%s%s", i ? " " : "", json_str_at(entry, "resource.id", "?"));
    }
    if (!*out)
        snprintf(out, size, "-");
}

static char *trim(char *s)
{
    while (*s == ' ')
        s++;
    for (char *end = s + strlen(s); end > s && ascii_isspace(end[-1]);)
        *--end = '\0';
    return s;
}

static void run_cases(struct fhir_store *store, const char *path, int least)
{
    FILE *f = fopen(path, "r");
    char line[1024], ids[1024];
    int number = 0, failed = 0, run = 0;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        number++;
        char *bar = strstr(line, " | ");
        if (!ascii_isdigit(*line) || !bar)
            continue;
        *bar = '\0';
        int status, want = (int)strtol(line, NULL, 10);
        char *target = trim(line + 4), *expected = trim(bar + 3);
        json_t *body = get(store, NULL, target, &status);
        ids_of(body, ids, sizeof(ids));
        const char *why = json_str_at(body, "issue[0].diagnostics", "");
        bool right = status == want &&
                     (want == 200 ? strcmp(ids, expected) == 0 : strstr(why, expected) != NULL);
        if (!right) {
            print_message("line %d: %s: %d %s %s, expected %d %s\n", number, target, status, ids,
                          why, want, expected);
            failed++;
        }
        run++;
        json_decref(body);
    }
    fclose(f);
    assert_true(run > least);
    assert_int_equal(failed, 0);
}

static void cases(void **state)
{
    run_cases(*state, "tests/data/fhir_searches.txt", 150);
}

static void cases_of_r4(void **state)
{
    run_cases(*state, "tests/data/fhir_r4_searches.txt", 90);
}

/* Two of HL7's examples of each type; what every parameter of R4 finds in them is another program's
 * word, FHIRPath over the definitions' expressions. */
static void every_parameter_finds_what_its_expression_does(void **state)
{
    run_cases(*state, "tests/data/fhir_hl7_searches.txt", 1500);
}

static void members_come_in_order(void **state)
{
    static const char *const order[] = {"resourceType", "id",   "meta", "type",
                                        "total",        "link", "entry"};
    int status;
    json_t *body = get(*state, NULL, "Patient?gender=female&_format=json", &status);
    const char *key;
    json_t *value;
    size_t i = 0;
    json_object_foreach (body, key, value) {
        assert_true(i < sizeof(order) / sizeof(*order));
        assert_string_equal(key, order[i++]);
    }
    assert_int_equal(i, 7);
    assert_int_equal(json_int_at(body, "total", -1), 1);
    assert_string_equal(json_str_at(body, "type", ""), "searchset");
    assert_string_equal(json_str_at(body, "link[0].relation", ""), "self");
    assert_string_equal(json_str_at(body, "link[0].url", ""),
                        BASE "Patient?gender=female&_format=json");
    assert_string_equal(json_str_at(body, "entry[0].fullUrl", ""), BASE "Patient/p1");
    assert_string_equal(json_str_at(body, "entry[0].search.mode", ""), "match");
    json_decref(body);
    body = get(*state, NULL, "Patient?_id=nobody", &status);
    assert_null(json_object_get(body, "entry"));
    assert_int_equal(json_int_at(body, "total", -1), 0);
    json_decref(body);
    body = get(*state, NULL, "Patient?_total=none", &status);
    assert_null(json_object_get(body, "total"));
    json_decref(body);
}

static void text_is_indented_and_numbers_stay(void **state)
{
    struct fhir_request rq = {.method = "GET", .target = "Observation?_id=o2"};
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    assert_int_equal(fhir_handle(*state, &rq, &rs), 0);
    assert_string_equal(rs.content_type, "application/fhir+json;charset=UTF-8");
    assert_non_null(strstr(rs.body.ptr, "\n  \"link\": [ {\n    \"relation\": \"self\",\n"));
    assert_non_null(strstr(rs.body.ptr, "\n        \"value\": 2.0,\n"));
    fhir_response_release(&rs);
    rs = (struct fhir_response)FHIR_RESPONSE_INIT;
    rq.target = "Observation?_id=o2&_pretty=false";
    assert_int_equal(fhir_handle(*state, &rq, &rs), 0);
    assert_non_null(strstr(rs.body.ptr, "\"valueQuantity\":{\"value\":2.0,\"unit\""));
    assert_null(strchr(rs.body.ptr, '\n'));
    fhir_response_release(&rs);
}

static void elements_are_picked(void **state)
{
    int status;
    json_t *body = get(*state, NULL, "Observation?_id=o2&_elements=status,valueQuantity", &status);
    json_t *r = json_at(body, "entry[0].resource");
    assert_int_equal(json_object_size(r), 5);
    assert_string_equal(json_str_at(r, "status", ""), "final");
    assert_string_equal(json_str_at(r, "meta.tag[0].code", ""), "SUBSETTED");
    json_decref(body);
}

/* Which members of Patient/a and Observation/o1 of fhir_r4.ndjson are shown. */
static void parts_are_shown(void **state)
{
    static const struct {
        const char *target, *members;
    } cases[] = {
        {"Patient?_id=a&_summary=true",
         "resourceType id active name identifier managingOrganization "
         "deceasedDateTime link meta"},
        {"Patient?_id=a&_summary=text", "resourceType id text meta"},
        {"Observation?_id=o1&_summary=text", "resourceType id status code meta"},
        {"Patient?_id=b&_summary=data",
         "resourceType id name deceasedBoolean managingOrganization meta"},
        {"Patient?_id=c&_summary=false", "resourceType id managingOrganization"},
        {"Observation?_id=o1&_elements=status,code", "resourceType id status code meta"},
        {"Observation?_id=o1&_elements=Observation.status", "resourceType id status meta"},
        {"Observation?_id=o1&_elements=Patient.status", "resourceType id meta"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int status;
        char members[400] = "";
        const char *key;
        json_t *value, *body = get(*state, NULL, cases[i].target, &status);
        json_t *r = json_at(body, "entry[0].resource");
        json_object_foreach (r, key, value)
            snprintf(members + strlen(members), sizeof(members) - strlen(members), "%s%s",
                     *members ? " " : "", key);
        assert_string_equal(members, cases[i].members);
        bool part = strstr(members, "meta") != NULL;
        size_t tags = json_array_size(json_at(r, "meta.tag"));
        assert_int_equal(part, tags > 0);
        if (part)
            assert_string_equal(
                json_str_at(json_array_get(json_at(r, "meta.tag"), tags - 1), "code", ""),
                "SUBSETTED");
        json_decref(body);
    }
}

static int create(struct fhir_store *s, struct fhir_overlay *o, const char *method,
                  const char *target, const char *text)
{
    struct fhir_request rq = {.method = method,
                              .target = target,
                              .body = text,
                              .body_len = text ? strlen(text) : 0,
                              .overlay = o};
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    assert_int_equal(fhir_handle(s, &rq, &rs), 0);
    int status = rs.status;
    fhir_response_release(&rs);
    return status;
}

/* What a Bundle's link leads to, without the base; false: it has none of that name. */
static bool link_of(json_t *bundle, const char *relation, char *url, size_t size)
{
    size_t i;
    json_t *link;
    json_array_foreach (json_object_get(bundle, "link"), i, link) {
        if (strcmp(json_str_at(link, "relation", ""), relation) != 0)
            continue;
        snprintf(url, size, "%s", json_str_at(link, "url", "") + strlen(BASE));
        return true;
    }
    return false;
}

/* Follows links of one name from `target`; ids of all pages, "/" between them, the last page's
 * target in `target`. `between` runs after the first page. */
static void follow(struct fhir_store *s, const char *relation, char *target, size_t room, char *out,
                   size_t size, void (*between)(struct fhir_store *s))
{
    char ids[512];
    *out = '\0';
    for (int page = 0; page < 20; page++) {
        int status;
        json_t *body = get(s, NULL, target, &status);
        assert_int_equal(status, 200);
        ids_of(body, ids, sizeof(ids));
        size_t n = strlen(out);
        snprintf(out + n, size - n, "%s%s", page ? " / " : "", ids);
        bool more = link_of(body, relation, target, room);
        json_decref(body);
        if (!more)
            return;
        if (page == 0 && between)
            between(s);
    }
    fail_msg("pages without end");
}

static void walk(struct fhir_store *s, const char *target, char *out, size_t size,
                 void (*between)(struct fhir_store *s))
{
    char url[2048];
    snprintf(url, sizeof(url), "%s", target);
    follow(s, "next", url, sizeof(url), out, size, between);
}

static void change(struct fhir_store *s)
{
    assert_int_equal(create(s, NULL, "DELETE", "Observation/o1", NULL), 204);
    assert_int_equal(create(s, NULL, "POST", "Observation",
                            "{\"resourceType\":\"Observation\",\"code\":{\"text\":\"new\"},"
                            "\"effectiveDateTime\":\"2020\"}"),
                     201);
}

static void pages_cover_everything_once(void **state)
{
    char ids[2048];
    walk(*state, "Observation?_count=3", ids, sizeof(ids), NULL);
    assert_string_equal(ids, "o1 o2 o3 / o4 o5 o6 / o7 o8");
    walk(*state, "Observation?_count=3&_sort=-date", ids, sizeof(ids), NULL);
    assert_string_equal(ids, "o8 o4 o1 / o2 o3 o6 / o7 o5");
    walk(*state, "Observation?_count=2&_sort=status,code", ids, sizeof(ids), NULL);
    assert_string_equal(ids, "o3 o6 / o5 o8 / o1 o2 / o4 o7");
}

static void pages_lead_back(void **state)
{
    static const char *const cases[][3] = {
        {"Observation?_count=3", "o1 o2 o3 / o4 o5 o6 / o7 o8", "o7 o8 / o4 o5 o6 / o1 o2 o3"},
        {"Observation?_count=3&_sort=-date", "o8 o4 o1 / o2 o3 o6 / o7 o5",
         "o7 o5 / o2 o3 o6 / o8 o4 o1"},
        {"Observation?_count=20", "o1 o2 o3 o4 o5 o6 o7 o8", "o1 o2 o3 o4 o5 o6 o7 o8"},
    };
    char url[2048], ids[2048];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(url, sizeof(url), "%s", cases[i][0]);
        follow(*state, "next", url, sizeof(url), ids, sizeof(ids), NULL);
        assert_string_equal(ids, cases[i][1]);
        follow(*state, "previous", url, sizeof(url), ids, sizeof(ids), NULL);
        assert_string_equal(ids, cases[i][2]);
    }
}

static void pages_stay_valid_while_data_changes(void **state)
{
    char ids[2048];
    /* o1 was shown and goes, another one comes: nothing is skipped, shown twice or new */
    walk(*state, "Observation?_count=2", ids, sizeof(ids), change);
    assert_string_equal(ids, "o1 o2 / o3 o4 / o5 o6 / o7 o8");
    walk(*state, "Observation?_count=7&_sort=date", ids, sizeof(ids), NULL);
    assert_non_null(strstr(ids, "o6"));
}

static void foreign_tokens_are_refused(void **state)
{
    int status;
    char url[2048];
    json_t *body = get(*state, NULL, "Observation?_count=2&status=final", &status);
    const char *next = json_str_at(body, "link[1].url", NULL);
    assert_non_null(next);
    snprintf(url, sizeof(url), "Observation?_count=2&status=amended&%s", strstr(next, "_page="));
    json_decref(body);
    json_decref(get(*state, NULL, url, &status));
    assert_int_equal(status, 400);
}

static void an_overlay_is_seen_by_its_rollout_alone(void **state)
{
    struct fhir_store *s = *state;
    struct fhir_overlay *o = fhir_overlay_new();
    char ids[512];
    int status;
    json_t *body, *list = NULL;
    assert_int_equal(
        create(s, o, "POST", "Observation",
               "{\"resourceType\":\"Observation\",\"code\":{\"text\":\"BP\"},\"subject\":{"
               "\"reference\":\"Patient/p1\"},\"valueString\":\"118/77\"}"),
        201);
    assert_int_equal(
        create(s, o, "PUT", "Observation/o3",
               "{\"resourceType\":\"Observation\",\"id\":\"o3\",\"code\":{\"text\":\"X\"}}"),
        200);
    assert_int_equal(create(s, o, "DELETE", "Observation/o4", NULL), 204);
    body = get(s, o, "Observation?patient=p1&code=BP", &status);
    assert_int_equal(json_int_at(body, "total", -1), 1);
    assert_string_equal(json_str_at(body, "entry[0].resource.valueString", ""), "118/77");
    json_decref(body);
    body = get(s, o, "Observation?code=X,MG", &status);
    ids_of(body, ids, sizeof(ids));
    assert_string_equal(ids, "o1 o2 o3 o7");
    json_decref(body);
    json_decref(get(s, o, "Observation/o4", &status));
    assert_int_equal(status, 410);
    assert_int_equal(fhir_search(s, o, "Observation?code=BP", &list), 0);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    /* nobody else sees any of it */
    body = get(s, NULL, "Observation?code=BP", &status);
    ids_of(body, ids, sizeof(ids));
    assert_string_equal(ids, "o3");
    json_decref(body);
    json_decref(get(s, NULL, "Observation/o4", &status));
    assert_int_equal(status, 200);
    fhir_overlay_free(o);
}

/* Deleted and written again in the overlay: the store's own must stay hidden. */
static void an_overlay_replaces_what_it_deleted(void **state)
{
    struct fhir_store *s = *state;
    struct fhir_overlay *o = fhir_overlay_new();
    char ids[512];
    int status;
    assert_int_equal(create(s, o, "DELETE", "Patient/p1", NULL), 204);
    json_t *body = get(s, o, "Patient", &status);
    ids_of(body, ids, sizeof(ids));
    assert_string_equal(ids, "p2 p3");
    json_decref(body);
    assert_int_equal(create(s, o, "PUT", "Patient/p1",
                            "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"gender\":\"other\"}"),
                     201);
    body = get(s, o, "Patient?gender=female,other", &status);
    ids_of(body, ids, sizeof(ids));
    assert_string_equal(ids, "p1");
    assert_string_equal(json_str_at(body, "entry[0].resource.gender", ""), "other");
    json_decref(body);
    /* the same writes at another time read the same */
    struct fhir_overlay *again = fhir_overlay_new();
    assert_int_equal(create(s, again, "DELETE", "Patient/p1", NULL), 204);
    assert_int_equal(create(s, again, "PUT", "Patient/p1",
                            "{\"resourceType\":\"Patient\",\"id\":\"p1\",\"gender\":\"other\"}"),
                     201);
    body = get(s, o, "Patient", &status);
    json_t *other = get(s, again, "Patient", &status);
    assert_true(json_equal(body, other));
    json_decref(body);
    json_decref(other);
    fhir_overlay_free(again);
    fhir_overlay_free(o);
}

static void graders_get_what_was_stored(void **state)
{
    json_t *list = NULL, *again = NULL;
    assert_int_equal(
        fhir_search(*state, NULL, "Observation?patient=p1&_count=1&_sort=-date", &list), 0);
    assert_int_equal(json_array_size(list), 4);
    assert_string_equal(json_str_at(json_array_get(list, 0), "id", ""), "o1");
    assert_null(json_object_get(json_array_get(list, 1), "meta"));
    assert_int_equal(
        fhir_search(*state, NULL, "Observation?patient=p1&_count=1&_sort=-date", &again), 0);
    assert_true(json_equal(list, again));
    json_decref(list);
    json_decref(again);
    assert_int_equal(create(*state, NULL, "DELETE", "Observation/o1", NULL), 204);
    assert_int_equal(
        fhir_search(*state, NULL, "Observation?patient=p1&_count=1&_sort=-date", &list), 0);
    assert_int_equal(json_array_size(list), 3);
    json_decref(list);
    assert_int_equal(fhir_search(*state, NULL, "Nothing?x=1", &list), GRASP_EINVAL);
    assert_int_equal(fhir_search(*state, NULL, "Observation?x=1", &list), GRASP_EINVAL);
    assert_null(list);
}

static void lenient_servers_skip_unknown_parameters(void **state)
{
    (void)state;
    struct fhir_options o = {.ignore_unknown_params = true};
    struct fhir_store *s = NULL;
    int status;
    assert_int_equal(fhir_open(&s, NULL, &o), 0);
    json_t *body = get(s, NULL, "Patient?colour=red&gender=male", &status);
    assert_int_equal(status, 200);
    assert_string_equal(json_str_at(body, "link[0].url", ""), BASE "Patient?gender=male");
    json_decref(body);
    fhir_close(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cases),
        cmocka_unit_test_setup_teardown(cases_of_r4, setup_r4, teardown),
        cmocka_unit_test_setup_teardown(every_parameter_finds_what_its_expression_does, setup_hl7,
                                        teardown),
        TEST(members_come_in_order),
        TEST(text_is_indented_and_numbers_stay),
        TEST(elements_are_picked),
        cmocka_unit_test_setup_teardown(parts_are_shown, setup_r4, teardown),
        TEST(pages_cover_everything_once),
        TEST(pages_lead_back),
        TEST(pages_stay_valid_while_data_changes),
        TEST(foreign_tokens_are_refused),
        TEST(an_overlay_is_seen_by_its_rollout_alone),
        TEST(an_overlay_replaces_what_it_deleted),
        TEST(graders_get_what_was_stored),
        cmocka_unit_test(lenient_servers_skip_unknown_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
