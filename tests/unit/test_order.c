/* test_order.c - the order of probes: which come next, and how many of them in a wave. */
#include "gate_letters.h"

static void next_gives_every_probe_once(void **state)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    bool side[MOST], seen[MOST] = {0};
    size_t n = sides("FFFFFFPPPPPPFP", side), order[MOST], got;
    (void)state;
    assert_int_equal(gate_init(&g, &rules, side, n, 2), 0);
    outcomes("ffffffppppppfp", g.base);
    gate_update(&g);
    for (size_t left = n; left; left--) {
        got = gate_next(&g, 1, MOST, order);
        assert_int_equal(got, left);
        size_t first = order[0];
        assert_int_equal(gate_next(&g, 1, 1, order), 1);
        assert_int_equal(order[0], first);
        assert_false(seen[first]);
        seen[first] = true;
        g.arm[1].outcomes[first] = side[first] && left > 5 ? OUTCOME_PASS : g.base[first];
        gate_update(&g);
    }
    assert_int_equal(g.arm[1].stop, GATE_FINISHED);
    gate_release(&g);
}

/* Two arms on 18 failing and 18 passing probes, nothing of theirs measured. */
static void two_halves(struct gate *g)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    bool side[36];
    for (size_t i = 0; i < 36; i++)
        side[i] = i < 18;
    assert_int_equal(gate_init(g, &rules, side, 36, 2), 0);
    for (size_t i = 0; i < 36; i++)
        g->base[i] = side[i] ? OUTCOME_FAIL : OUTCOME_PASS;
    gate_update(g);
}

/* What stops losers soonest: the passing side at first, the failing side for an arm that stays
 * clean there; within a side, where others went wrong before. */
static void next_begins_where_it_ends_soonest(void **state)
{
    struct gate g;
    size_t order[36];
    (void)state;
    two_halves(&g);
    assert_int_equal(gate_next(&g, 0, 36, order), 36);
    for (size_t i = 0; i < 36; i++) /* nothing known: in order */
        assert_int_equal(order[i], (i + 18) % 36);

    g.past[30] = (struct gate_past){.wrong = 3, .seen = 3};
    g.past[20] = (struct gate_past){.wrong = 0, .seen = 3};
    g.past[4] = (struct gate_past){.wrong = 1, .seen = 4};
    gate_next(&g, 0, 36, order);
    assert_int_equal(order[0], 30);
    assert_int_equal(order[17], 20);
    assert_int_equal(order[35], 4);
    g.arm[1].outcomes[25] = OUTCOME_INVALID; /* another arm, this update: counts double */
    g.arm[1].outcomes[26] = OUTCOME_PASS;
    gate_next(&g, 0, 36, order);
    assert_int_equal(order[0], 30);
    assert_int_equal(order[1], 25);
    assert_int_equal(order[16], 26);

    for (size_t i = 18; i < 32; i++)
        g.arm[0].outcomes[i] = OUTCOME_PASS;
    for (size_t i = 0; i < 12; i++)
        g.arm[0].outcomes[i] = OUTCOME_FAIL;
    gate_update(&g);
    assert_int_equal(gate_next(&g, 0, 1, order), 1);
    assert_in_range(order[0], 12, 17);
    gate_release(&g);
}

/* A wave asks an arm for what it will probably come to: a clean one for more than a new one, a
 * doubtful one for less; for everything when nothing stops early. */
static void a_wave_goes_as_far_as_is_likely(void **state)
{
    struct gate g;
    struct gate_pick picks[72];
    size_t n, of[2] = {0};
    (void)state;
    two_halves(&g);
    size_t fresh = gate_wave(&g, 72, picks);
    assert_in_range(fresh, 2, 35);
    assert_int_equal(gate_wave(&g, 3, picks), 3);

    for (size_t i = 18; i < 28; i++)
        g.arm[0].outcomes[i] = OUTCOME_PASS;
    for (size_t i = 0; i < 15; i++) /* three more and it cannot get above 0 */
        g.arm[1].outcomes[i] = OUTCOME_FAIL;
    gate_update(&g);
    n = gate_wave(&g, 72, picks);
    for (size_t i = 0; i < n; i++)
        of[picks[i].arm]++;
    assert_in_range(of[0], fresh / 2 + 1, 26);
    assert_in_range(of[1], 1, fresh / 2 - 1);

    g.rules.early_stop = false;
    assert_int_equal(gate_wave(&g, 72, picks), 26 + 21);
    gate_release(&g);
}

/* Under replicate: what could be a fix first, redraws before first draws, one draw ahead where there
 * is room, and the baseline once for all. */
static void a_wave_of_redraws(void **state)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g;
    struct gate_pick p[64];
    bool side[MOST];
    size_t n = sides("FFFFPP", side), got, of[3] = {0};
    (void)state;
    rules.rule = GATE_REPLICATE;
    assert_int_equal(gate_init(&g, &rules, side, n, 2), 0);
    outcomes("ffffpp", g.base);
    gate_update(&g);
    assert_int_equal(gate_wave(&g, 8, p), 8);
    for (size_t i = 0; i < 8; i++)
        assert_true(p[i].draw == 0 && side[p[i].probe] && p[i].arm == i % 2);
    assert_int_equal(gate_wave(&g, 64, p), 12);

    arm(&g, 0, "ppff..");
    arm(&g, 1, "pfff..");
    assert_int_equal(gate_update(&g), 2);
    got = gate_wave(&g, 64, p);
    assert_true(got >= 6 && gate_wave(&g, 3, p) == 3);
    got = gate_wave(&g, 64, p);
    for (size_t i = 0; i < 3; i++) /* the candidates' first redraws: the baseline is a draw ahead */
        assert_true(p[i].draw == 1 && p[i].arm != GATE_BASE);
    for (size_t i = 3; i < got; i++)
        assert_true(p[i].draw == 2 || (p[i].draw == 0 && !side[p[i].probe]));

    for (size_t i = 0; i < 3; i++)
        *gate_place(&g, &p[i]) = OUTCOME_PASS;
    assert_int_equal(gate_update(&g), 2);
    got = gate_wave(&g, 64, p);
    for (size_t i = 0; i < got; i++)
        if (p[i].draw == 1 && p[i].arm == GATE_BASE)
            of[p[i].probe]++;
    assert_int_equal(of[0], 1); /* both candidates want it */
    assert_int_equal(of[1], 1);
    assert_int_equal(of[2], 0);

    arm(&g, 1, "ffff.."); /* nothing that it could fix is left */
    assert_int_equal(gate_update(&g), 1);
    assert_int_equal(g.arm[1].stop, GATE_STOP_SCORE);
    got = gate_wave(&g, 64, p);
    for (size_t i = 0; i < got; i++)
        assert_int_not_equal(p[i].arm, 1);
    gate_release(&g);
}

static void a_copy_goes_its_own_way(void **state)
{
    struct gate_rules rules = GATE_RULES_DEFAULT;
    struct gate g, copy;
    bool side[36];
    (void)state;
    two_halves(&g);
    assert_int_equal(gate_init(&copy, &rules, NULL, 36, 2), 0);
    g.past[4] = (struct gate_past){.wrong = 0, .seen = 6};
    g.rules.regression_budget = 1;
    g.arm[1].outcomes[20] = OUTCOME_FAIL;
    gate_update(&g);
    gate_copy(&copy, &g);
    assert_int_equal(copy.rules.regression_budget, 1);
    assert_memory_equal(copy.base, g.base, sizeof(*g.base) * 36);
    assert_memory_equal(copy.failing, g.failing, sizeof(side));
    /* each of its own: the failing side fails, but where others passed; likewise the passing side */
    struct gate_pick p = {0, 3, 0}, past = {0, 4, 0}, passing = {0, 21, 0}, seen = {0, 20, 0};
    assert_int_equal(gate_guess(&copy, &p), OUTCOME_FAIL);
    assert_int_equal(gate_guess(&copy, &past), OUTCOME_PASS);
    assert_int_equal(gate_guess(&copy, &passing), OUTCOME_PASS);
    assert_int_equal(gate_guess(&copy, &seen), OUTCOME_FAIL);
    /* and a redraw as the first one came out */
    struct gate_pick again = {1, 20, 2}, base = {GATE_BASE, 3, 1};
    assert_int_equal(gate_guess(&copy, &again), OUTCOME_FAIL);
    assert_int_equal(gate_guess(&copy, &base), OUTCOME_FAIL);
    *gate_place(&copy, &p) = OUTCOME_PASS;
    assert_int_equal(g.arm[0].outcomes[3], OUTCOME_PENDING);
    gate_release(&copy);
    gate_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_gives_every_probe_once),
        cmocka_unit_test(next_begins_where_it_ends_soonest),
        cmocka_unit_test(a_wave_goes_as_far_as_is_likely),
        cmocka_unit_test(a_wave_of_redraws),
        cmocka_unit_test(a_copy_goes_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
