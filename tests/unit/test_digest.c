/* test_digest.c - answers as a writer of skills reads them. */
#include "test.h"

#include "runtime/base/json.h"
#include "runtime/env/digest.h"

static void check(const char *answer, size_t max, const char *reported, const char *want)
{
    struct buf out = BUF_INIT;
    digest_answer(answer, strlen(answer), max, reported, &out);
    assert_string_equal(out.ptr, want);
    buf_release(&out);
}

static void resources(void **state)
{
    (void)state;
    static const struct {
        const char *resource, *want;
    } cases[] = {
        {"{\"resourceType\":\"Observation\",\"id\":\"o1\",\"status\":\"final\",\"code\":{"
         "\"coding\":[{"
         "\"system\":\"http://"
         "loinc.org\",\"code\":\"GLU\"}],\"text\":\"GLU\"},\"effectiveDateTime\":"
         "\"2023-11-12T14:39:00+00:00\",\"valueQuantity\":{\"value\":115.0,\"unit\":\"mg/dL\"}}",
         "Observation o1 GLU 2023-11-12T14:39:00+00:00 115.0 mg/dL, final"},
        {"{\"resourceType\":\"Observation\",\"id\":\"o2\",\"status\":\"final\",\"code\":{\"text\":"
         "\"BP\"},"
         "\"issued\":\"2023-11-12\",\"valueString\":\"118/77\\n mmHg\"}",
         "Observation o2 BP 2023-11-12 118/77 mmHg, final"},
        {"{\"resourceType\":\"Observation\",\"id\":\"o3\",\"code\":{\"text\":\"BP\"},\"component\":"
         "[{"
         "\"code\":{\"text\":\"sys\"},\"valueQuantity\":{\"value\":1.1,\"unit\":\"mmHg\"}}]}",
         "Observation o3 BP, code sys, valueQuantity 1.1 mmHg"},
        {"{\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":[{\"type\":{\"coding\":[{"
         "\"code\":\"MR\"}"
         "]},\"value\":\"S1\"}],\"name\":[{\"family\":\"Berg\",\"given\":[\"Ada\",\"Eva\"]}],"
         "\"birthDate\":"
         "\"1979-12-26\",\"gender\":\"female\"}",
         "Patient p MR S1, Ada Eva Berg, birthDate 1979-12-26, female"},
        {"{\"resourceType\":\"Condition\",\"id\":\"c\",\"code\":{\"coding\":[{\"code\":\"C64.2\","
         "\"display\":"
         "\"Malignant "
         "neoplasm\"}]},\"recordedDate\":\"2020-01-01\",\"clinicalStatus\":{\"coding\":[{"
         "\"code\":\"active\"}]}}",
         "Condition c C64.2 Malignant neoplasm 2020-01-01 active"},
        {"{\"resourceType\":\"Procedure\",\"id\":\"x\",\"code\":{\"coding\":[{\"code\":\"1\"}]},"
         "\"performedPeriod\":{\"start\":\"2020-01-01\",\"end\":\"2020-01-02\"},\"status\":"
         "\"completed\"}",
         "Procedure x 1 2020-01-01 to 2020-01-02 completed"},
        {"{\"resourceType\":\"ServiceRequest\",\"id\":\"s\",\"code\":{\"coding\":[{\"code\":\"2823-"
         "3\"}]},"
         "\"authoredOn\":\"2023-01-01\",\"occurrenceDateTime\":\"2023-01-02\",\"priority\":"
         "\"stat\","
         "\"status\":\"active\",\"intent\":\"order\",\"note\":[{\"text\":\"soon\"}]}",
         "ServiceRequest s 2823-3 2023-01-01 occurrenceDateTime 2023-01-02, priority stat, active, "
         "intent order, note soon"},
        {"{\"resourceType\":\"Basic\",\"id\":\"b\",\"code\":{\"text\":\"thing\"},\"created\":"
         "\"2020-01-01\"}",
         "Basic b thing 2020-01-01"},
        {"{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\",\"code\":"
         "\"invalid\","
         "\"diagnostics\":\"Unknown search "
         "parameter\"},{\"severity\":\"warning\",\"code\":\"x\"}]}",
         "OperationOutcome: error Unknown search parameter; warning x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check(cases[i].resource, 10000, NULL, cases[i].want);
}

/* A searchset of n glucose values; entry i has hour (i * 7) % n, value i + 0.5. */
static void bundle(struct buf *b, size_t n, bool next)
{
    buf_addf(
        b,
        "{\"resourceType\":\"Bundle\",\"total\":%zu,\"link\":[{\"relation\":\"%s\",\"url\":\"u\"}],"
        "\"entry\":[",
        next ? n * 2 : n, next ? "next" : "self");
    for (size_t i = 0; i < n; i++)
        buf_addf(
            b,
            "%s{\"resource\":{\"resourceType\":\"Observation\",\"id\":\"%zu\",\"status\":\"final\","
            "\"code\":{\"text\":\"GLU\"},\"effectiveDateTime\":\"2023-11-12T%02zu:00:00Z\","
            "\"valueQuantity\":{\"value\":%zu.5,\"unit\":\"mg/dL\"}}}",
            i ? "," : "", i, i * 7 % n, i);
    buf_adds(b, "]}");
}

static void bundles(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    check("{\"resourceType\":\"Bundle\",\"total\":0}", 1000, NULL, "Bundle: total 0, no next page");
    check("{\"resourceType\":\"Bundle\"}", 1000, NULL, "Bundle: no total, no next page");
    bundle(&b, 3, true);
    check(b.ptr, 1000, NULL,
          "Bundle: total 6, 3 here, a next page\neach: Observation, GLU, final\n"
          "- 0 2023-11-12T00:00:00Z 0.5 mg/dL\n- 1 2023-11-12T01:00:00Z 1.5 mg/dL\n"
          "- 2 2023-11-12T02:00:00Z 2.5 mg/dL");
    /* in a wrapping of words */
    struct buf wrapped = BUF_INIT;
    buf_addf(&wrapped, "Here is the answer:\n%s. Go on.", b.ptr);
    check(wrapped.ptr, 60, NULL,
          "Bundle: total 6, 3 here, a next page\neach: Observation, GLU, final\n"
          "- 0 2023-11-12T00:00:00Z 0.5 mg/dL\n(1 left out)\n"
          "- 2 2023-11-12T02:00:00Z 2.5 mg/dL");
    buf_release(&wrapped);
    /* both ends, the latest (17: 119 % 20 = 19), and the one that was answered */
    buf_reset(&b);
    bundle(&b, 20, false);
    check(b.ptr, 300, "[9.50]",
          "Bundle: total 20, no next page\neach: Observation, GLU, final\n"
          "- 0 2023-11-12T00:00:00Z 0.5 mg/dL\n- 1 2023-11-12T07:00:00Z 1.5 mg/dL\n"
          "- 2 2023-11-12T14:00:00Z 2.5 mg/dL\n(6 left out)\n- 9 2023-11-12T03:00:00Z 9.5 "
          "mg/dL\n(7 left out)\n"
          "- 17 2023-11-12T19:00:00Z 17.5 mg/dL\n(1 left out)\n"
          "- 19 2023-11-12T13:00:00Z 19.5 mg/dL");
    buf_release(&b);
    /* what the server did not take, beside the hits */
    check("{\"resourceType\":\"Bundle\",\"total\":1,\"entry\":[{\"resource\":{\"resourceType\":"
          "\"Patient\",\"id\":\"p\"}},{\"resource\":{\"resourceType\":\"OperationOutcome\","
          "\"issue\":[{\"severity\":\"warning\",\"diagnostics\":\"unknown parameter dob\"}]}}]}",
          1000, NULL,
          "Bundle: total 1, 2 here, no next page\n- Patient p\n"
          "- OperationOutcome  severity warning, diagnostics unknown parameter dob");
    /* several types: each with its own */
    check("{\"resourceType\":\"Bundle\",\"total\":2,\"entry\":[{\"resource\":{\"resourceType\":"
          "\"Patient\","
          "\"id\":\"p\",\"gender\":\"male\"}},{\"resource\":{\"resourceType\":\"Medication\","
          "\"id\":\"m\"}},"
          "{\"fullUrl\":\"x\"}]}",
          1000, NULL,
          "Bundle: total 2, 3 here, no next page\n- Patient p male\n- Medication m\n-  ");
}

static void other_answers(void **state)
{
    (void)state;
    check("", 100, NULL, "");
    check("  two\n\tlines \x01 ", 100, NULL, "two lines");
    check("0123456789 and more", 10, NULL, "0123456789... (8 more characters)");
    check("{\"item\": \"bolt\", \"quantity\": 3}", 100, NULL,
          "{\"item\": \"bolt\", \"quantity\": 3}");
    check(
        "Error: 404 {\"resourceType\":\"OperationOutcome\",\"issue\":[{\"diagnostics\":\"gone\"}]}",
        100, NULL, "Error: 404 OperationOutcome:  gone");
    check("[1, {\"resourceType\": 4}]", 100, NULL, "[1, {\"resourceType\": 4}]");
    check("bad \xff byte", 100, NULL, "bad \xef\xbf\xbd byte");
}

/* Whatever an answer holds, it gives no line that could pass for another part of a prompt, and deep
 * or odd values end. */
static void hostile_answers(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"resourceType\":\"Bundle\",\"entry\":7,\"link\":{},\"total\":\"x\\n### t\"}",
        "{\"resourceType\":\"Bundle\",\"entry\":[1,null,{\"resource\":[]},{\"resource\":{"
        "\"resourceType\":7}}]}",
        "{\"resourceType\":\"x\\n## Reply\",\"id\":\"\\n### t_1\",\"code\":{\"text\":\"\\n### "
        "a\"}}",
        "{\"resourceType\":\"Observation\",\"valueQuantity\":{\"\\n### a\":{\"\\n### "
        "b\":[[[[[[[[1]]]]]]]]}}}",
        "{\"resourceType\":\"OperationOutcome\",\"issue\":[1,{\"details\":{\"text\":\"\\n### "
        "t\"}}]}",
        "{\"resourceType\":\"Patient\",\"name\":[{\"given\":[[],{},null,\"\\n###\"]}],"
        "\"identifier\":{}}",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
        struct buf out = BUF_INIT;
        digest_answer(answers[i], strlen(answers[i]), 500, "[1]", &out);
        assert_null(strstr(out.ptr, "\n#"));
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resources),
        cmocka_unit_test(bundles),
        cmocka_unit_test(other_answers),
        cmocka_unit_test(hostile_answers),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
