/* test_agent_url.c - what the agent can reach. */
#include "test.h"

#include "runtime/env/agent_url.h"

static void only_the_base_is_reachable(void **state)
{
    (void)state;
    static const char base[] = "http://localhost:8080/fhir/";
    static const struct {
        const char *url, *target; /* NULL: refused */
    } cases[] = {
        {"http://localhost:8080/fhir/Patient?name=A", "Patient?name=A"},
        {"http://localhost:8080/fhir/Patient", "Patient"},
        {"http://localhost:8080/fhir/", ""},
        {"http://localhost:8080/fhir", ""},
        {"http://localhost:8080/fhir/Observation?date=1..2", "Observation?date=1..2"},
        {"http://localhost:8080/fhir/Patient?name=../x", "Patient?name=../x"},
        {"http://localhost:8080/fhir/../admin", NULL},
        {"http://localhost:8080/fhir/Patient/../../admin", NULL},
        {"http://localhost:8080/fhir/%2e%2e/admin", NULL},
        {"http://localhost:8080/fhir/.%2E/admin", NULL},
        {"http://localhost:8080/fhir/..;/admin", NULL},
        {"http://localhost:8080/fhir/..", NULL},
        {"http://localhost:8080/fhir/a%2fb", NULL},
        {"http://localhost:8080/fhir/a\\b", NULL},
        {"http://localhost:8080/fhirX", NULL},
        {"http://localhost:8080/", NULL},
        {"http://localhost:8080@evil.example/fhir/Patient", NULL},
        {"http://user@localhost:8080/fhir/Patient", NULL},
        {"https://localhost:8080/fhir/Patient", NULL},
        {"http://localhost:80800/fhir/Patient", NULL},
        {"http://evil.example/fhir/Patient", NULL},
        {"file:///etc/passwd", NULL},
        {"Patient?name=A", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *target;
        const char *no = agent_url_check(base, cases[i].url, strlen(cases[i].url), &target);
        if (!no != !!cases[i].target)
            fail_msg("%s: %s", cases[i].url, no ? no : "was let through");
        if (!no)
            assert_string_equal(target, cases[i].target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_base_is_reachable)};
    return cmocka_run_group_tests_name("agent_url", tests, NULL, NULL);
}
