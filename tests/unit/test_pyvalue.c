/* test_pyvalue.c - JSON and literals as Python reads, compares, converts and prints them. Expected
 * texts are what Python 3.11 prints. */
#include "test.h"

#include <math.h>

#include "probes/literal/pyvalue.h"

struct text_case {
    const char *text;
    const char *printed; /* repr(); NULL: Python raises */
};

static void check_texts(const struct text_case *cases, size_t n,
                        bool (*read)(struct py_arena *, const char *, size_t, struct pyvalue *))
{
    for (size_t i = 0; i < n; i++) {
        struct py_arena arena = {0};
        struct pyvalue v;
        struct buf b = BUF_INIT;
        bool ok = read(&arena, cases[i].text, strlen(cases[i].text), &v);
        if (ok)
            py_repr(&b, &v);
        if (ok != (cases[i].printed != NULL))
            fail_msg("%s is %s", cases[i].text, ok ? b.ptr : "refused");
        if (ok && strcmp(b.ptr, cases[i].printed) != 0)
            fail_msg("%s prints as %s, not %s", cases[i].text, b.ptr, cases[i].printed);
        buf_release(&b);
        py_arena_release(&arena);
    }
}

static void json_is_read_and_printed(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {" [1, -2 ,3.5,\"a\",null,true,false]\n", "[1, -2, 3.5, 'a', None, True, False]"},
        {"{\"a\":{\"b\":[]},\"c\":{}}", "{'a': {'b': []}, 'c': {}}"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "{'a': 3, 'b': 2}"},
        {"[NaN,Infinity,-Infinity,1e400,-1e400]", "[nan, inf, -inf, inf, -inf]"},
        {"[9223372036854775807,9223372036854775808,-9223372036854775809]",
         "[9223372036854775807, 9223372036854775808, -9223372036854775809]"},
        {"[-0,-0.0,0e1,1E2,1.50,100000000000000000000]",
         "[0, -0.0, 0.0, 100.0, 1.5, 100000000000000000000]"},
        {"[5e3,1e15,1e16,123456789012345680.0,1e22,1.5e300]",
         "[5000.0, 1000000000000000.0, 1e+16, 1.2345678901234568e+17, 1e+22, 1.5e+300]"},
        {"[0.1,0.0001,0.00001,5e-324,0.3333333333333333,1e-5]",
         "[0.1, 0.0001, 1e-05, 5e-324, 0.3333333333333333, 1e-05]"},
        {"\"it's\"", "\"it's\""},
        {"\"it's \\\"so\\\"\"", "'it\\'s \"so\"'"},
        {"\"\\\\ \\/ \\b\\f\\n\\r\\t\"", "'\\\\ / \\x08\\x0c\\n\\r\\t'"},
        {"\"\\u00e9\\u00ad\\u2028\\u0378\"", "'\xc3\xa9\\xad\\u2028\\u0378'"},
        {"\"\\ud83d\\ude00\\ud83d x\\ude00\"", "'\xf0\x9f\x98\x80\\ud83d x\\ude00'"},
        {"\"\xf0\x9f\x98\x80\xf3\xa0\x80\x81\"", "'\xf0\x9f\x98\x80\\U000e0001'"},
        {"\"\\u0000\\u007f\"", "'\\x00\\x7f'"},
        {"{\"\\u0061\":1,\"a\":2}", "{'a': 2}"},
        {"", NULL},
        {"[1,]", NULL},
        {"[,1]", NULL},
        {"[1 2]", NULL},
        {"{\"a\" 1}", NULL},
        {"{a:1}", NULL},
        {"{\"a\":1,}", NULL},
        {"[1]]", NULL},
        {"[1", NULL},
        {"'a'", NULL},
        {"\"a", NULL},
        {"\"a\nb\"", NULL},
        {"\"\\x41\"", NULL},
        {"\"\\u12\"", NULL},
        {"\"\\u12g4\"", NULL},
        {"01", NULL},
        {"+1", NULL},
        {".5", NULL},
        {"1.", NULL},
        {"1e", NULL},
        {"-", NULL},
        {"nan", NULL},
        {"-NaN", NULL},
        {"True", NULL},
        {"\f1", NULL},
        {"\xef\xbb\xbf[1]", NULL},
    };
    check_texts(cases, sizeof(cases) / sizeof(*cases), py_json);
}

static void literals_are_read(void **state)
{
    (void)state;
    static const struct text_case cases[] = {
        {"[1, 2.5]", "[1, 2.5]"},
        {"72, 73", "(72, 73)"},
        {"72,", "(72,)"},
        {" (1)", "1"},
        {"((1, 2))", "(1, 2)"},
        {"()", "()"},
        {"[1,\n 2, # two\n]", "[1, 2]"},
        {"\n[1]\n\n", "[1]"},
        {"\f[1]", "[1]"},
        {"\n [1]", NULL},
        {"1\n ", NULL},
        {"1\n# end", "1"},
        {"1 \\\n, 2", "(1, 2)"},
        {"None, True, False", "(None, True, False)"},
        {"null", NULL},
        {"'a' \"b\" u'c'", "'abc'"},
        {"r'\\n' '\\n'", "'\\\\n\\n'"},
        {"'\\x41\\101\\u0042\\U00000043\\q'", "'AABC\\\\q'"},
        {"'''a\nb'''", "'a\\nb'"},
        {"'a\nb'", NULL},
        {"'a\\\nb'", "'ab'"},
        {"b'7\\x32'", "b'72'"},
        {"b'\\xc3\\xa9\\xEE\\x7f'", "b'\\xc3\\xa9\\xee\\x7f'"},
        {"b'\xc3\xa9'", NULL},
        {"'a' b'b'", NULL},
        {"f'x'", NULL},
        {"ur'x'", NULL},
        {"-1, +2, - 3, -(4)", "(-1, 2, -3, -4)"},
        {"--1", NULL},
        {"-(-1)", NULL},
        {"-'a'", NULL},
        {"-True", NULL},
        {"-(1e-5)", "-1e-05"},
        {"-12345678901234567890123", "-12345678901234567890123"},
        {"1_000, 0x_1f, 0b11, 0o17, 00, 1_0.5_0e1_0, 1., .5",
         "(1000, 31, 3, 15, 0, 105000000000.0, "
         "1.0, 0.5)"},
        {"1__0", NULL},
        {"1_", NULL},
        {"012", NULL},
        {"1j", "1j"},
        {"-1+0j", "(-1+0j)"},
        {"[-1+0j, 2 - .5J]", "[(-1+0j), (2-0.5j)]"},
        {"-2j", "(-0-2j)"},
        {"+0j", "0j"},
        {"1+2j+3j", NULL},
        {"-(1+2j)", NULL},
        {"(-1)+(2j)", "(-1+2j)"},
        {"1+-2j", NULL},
        {"1+(-2j)", NULL},
        {"1j+1", NULL},
        {"True+1j", NULL},
        {"1e3+00j", "(1000+0j)"},
        {"-(2j)", "(-0-2j)"},
        {"(1+2j)", "(1+2j)"},
        {"1-1e400j", "(1-infj)"},
        {"0x1j", NULL},
        {"(1+2j)-1", NULL},
        {"((1))-2.5j", "(1-2.5j)"},
        {"1+2j-", NULL},
        {"'a'+1j", NULL},
        {"99999999999999999999+1j", "(1e+20+1j)"},
        {"(1+2j)j", NULL},
        {"012j", "12j"},
        {"1_0j", "10j"},
        {"1__0j", NULL},
        {"1.5e2j", "150j"},
        {"0 - 0j", "0j"},
        {"[1+1j\n+1]", NULL},
        {"[1\n+1j]", "[(1+1j)]"},
        {"-0.0+1j", "1j"},
        {"nan+1j", NULL},
        {"1 + 2", NULL},
        {"1e400", "inf"},
        {"[1 2]", NULL},
        {"(,)", NULL},
        {",", NULL},
        {"1 2", NULL},
        {"1;2", NULL},
        {"x", NULL},
        {"[1", NULL},
        {"1)", NULL},
        {"", NULL},
        {"{1}", NULL}, /* a set: never asked for */
    };
    check_texts(cases, sizeof(cases) / sizeof(*cases), py_literal);
}

static struct pyvalue read_json(struct py_arena *a, const char *text)
{
    struct pyvalue v;
    if (!py_json(a, text, strlen(text), &v))
        fail_msg("%s does not parse", text);
    return v;
}

static void equality_goes_by_value(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1", true},
        {"1", "1.0", true},
        {"1.0", "1", true},
        {"true", "1", true},
        {"1", "true", true},
        {"false", "0.0", true},
        {"true", "false", false},
        {"null", "0", false},
        {"null", "null", true},
        {"NaN", "0", false},
        {"1e400", "1", false},
        {"0.1", "0.1", true},
        {"9007199254740993", "9007199254740992.0", false},
        {"9007199254740992", "9007199254740992.0", true},
        {"100000000000000000000", "1e20", true},
        {"100000000000000000001", "1e20", false},
        {"\"a\"", "\"a\"", true},
        {"\"1\"", "1", false},
        {"\"a\\u0000\"", "\"a\\u0000\"", true},
        {"\"a\\u0000\"", "\"a\"", false},
        {"[1,[2]]", "[1.0,[2]]", true},
        {"[1]", "[1,2]", false},
        {"[1,2]", "[2,1]", false},
        {"{\"a\":1,\"b\":true}", "{\"b\":1,\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{}", "[]", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct py_arena arena = {0};
        struct pyvalue a = read_json(&arena, cases[i].a);
        json_t *b = json_loads(cases[i].b, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(b);
        if (py_eq_json(&a, b) != cases[i].equal)
            fail_msg("%s == %s should be %d", cases[i].a, cases[i].b, cases[i].equal);
        json_decref(b);
        py_arena_release(&arena);
    }
}

static void floats_are_taken_from_text(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        double value;
        bool ok;
    } cases[] = {
        {"72", 72, true},
        {"true", 1, true},
        {"\"72.5\"", 72.5, true},
        {"\" \\u00a072.5\\u2003\\n\"", 72.5, true},
        {"\"+1_0.5e1\"", 105, true},
        {"\"-.5\"", -0.5, true},
        {"\"5.\"", 5, true},
        {"\"inf\"", INFINITY, true},
        {"\"-Infinity\"", -INFINITY, true},
        {"\"1e400\"", INFINITY, true},
        {"100000000000000000000", 1e20, true},
        {"\"\"", 0, false},
        {"\".\"", 0, false},
        {"\"1__0\"", 0, false},
        {"\"_1\"", 0, false},
        {"\"1_\"", 0, false},
        {"\"0x10\"", 0, false},
        {"\"72 bpm\"", 0, false},
        {"\"1e\"", 0, false},
        {"\"- 1\"", 0, false},
        {"null", 0, false},
        {"[1]", 0, false},
        {"{}", 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct py_arena arena = {0};
        struct pyvalue v = read_json(&arena, cases[i].json);
        double got = 0;
        if (py_float(&v, &got) != cases[i].ok || (cases[i].ok && got != cases[i].value))
            fail_msg("float(%s) gave %g", cases[i].json, got);
        py_arena_release(&arena);
    }
}

static void members_are_found(void **state)
{
    (void)state;
    struct py_arena arena = {0};
    struct pyvalue v = read_json(&arena, "{\"a\":[1,{\"b\":\"c\"}],\"n\":null}");
    assert_true(py_eq_str(py_get(py_at(py_get(&v, "a"), 1), "b"), "c"));
    assert_null(py_at(py_get(&v, "a"), 2));
    assert_null(py_get(py_get(&v, "a"), "b"));
    assert_null(py_at(&v, 0));
    assert_null(py_get(NULL, "a"));
    assert_null(py_get(&v, "z"));
    assert_true(py_eq_num(py_at(py_get(&v, "a"), 0), 1));
    assert_string_equal(py_kind_name(py_get(&v, "n")), "null");
    assert_string_equal(py_kind_name(&v), "an object");
    assert_string_equal(py_kind_name(NULL), "nothing");
    py_arena_release(&arena);
}

/* Text of `open` n times, `middle`, `close` n times. */
static char *nested(size_t n, char open, const char *middle, char close)
{
    size_t len = strlen(middle);
    char *text = malloc(2 * n + len + 1);
    assert_non_null(text);
    memset(text, open, n);
    memcpy(text + n, middle, len);
    memset(text + n + len, close, n);
    text[2 * n + len] = '\0';
    return text;
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    struct py_arena arena = {0};
    struct pyvalue v;
    struct buf b = BUF_INIT;
    char *text = nested(800, '[', "1", ']');
    assert_true(py_json(&arena, text, strlen(text), &v));
    py_repr(&b, &v);
    assert_string_equal(b.ptr, text);
    free(text);
    text = nested(100000, '[', "", ']');
    assert_false(py_json(&arena, text, strlen(text), &v));
    assert_false(py_literal(&arena, text, strlen(text), &v));
    free(text);
    text = nested(100000, '(', "1", ')');
    assert_false(py_literal(&arena, text, strlen(text), &v));
    free(text);
    text = nested(100000, '-', "1", ' ');
    assert_false(py_literal(&arena, text, strlen(text), &v));
    free(text);
    text = nested(4300, '1', "", ' ');
    assert_true(py_json(&arena, text, strlen(text), &v));
    assert_int_equal(v.kind, PY_BIG);
    assert_int_equal(v.n, 4300);
    free(text);
    text = nested(4301, '1', "", ' ');
    assert_false(py_json(&arena, text, strlen(text), &v));
    free(text);
    /* 50,000 keys, each twice: the table for keys keeps this quick. */
    buf_reset(&b);
    buf_addch(&b, '{');
    for (int i = 0; i < 100000; i++)
        buf_addf(&b, "%s\"k%d\":%d", i ? "," : "", i % 50000, i);
    buf_addch(&b, '}');
    assert_true(py_json(&arena, b.ptr, b.len, &v));
    assert_int_equal(v.n, 50000);
    assert_true(py_eq_num(py_get(&v, "k7"), 50007));
    assert_true(py_eq_str(&v.members[7].key, "k7"));
    /* NUL is no text's end. */
    assert_false(py_json(&arena, "1\0", 2, &v));
    assert_false(py_literal(&arena, "1\0", 2, &v));
    buf_release(&b);
    py_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_and_printed), cmocka_unit_test(literals_are_read),
        cmocka_unit_test(equality_goes_by_value),   cmocka_unit_test(floats_are_taken_from_text),
        cmocka_unit_test(members_are_found),        cmocka_unit_test(sizes_are_bounded),
    };
    return cmocka_run_group_tests_name("pyvalue", tests, NULL, NULL);
}
