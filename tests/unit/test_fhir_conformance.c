/* test_fhir_conformance.c - answers as the official MedAgentBench server gave them: real requests
 * with their status, ids and whether a next page was offered. Exceptions, each with its reason, are
 * in tests/data/fhir_search_exceptions.txt. */
#include "test.h"

#include "fhir/store.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

struct row {
    struct fhir_store *store;
    struct buf exceptions;
    struct fhir_batch *batch;
    size_t checked, wrong, excused;
};

static int load_line(json_t *v, size_t line, void *arg)
{
    struct row *t = arg;
    char *text = json_dumps(v, JSON_COMPACT);
    (void)line;
    assert_int_equal(fhir_batch_put_text(t->batch, text, strlen(text), v), 0);
    free(text);
    return 0;
}

static void load(struct row *t)
{
    static const char *const types[] = {"Patient", "Observation", "Condition", "MedicationRequest",
                                        "Procedure"};
    char name[128], path[512];
    assert_int_equal(fhir_open(&t->store, NULL, NULL), 0);
    assert_int_equal(fhir_batch_begin(t->store, &t->batch), 0);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        snprintf(name, sizeof(name), "medagentbench/recorded/fhir/%s.ndjson", types[i]);
        assert_non_null(shared_file(name, path));
        assert_int_equal(json_read_lines(path, load_line, t), 0);
    }
    assert_int_equal(fhir_batch_commit(t->batch), 0);
}

static bool known(struct fhir_store *s, const char *reference)
{
    struct fhir_view v;
    struct fhir_record r;
    char type[64];
    const char *slash = strchr(reference, '/');
    snprintf(type, sizeof(type), "%.*s", (int)(slash - reference), reference);
    assert_int_equal(fhir_view_open(&v, s, NULL), 0);
    bool there = fhir_view_get(&v, type, slash + 1, &r, NULL) == 0;
    fhir_view_close(&v);
    return there;
}

/* A row says everything only where all it found is in our data. */
static bool complete(struct fhir_store *s, const json_t *row)
{
    const json_t *ids = json_object_get(row, "entry_ids"), *id;
    size_t i;
    if (json_int_at(row, "status", 0) == 400)
        return true;
    if (json_bool_at(row, "has_next", false))
        return false;
    json_array_foreach ((json_t *)ids, i, id)
        if (!known(s, json_string_value(id)))
            return false;
    return true;
}

static bool same_ids(const json_t *bundle, const json_t *ids)
{
    const json_t *entries = json_object_get(bundle, "entry"), *entry;
    size_t i;
    if (json_array_size(entries) != json_array_size(ids))
        return false;
    json_array_foreach ((json_t *)entries, i, entry) {
        char ref[200];
        bool found = false;
        snprintf(ref, sizeof(ref), "%s/%s", json_str_at(entry, "resource.resourceType", ""),
                 json_str_at(entry, "resource.id", ""));
        for (size_t j = 0; j < json_array_size(ids); j++)
            found |= strcmp(json_string_value(json_array_get(ids, j)), ref) == 0;
        if (!found)
            return false;
    }
    return true;
}

static bool has_next(const json_t *bundle)
{
    return strcmp(json_str_at(bundle, "link[1].relation", ""), "next") == 0;
}

static int check_row(json_t *row, size_t line, void *arg)
{
    struct row *t = arg;
    const char *url = json_str_at(row, "url_path_and_query", "");
    struct fhir_request rq = {.method = "GET", .target = url + strlen("/fhir/"), .agent_url = true};
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    json_t *bundle = NULL;
    if (!complete(t->store, row))
        return 0;
    assert_true(str_starts(url, "/fhir/"));
    assert_int_equal(fhir_handle(t->store, &rq, &rs), 0);
    assert_int_equal(json_parse(&bundle, rs.body.ptr, rs.body.len, "body"), 0);
    t->checked++;
    bool right = rs.status == json_int_at(row, "status", 0);
    if (right && rs.status == 200)
        right = same_ids(bundle, json_object_get(row, "entry_ids")) &&
                has_next(bundle) == json_bool_at(row, "has_next", false);
    if (right && rs.status == 200 && json_is_integer(json_object_get(row, "total")))
        right = json_int_at(bundle, "total", -1) == json_int_at(row, "total", -2);
    if (!right && strstr(t->exceptions.ptr, url)) {
        t->excused++;
    } else if (!right) {
        t->wrong++;
        print_message("line %zu: %.300s: status %d, total %lld\n", line, url, rs.status,
                      (long long)json_int_at(bundle, "total", -1));
    }
    json_decref(bundle);
    fhir_response_release(&rs);
    return 0;
}

static void recorded_searches_are_answered_alike(void **state)
{
    (void)state;
    char path[512];
    struct row t = {.exceptions = BUF_INIT};
    if (!shared_file("medagentbench/recorded/searches.jsonl", path)) {
        skip();
        return;
    }
    fs_read("tests/data/fhir_search_exceptions.txt", &t.exceptions);
    load(&t);
    assert_int_equal(json_read_lines(path, check_row, &t), 0);
    print_message("%zu rows, %zu wrong, %zu excused\n", t.checked, t.wrong, t.excused);
    assert_true(t.checked > 900);
    assert_int_equal(t.wrong, 0);
    assert_true(t.excused * 100 <= t.checked);
    fhir_close(t.store);
    buf_release(&t.exceptions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recorded_searches_are_answered_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
