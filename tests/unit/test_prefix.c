/* test_prefix.c - what of a prompt an earlier one began with. */
#include "test.h"

#include "runtime/session/prefix.h"

static void add(struct chat *c, enum chat_role role, const char *text, size_t len)
{
    assert_int_equal(chat_add(c, role, text, len), 0);
}

static void only_what_is_new_counts(void **state)
{
    (void)state;
    struct prefix *p = prefix_new();
    struct chat a = {0}, b = {0};
    char text[2000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i % 26);
    add(&a, CHAT_USER, text, 1000);
    assert_int_equal(prefix_add(p, &a), 1000);
    assert_int_equal(prefix_add(p, &a), 0);
    add(&a, CHAT_AGENT, "GET x", 5); /* a conversation grows */
    add(&a, CHAT_USER, text, 300);
    assert_int_equal(prefix_add(p, &a), 305);
    /* Alike up to a place in the fourth block: from that block on it is new. */
    text[800] = '!';
    add(&b, CHAT_USER, text, 1000);
    assert_int_equal(prefix_add(p, &b), 1000 - 3 * 256);
    /* The same text in another role, or after another beginning, is another prompt. */
    struct chat c = {0};
    add(&c, CHAT_AGENT, text, 1000);
    assert_int_equal(prefix_add(p, &c), 1000);
    assert_int_equal(prefix_add(NULL, &c), 0);
    chat_release(&a);
    chat_release(&b);
    chat_release(&c);
    prefix_free(p);
}

static void the_set_grows(void **state)
{
    (void)state;
    struct prefix *p = prefix_new();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 20000; i++) {
            struct chat c = {0};
            char text[16];
            size_t n = (size_t)snprintf(text, sizeof(text), "%d", i);
            add(&c, CHAT_USER, text, n);
            assert_int_equal(prefix_add(p, &c), round ? 0 : n);
            chat_release(&c);
        }
    prefix_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_new_counts),
        cmocka_unit_test(the_set_grows),
    };
    return cmocka_run_group_tests_name("prefix", tests, NULL, NULL);
}
