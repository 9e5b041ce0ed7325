/* test_fhir_candle.c - fhir-candle's own search rows over its test resources: how many match, and
 * how many entries come with includes. The data is not in the tree. */
#include "test.h"

#include <dirent.h>

#include "fhir/fhir.h"
#include "runtime/base/err.h"
#include "runtime/base/fs.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

#define FOLDER "fhir/candle"

/* Rows that R4 decides otherwise. */
static const char *const exceptions[] = {
    /* search, token: "|[code]": the identifier "has no system property"; this one has */
    "Patient?identifier=|12345",
};

static void put(struct fhir_store *s, const char *path)
{
    struct buf text = BUF_INIT;
    json_t *tree = NULL;
    char target[200] = "";
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    assert_int_equal(fs_read(path, &text), 0);
    size_t bom = str_starts(text.ptr, "\xef\xbb\xbf") ? 3 : 0;
    assert_int_equal(json_parse(&tree, text.ptr + bom, text.len - bom, path), 0);
    bool transaction = strcmp(json_str_at(tree, "type", ""), "transaction") == 0;
    if (!transaction)
        snprintf(target, sizeof(target), "%s/%s", json_str_at(tree, "resourceType", ""),
                 json_str_at(tree, "id", ""));
    struct fhir_request rq = {.method = transaction ? "POST" : "PUT",
                              .target = target,
                              .body = text.ptr + bom,
                              .body_len = text.len - bom};
    assert_int_equal(fhir_handle(s, &rq, &rs), 0);
    /* one calls itself a transaction and has no requests */
    assert_true(rs.status < 300 || strstr(rs.body.ptr, "has no request.method"));
    fhir_response_release(&rs);
    json_decref(tree);
    buf_release(&text);
}

static struct fhir_store *load(const char *folder)
{
    struct fhir_store *s = NULL;
    DIR *d = opendir(folder);
    struct dirent *e;
    assert_non_null(d);
    assert_int_equal(fhir_open(&s, NULL, NULL), 0);
    while ((e = readdir(d))) {
        char *path = fs_join(folder, e->d_name);
        if (str_ends(path, ".json") && strcmp(e->d_name, "rows.json") != 0)
            put(s, path);
        free(path);
    }
    closedir(d);
    return s;
}

static bool excepted(const char *query)
{
    for (size_t i = 0; i < sizeof(exceptions) / sizeof(*exceptions); i++)
        if (strcmp(exceptions[i], query) == 0)
            return true;
    return false;
}

static bool row_holds(struct fhir_store *s, const json_t *row)
{
    const char *query = json_string_value(json_array_get(row, 0));
    long long total = json_integer_value(json_array_get(row, 1));
    const json_t *entries = json_array_get(row, 2);
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    struct buf url = BUF_INIT;
    json_t *body = NULL;
    for (const char *p = query; *p; p++)
        if (*p == ' ')
            buf_adds(&url, "%20");
        else
            buf_addch(&url, *p);
    struct fhir_request rq = {.method = "GET", .target = url.ptr};
    assert_int_equal(fhir_handle(s, &rq, &rs), 0);
    assert_int_equal(json_parse(&body, rs.body.ptr, rs.body.len, query), 0);
    bool right =
        json_int_at(body, "total", -1) == total &&
        (!json_is_integer(entries) || (json_int_t)json_array_size(json_object_get(body, "entry")) ==
                                          json_integer_value(entries));
    if (!right && !excepted(query))
        print_message("%s: %d, total %lld, expected %lld %s\n", query, rs.status,
                      (long long)json_int_at(body, "total", -1), total,
                      json_str_at(body, "issue[0].diagnostics", ""));
    json_decref(body);
    buf_release(&url);
    fhir_response_release(&rs);
    return right;
}

static void rows_agree(void **state)
{
    char path[512];
    json_t *rows = NULL, *row;
    size_t i, right = 0, excused = sizeof(exceptions) / sizeof(*exceptions);
    (void)state;
    if (!shared_file(FOLDER "/rows.json", path)) {
        skip();
        return;
    }
    assert_int_equal(json_read_file(&rows, path), 0);
    *strrchr(path, '/') = '\0';
    struct fhir_store *s = load(path);
    json_array_foreach (rows, i, row)
        right += row_holds(s, row);
    print_message("%zu of %zu rows\n", right, json_array_size(rows));
    assert_int_equal(right + excused, json_array_size(rows));
    fhir_close(s);
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
