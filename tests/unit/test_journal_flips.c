/*
 * test_journal_flips.c - flipped bits in a journal. Whatever is flipped: no answer is a wrong one, and
 * where the check finds nothing, no answer is missing. FLIPS=10000 for a long run.
 */
#include "journal_harness.h"

#include "runtime/base/log.h"

enum { CALLS = 120, TAIL = 20 };

static void name_call(int i, char out[32])
{
    snprintf(out, 32, "call %d", i);
}

/* Long answers have pages of their own, short ones share some; the last ones are in the tail. */
static void fill(struct place *p)
{
    struct got g = {0};
    char text[32];
    p->j->codec.plain = true;
    for (int i = 0; i < CALLS; i++) {
        p->fake.padding = i % 10 == 9 ? 9000 : (size_t)(i * 7 % 300);
        name_call(i, text);
        ask(p, &g, text);
        turn(p);
        assert_int_equal(g.reply.result, MODEL_OK);
        if (i == 30 || i == 60 || i == CALLS - TAIL - 1)
            works(tail_move(p->j));
    }
    got_release(&g);
}

static size_t expected_length(int i)
{
    char text[64];
    return (size_t)snprintf(text, sizeof(text), "answer to call %d/0", i) +
           (i % 10 == 9 ? 9000 : (size_t)(i * 7 % 300));
}

/* What a run finds, in a process that may die of it: 0 all there, 1 some missing, 2 a wrong one. */
static int read_all(struct place *p)
{
    struct got g = {0};
    char text[32], want[64];
    int found = 0;
    log_set_level(LOG_ERROR + 1);
    if (journal_open(&p->j, p->path, JOURNAL_REPLAY_ONLY) < 0)
        return 1;
    works(journal_model(&p->m, p->j, p->loop, &p->fake.m));
    for (int i = 0; i < CALLS; i++) {
        name_call(i, text);
        if (chat_add(&g.chat, CHAT_USER, text, strlen(text)) < 0)
            return 1;
        struct model_request rq = {.chat = &g.chat, .phase = PHASE_ROLLOUT_DEV};
        g.times = 0;
        if (model_ask(p->m, &rq, take, &g) < 0)
            return 1;
        turn(p);
        int n = snprintf(want, sizeof(want), "answer to call %d/0", i);
        if (g.times == 1 && g.reply.result == MODEL_OK) {
            if (strlen(g.text) != expected_length(i) || strncmp(g.text, want, (size_t)n) != 0)
                return 2;
            for (size_t k = 0; k + (size_t)n < strlen(g.text); k++)
                if (g.text[(size_t)n + k] != (char)('a' + (k * k) % 26))
                    return 2;
            found++;
        }
        got_release(&g);
    }
    return found == CALLS ? 0 : 1;
}

static int in_child(struct place *p)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(3);
        _exit(read_all(p));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static void put(const struct place *p, const char *name, const struct buf *bytes)
{
    char *path = fs_join(p->path, name);
    FILE *f = fopen(path, "w"); /* not fs_write: ten thousand flushes take their time */
    assert_non_null(f);
    assert_int_equal(fwrite(bytes->ptr, 1, bytes->len, f), bytes->len);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static void get(const struct place *p, const char *name, struct buf *out)
{
    char *path = fs_join(p->path, name);
    works(fs_read(path, out));
    free(path);
}

static void no_flip_makes_a_wrong_answer(void **state)
{
    struct place *p = *state;
    struct buf data = BUF_INIT, tail = BUF_INIT;
    const char *flips = getenv("FLIPS");
    long n = flips ? atol(flips) : 150, harmless = 0, refused = 0, died = 0;
    uint64_t r = 1;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        open_with(p, 0, JOURNAL_MAP_START);
        fill(p);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    get(p, "data.mdb", &data);
    get(p, "tail", &tail);
    struct journal_check c;
    works(journal_check(p->path, &c));
    assert_int_equal(c.entries, CALLS);
    assert_int_equal(in_child(p), 0);
    for (long i = 0; i < n; i++) {
        struct buf *b = i % 4 == 3 ? &tail : &data;
        r = r * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        /* One in four where LMDB keeps what it needs to find anything: its two first pages. */
        size_t range = i % 4 == 0 ? 2 * 4096 : b->len;
        size_t at = (size_t)(r >> 20) % range;
        int bit = (int)(r >> 10) & 7;
        b->ptr[at] ^= (char)(1 << bit);
        put(p, "data.mdb", &data);
        put(p, "tail", &tail);
        int checked = journal_check(p->path, &c);
        bool ended = checked < 0 && strstr(err_msg(), "ends the process");
        int read = in_child(p);
        if (read == 2)
            fail_msg("flip of bit %d of byte %zu of the %s: a wrong answer", bit, at,
                     b == &tail ? "tail" : "database");
        if (checked == 0 && read != 0)
            fail_msg("flip of bit %d of byte %zu of the %s: found sound, but %d", bit, at,
                     b == &tail ? "tail" : "database", read);
        harmless += checked == 0;
        refused += checked < 0 && !ended;
        died += ended;
        b->ptr[at] ^= (char)(1 << bit);
    }
    print_message("%ld flips: %ld harmless, %ld found, %ld of these by the end of the reader\n", n,
                  harmless, refused + died, died);
    assert_true(harmless > 0 && refused > 0);
    buf_release(&data);
    buf_release(&tail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_flip_makes_a_wrong_answer, set_up, tear_down)};
    return cmocka_run_group_tests_name("journal_flips", tests, NULL, NULL);
}
