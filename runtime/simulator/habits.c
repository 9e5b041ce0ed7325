/*
 * habits.c - the habits of the simulated model: how common each is in each family, what
 * guidance makes of them. The shares are set so that the model solves about 40 % of
 * MedAgentBench without skills and about 90 % with good ones (tests/unit/test_sim_bands.c).
 */
#include "runtime/simulator/sim.h"
#include "runtime/simulator/rules.h"
#include "runtime/simulator/words.h"

/* clang-format off */
/* Percent of a family's tasks that have a habit (profile default). */
static const struct {
    enum sim_family family;
    enum sim_habit habit;
    uint8_t percent;
} shares[] = {
    {FAM_MRN, HAB_NO_QUERY, 15}, {FAM_MRN, HAB_NAME_QUERY, 38}, {FAM_MRN, HAB_SENTENCE, 16},
    {FAM_MRN, HAB_SLIP, 9},
    {FAM_AGE, HAB_NO_QUERY, 16}, {FAM_AGE, HAB_AGE, 27}, {FAM_AGE, HAB_UNIT, 10},
    {FAM_AGE, HAB_SENTENCE, 8}, {FAM_AGE, HAB_SLIP, 9},
    {FAM_BP, HAB_SUBJECT, 22}, {FAM_BP, HAB_CATEGORY, 8}, {FAM_BP, HAB_VALUE_SHAPE, 22},
    {FAM_BP, HAB_CODE_SHAPE, 5}, {FAM_BP, HAB_NO_ORDER, 7}, {FAM_BP, HAB_PROSE, 4},
    {FAM_BP, HAB_SLIP, 9},
    {FAM_MG, HAB_WINDOW, 30}, {FAM_MG, HAB_MISSING, 65}, {FAM_MG, HAB_UNIT, 35},
    {FAM_MG, HAB_SENTENCE, 22}, {FAM_MG, HAB_LOINC, 6}, {FAM_MG, HAB_FIRST_ENTRY, 12},
    {FAM_MG, HAB_FIRST_PAGE, 12}, {FAM_MG, HAB_SLIP, 10},
    {FAM_MG_ORDER, HAB_WINDOW, 30}, {FAM_MG_ORDER, HAB_SENTENCE, 50},
    {FAM_MG_ORDER, HAB_UNIT, 18}, {FAM_MG_ORDER, HAB_ANYWAY, 40}, {FAM_MG_ORDER, HAB_ROUTE, 60},
    {FAM_MG_ORDER, HAB_DOSE, 25}, {FAM_MG_ORDER, HAB_SUBJECT, 12}, {FAM_MG_ORDER, HAB_AUTHORED, 12},
    {FAM_MG_ORDER, HAB_SLIP, 10},
    {FAM_GLU_MEAN, HAB_FIRST_PAGE, 40}, {FAM_GLU_MEAN, HAB_WINDOW, 50}, {FAM_GLU_MEAN, HAB_MEAN, 40},
    {FAM_GLU_MEAN, HAB_UNIT, 20}, {FAM_GLU_MEAN, HAB_SENTENCE, 35}, {FAM_GLU_MEAN, HAB_MISSING, 40},
    {FAM_GLU_MEAN, HAB_SLIP, 11},
    {FAM_GLU, HAB_FIRST_PAGE, 40}, {FAM_GLU, HAB_FIRST_ENTRY, 35}, {FAM_GLU, HAB_UNIT, 20},
    {FAM_GLU, HAB_SENTENCE, 25}, {FAM_GLU, HAB_LOINC, 15}, {FAM_GLU, HAB_SLIP, 11},
    {FAM_REFERRAL, HAB_NOTE, 16}, {FAM_REFERRAL, HAB_PRIORITY, 19}, {FAM_REFERRAL, HAB_SUBJECT, 20},
    {FAM_REFERRAL, HAB_AUTHORED, 10}, {FAM_REFERRAL, HAB_NO_FINISH, 5}, {FAM_REFERRAL, HAB_SLIP, 9},
    {FAM_K_ORDER, HAB_SENTENCE, 33}, {FAM_K_ORDER, HAB_UNIT, 20}, {FAM_K_ORDER, HAB_LOINC, 6},
    {FAM_K_ORDER, HAB_ANYWAY, 22}, {FAM_K_ORDER, HAB_SECOND, 40}, {FAM_K_ORDER, HAB_ROUTE, 25},
    {FAM_K_ORDER, HAB_DOSE, 20}, {FAM_K_ORDER, HAB_OCCURRENCE, 25}, {FAM_K_ORDER, HAB_SUBJECT, 12},
    {FAM_K_ORDER, HAB_SLIP, 10},
    {FAM_A1C, HAB_MISSING, 35}, {FAM_A1C, HAB_SENTENCE, 30}, {FAM_A1C, HAB_DATE_FORM, 25},
    {FAM_A1C, HAB_NO_ORDER, 20}, {FAM_A1C, HAB_PRIORITY, 20}, {FAM_A1C, HAB_SUBJECT, 18},
    {FAM_A1C, HAB_FIRST_ENTRY, 10}, {FAM_A1C, HAB_ANYWAY, 15}, {FAM_A1C, HAB_SLIP, 11},
    {FAM_CT, HAB_NO_ORDER, 30}, {FAM_CT, HAB_INDICATION, 33}, {FAM_CT, HAB_SUBJECT, 26},
    {FAM_CT, HAB_RESOURCE, 21}, {FAM_CT, HAB_CODE_SHAPE, 10}, {FAM_CT, HAB_FIRST_ENTRY, 10},
    {FAM_CT, HAB_ANYWAY, 23}, {FAM_CT, HAB_SLIP, 9},
    {FAM_DVT, HAB_CLASS, 35}, {FAM_DVT, HAB_STATUS, 20}, {FAM_DVT, HAB_DISCONTINUE, 30},
    {FAM_DVT, HAB_SUBJECT, 34}, {FAM_DVT, HAB_NO_ORDER, 23}, {FAM_DVT, HAB_ANYWAY, 31},
    {FAM_DVT, HAB_SLIP, 10},
    {FAM_HEART, HAB_WINDOW, 33}, {FAM_HEART, HAB_MISSING, 40}, {FAM_HEART, HAB_UNIT, 20},
    {FAM_HEART, HAB_SENTENCE, 22}, {FAM_HEART, HAB_MEAN, 20}, {FAM_HEART, HAB_SLIP, 10},
    {FAM_CATHETER, HAB_NO_ORDER, 33}, {FAM_CATHETER, HAB_SUBJECT, 26},
    {FAM_CATHETER, HAB_STATUS, 15}, {FAM_CATHETER, HAB_ANYWAY, 38},
    {FAM_CATHETER, HAB_CODE_SHAPE, 12}, {FAM_CATHETER, HAB_PERIOD, 15}, {FAM_CATHETER, HAB_SLIP, 9},
    {FAM_KIDNEY, HAB_SECOND, 35}, {FAM_KIDNEY, HAB_NO_ORDER, 28}, {FAM_KIDNEY, HAB_ANYWAY, 33},
    {FAM_KIDNEY, HAB_SUBJECT, 24}, {FAM_KIDNEY, HAB_PERIOD, 15}, {FAM_KIDNEY, HAB_SLIP, 11},
    {FAM_THYROID, HAB_SECOND, 35}, {FAM_THYROID, HAB_FIRST_ENTRY, 23},
    {FAM_THYROID, HAB_NO_ORDER, 28}, {FAM_THYROID, HAB_ANYWAY, 43}, {FAM_THYROID, HAB_SUBJECT, 32},
    {FAM_THYROID, HAB_SLIP, 10},
    {FAM_QTC, HAB_DISCONTINUE, 40}, {FAM_QTC, HAB_CLASS, 30}, {FAM_QTC, HAB_SECOND, 25},
    {FAM_QTC, HAB_ANYWAY, 33}, {FAM_QTC, HAB_SUBJECT, 21}, {FAM_QTC, HAB_SLIP, 11},
    {FAM_OPIOID, HAB_CLASS, 35}, {FAM_OPIOID, HAB_NO_ORDER, 28}, {FAM_OPIOID, HAB_ANYWAY, 36},
    {FAM_OPIOID, HAB_STATUS, 18}, {FAM_OPIOID, HAB_SUBJECT, 26}, {FAM_OPIOID, HAB_SLIP, 9},
    {FAM_FLU, HAB_RESOURCE, 41}, {FAM_FLU, HAB_PERIOD, 12}, {FAM_FLU, HAB_SUBJECT, 26},
    {FAM_FLU, HAB_NO_ORDER, 33}, {FAM_FLU, HAB_ANYWAY, 23}, {FAM_FLU, HAB_SLIP, 9},
    {FAM_COVID, HAB_RESOURCE, 36}, {FAM_COVID, HAB_CLASS, 30}, {FAM_COVID, HAB_SUBJECT, 26},
    {FAM_COVID, HAB_NO_ORDER, 36}, {FAM_COVID, HAB_ANYWAY, 29}, {FAM_COVID, HAB_SLIP, 9},
};

/* What a too broad rule brings in where it makes a difference: habit and percent of the tasks. */
static const struct {
    enum sim_habit habit;
    uint8_t percent;
} harms[] = {
    {HAB_FIRST_PAGE, 60},  {HAB_LOINC, 40},    {HAB_CONFIRM, 90}, {HAB_ANYWAY, 90},
    {HAB_WINDOW_ALL, 100}, {HAB_SENTENCE, 90}, {HAB_UNIT, 90},
};

/* Habits are a third more common in a weak model, and less than half as common in a strong one. */
static double share_of(enum sim_profile p, double share)
{
    static const double factor[] = {
        [PROFILE_WEAK] = 1.35, [PROFILE_DEFAULT] = 1, [PROFILE_STRONG] = 0.45};
    double s = share * factor[p];
    return s < 0.9 ? s : 0.9;
}

enum { SALT_HABIT = 1, SALT_BACK, SALT_HARM, SALT_DISTRACTED, SALT_SOME, SALT_HALF };
#define ATTENTION   6    /* so many skills do no harm */
#define COMES_BACK  0.10 /* per skill beyond that: a habit that was switched off */
#define SOME        0.16 /* of the tasks heed a side remark */
#define DISTRACTION 0.05 /* a strong model, per long skill that tells it nothing */

uint64_t sim_family_habits(enum sim_family family)
{
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        all |= shares[i].family == family ? HABIT(shares[i].habit) : 0;
    return all;
}

void sim_set_habits(struct sim_run *r)
{
    enum sim_profile profile = sim_profile(r->settings);
    uint64_t base = 0;
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        if (shares[i].family != r->family)
            continue;
        if (sim_chance(r->key, SALT_HABIT, shares[i].habit) <
            share_of(profile, shares[i].percent / 100.0))
            base |= HABIT(shares[i].habit);
    }
    struct sim_guidance *g = &r->guidance;
    sim_read_skills(r, base, g);
    g->half &= base & ~g->off;
    uint64_t on = base & ~g->off;
    for (enum sim_habit h = 0; g->half && h < HABITS; h++)
        if ((g->half & HABIT(h)) && sim_chance(r->key, SALT_HALF, h) < 0.5)
            on &= ~HABIT(h);
    size_t more = g->skills > ATTENTION ? g->skills - ATTENTION : 0;
    for (enum sim_habit h = 0; more && h < HABITS; h++)
        if ((base & g->off & HABIT(h)) &&
            sim_chance(r->key, SALT_BACK, h) < COMES_BACK * (double)more)
            on |= HABIT(h);
    for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++)
        if ((g->on & HABIT(harms[i].habit)) &&
            sim_chance(r->key, SALT_HARM, harms[i].habit) < harms[i].percent / 100.0)
            on |= HABIT(harms[i].habit);
    for (enum sim_habit h = 0; g->some && h < HABITS; h++)
        if ((g->some & HABIT(h)) && sim_chance(r->key, SALT_SOME, h) < SOME)
            on |= HABIT(h);
    if (profile == PROFILE_STRONG && g->obsolete &&
        sim_chance(r->key, SALT_DISTRACTED, 0) < DISTRACTION * (double)g->obsolete)
        on |= HABIT(HAB_SENTENCE) | HABIT(HAB_PROSE);
    r->habits = on;
}
