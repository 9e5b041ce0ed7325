/* test_fhir_jsontext.c - JSON handled as text: indenting, compacting, walking, replacing. */
#include "test.h"

#include "fhir/jsontext.h"
#include "runtime/base/json.h"

static const struct {
    const char *compact, *indented;
} forms[] = {
    {"{}", "{ }"},
    {"[]", "[ ]"},
    {"1.50", "1.50"},
    {"{\"a\":1e5}", "{\n  \"a\": 1e5\n}"},
    {"[1,2]", "[ 1, 2 ]"},
    {"{\"a\":[{\"b\":null},{\"c\":[]}]}",
     "{\n  \"a\": [ {\n    \"b\": null\n  }, {\n    \"c\": [ ]\n  } ]\n}"},
    {"{\"a{[,:\\\\\":\"x\\\"}]\",\"b\":true}",
     "{\n  \"a{[,:\\\\\": \"x\\\"}]\",\n  \"b\": true\n}"},
    {"[[1],[]]", "[ [ 1 ], [ ] ]"},
    {"{\"a\":{\"b\":{\"c\":\"\"}}}",
     "{\n  \"a\": {\n    \"b\": {\n      \"c\": \"\"\n    }\n  }\n}"},
};

static void text_is_indented_and_compacted(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        const char *c = forms[i].compact, *p = forms[i].indented;
        buf_reset(&out);
        fhir_jsontext_indent(&out, c, strlen(c));
        assert_string_equal(out.ptr, p);
        buf_reset(&out);
        fhir_jsontext_indent(&out, p, strlen(p)); /* already so */
        assert_string_equal(out.ptr, p);
        buf_reset(&out);
        fhir_jsontext_compact(&out, p, strlen(p));
        assert_string_equal(out.ptr, c);
    }
    buf_release(&out);
}

/* The deepest text that is let in. */
static void depth_is_bounded(void **state)
{
    (void)state;
    struct buf text = BUF_INIT, out = BUF_INIT, back = BUF_INIT;
    for (int i = 0; i < JSONTEXT_DEPTH; i++)
        buf_adds(&text, "{\"a\":");
    buf_adds(&text, "1");
    for (int i = 0; i < JSONTEXT_DEPTH; i++)
        buf_addch(&text, '}');
    fhir_jsontext_indent(&out, text.ptr, text.len);
    fhir_jsontext_compact(&back, out.ptr, out.len);
    assert_string_equal(back.ptr, text.ptr);
    assert_true(out.len < 100 * text.len); /* indented, but not by its full depth */
    buf_release(&text);
    buf_release(&out);
    buf_release(&back);
}

static void members_are_walked(void **state)
{
    (void)state;
    static const char text[] = " { \"a\" : [1, {\"x\":\"]\"}] , \"b\":\"c\\\"d\",\"a\":7 } ";
    struct fhir_jsontext_iter it = fhir_jsontext_walk(text, strlen(text));
    const char *value;
    size_t n;
    assert_true(fhir_jsontext_next(&it));
    assert_true(fhir_jsontext_key_is(&it, "a"));
    assert_int_equal(it.len, strlen("[1, {\"x\":\"]\"}]"));
    assert_true(fhir_jsontext_next(&it));
    assert_true(fhir_jsontext_key_is(&it, "b"));
    assert_memory_equal(it.value, "\"c\\\"d\"", it.len);
    assert_true(fhir_jsontext_next(&it));
    assert_false(fhir_jsontext_next(&it));
    assert_true(fhir_jsontext_find(text, strlen(text), "a", &value, &n)); /* the last one counts */
    assert_int_equal(n, 1);
    assert_memory_equal(value, "7", 1);
    assert_false(fhir_jsontext_find(text, strlen(text), "x", &value, &n));
    it = fhir_jsontext_walk("[ \"s\", 2 ]", 10);
    assert_true(fhir_jsontext_next(&it));
    assert_null(it.key);
    assert_true(fhir_jsontext_next(&it));
    assert_memory_equal(it.value, "2", it.len);
    assert_false(fhir_jsontext_next(&it));
}

static const char *swap(const char *s, size_t len, void *arg)
{
    return len == 1 && *s == 'x' ? arg : NULL;
}

static void string_values_are_replaced(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    static const char text[] = "{\"x\" : \"x\", \"y\":[\"x\",\"xx\",\"\\\"x\"]}";
    fhir_jsontext_replace(&out, text, strlen(text), swap, "a\"b");
    assert_string_equal(out.ptr, "{\"x\" : \"a\\\"b\", \"y\":[\"a\\\"b\",\"xx\",\"\\\"x\"]}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_indented_and_compacted),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(members_are_walked),
        cmocka_unit_test(string_values_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
