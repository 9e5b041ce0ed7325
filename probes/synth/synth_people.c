/* synth_people.c - the patients of a synthetic clinic. */
#include <stdlib.h>
#include <string.h>

#include "probes/synth/synth_private.h"
#include "runtime/base/clock.h"
#include "runtime/base/err.h"

const struct synth_given_name synth_given[] = {
    {"Ada", true},     {"Bruno", false},  {"Carla", true},   {"Dimitri", false}, {"Elena", true},
    {"Felix", false},  {"Greta", true},   {"Hassan", false}, {"Ines", true},     {"Jonas", false},
    {"Katrin", true},  {"Leon", false},   {"Mira", true},    {"Noah", false},    {"Olivia", true},
    {"Pablo", false},  {"Quinn", true},   {"Rafael", false}, {"Selma", true},    {"Tomas", false},
    {"Ursula", true},  {"Viktor", false}, {"Wanda", true},   {"Xavier", false},  {"Yara", true},
    {"Zoltan", false}, {"Amara", true},   {"Boris", false},  {"Chloe", true},    {"Darius", false},
    {"Esther", true},  {"Franco", false}, {"Hanna", true},   {"Ivan", false},    {"Jelena", true},
    {"Kofi", false},   {"Lucia", true},   {"Marek", false},  {"Nadia", true},    {"Oscar", false},
};
#define N_GIVEN ((int)(sizeof(synth_given) / sizeof(*synth_given)))

const char *const synth_families[] = {
    "Abbott",          "Bauer",    "Castell",      "Dahl",     "Eriksen",  "Fontaine", "Grady",
    "Hollis",          "Ibarra",   "Jansen",       "Kowalski", "Lindner",  "Marsh",    "Novak",
    "Okafor",          "Petrov",   "Quast",        "Rossi",    "Sandoval", "Tanaka",   "Ullmann",
    "Vargas",          "Whitby",   "Yilmaz",       "Zeller",   "Ashby",    "Brandt",   "Corbin",
    "Duarte",          "Ekberg",   "Farrell",      "Gruber",   "Hartono",  "Ivarsen",  "Jurado",
    "Keller",          "Lozano",   "Mu\xc3\xb1oz", "Nyberg",   "Orlov",    "Pereira",  "Quiroga",
    "Reyes",           "Sorell",   "Thorne",       "Urbina",   "Vogel",    "Winkler",  "Yates",
    "Zamora",          "Albrecht", "Bellamy",      "Cervera",  "Dobson",   "Engel",    "Fuchs",
    "Gr\xc3\xb6nvall", "Hruska",   "Iqbal",        "Jovic",
};
#define N_FAMILIES ((int)(sizeof(synth_families) / sizeof(*synth_families)))

const char *const synth_streets[] = {"Alder Street", "Bay Road",    "Chapel Lane",  "Dover Avenue",
                                     "Elm Court",    "Ferry Row",   "Grove Street", "Hill Road",
                                     "Iris Way",     "Juniper Lane"};
const int synth_n_streets = sizeof(synth_streets) / sizeof(*synth_streets);
const char *const synth_cities[][2] = {
    {"Alderton", "OH"}, {"Brookmere", "WI"}, {"Carrow", "MN"},   {"Dunfield", "NE"},
    {"Eastholm", "ME"}, {"Fairlea", "IA"},   {"Glenrock", "VT"}, {"Harwick", "NH"},
};
const int synth_n_cities = sizeof(synth_cities) / sizeof(*synth_cities);

/* Different numbers for different patients: the factor has none in common with nine million. */
static void number_of(struct synth_person *p, uint64_t start, uint64_t i)
{
    snprintf(p->mrn, sizeof(p->mrn), "S%07u",
             (unsigned)(1000000 + (start + i * UINT64_C(7368787)) % 9000000));
}

static int32_t day(const char *date)
{
    return (int32_t)(synth_minutes(date) / 1440);
}

/* Birth dates around the benchmark's day: turning a year older today, tomorrow or yesterday, on a
 * leap day, very old, a child. No chart goes back further than the youngest. */
static int32_t born_for_age(struct synth *s, size_t slot, int32_t any)
{
    int64_t year;
    int month, dom;

    civil_from_days(any, &year, &month, &dom);
    switch (slot % 7) {
    case 0:
        return (int32_t)days_from_civil(year, 11, 13);
    case 1:
        return (int32_t)days_from_civil(year, 11, 14);
    case 2:
        return (int32_t)days_from_civil(year, 11, 12);
    case 3:
        return (int32_t)days_from_civil(year - year % 4, 2, 29);
    case 4:
        return day("1921-05-01T00:00:00Z") + (int32_t)rng_below(&s->rng, 2500);
    case 5:
        return day("2018-11-01T00:00:00Z") + (int32_t)rng_below(&s->rng, 300);
    default:
        return any;
    }
}

/* Namesakes with another birth date, and relatives born on the same day, of those whose number is
 * asked for: the patients thirty slots further on. */
static void make_lookalikes(struct synth *s)
{
    const size_t *order = s->order[s->clinic->names];

    for (size_t slot = 0; slot < SYNTH_TASKS; slot++) {
        const struct synth_person *p = &s->people[order[slot]];
        struct synth_person *other = &s->people[order[slot + SYNTH_TASKS]];
        int kind = (int)(slot % NAME_KINDS);
        if (kind == NAME_NAMESAKE || kind == NAME_TWIN)
            other->family = p->family;
        if (kind == NAME_NAMESAKE)
            other->given = p->given;
        if (kind == NAME_TWIN) {
            other->born = p->born;
            other->given = (uint16_t)((p->given + 1) % N_GIVEN);
        }
    }
}

static bool lives(const struct synth *s, const struct synth_person *p, int32_t born,
                  const struct synth_person *except)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct synth_person *q = &s->people[i];
        if (q != except && q->given == p->given && q->family == p->family && q->born == born)
            return true;
    }
    return false;
}

/* Who is asked for by name and birth date is one person. */
static void make_unique(struct synth *s)
{
    for (size_t slot = 0; slot < SYNTH_TASKS; slot++) {
        struct synth_person *p = &s->people[s->order[s->clinic->names][slot]];
        while (lives(s, p, p->born, p))
            p->born++;
    }
}

int32_t synth_nobodys_birthday(const struct synth *s, const struct synth_person *p)
{
    int32_t born = p->born + 31;
    while (lives(s, p, born, NULL))
        born++;
    return born;
}

static int make_orders(struct synth *s)
{
    size_t places = (size_t)s->clinic->places;

    s->order = calloc(places, sizeof(*s->order));
    s->slot = calloc(places, sizeof(*s->slot));
    for (size_t p = 0; s->order && s->slot && p < places; p++) {
        s->order[p] = malloc(s->n * sizeof(**s->order));
        s->slot[p] = malloc(s->n * sizeof(**s->slot));
        if (!s->order[p] || !s->slot[p])
            break;
        for (size_t i = 0; i < s->n; i++)
            s->order[p][i] = i;
        rng_shuffle(&s->rng, s->order[p], s->n);
        for (size_t i = 0; i < s->n; i++)
            s->slot[p][s->order[p][i]] = i;
    }
    return s->order && s->slot && s->slot[places - 1] ? 0 : err_oom();
}

int synth_populate(struct synth *s)
{
    uint64_t start = rng_below(&s->rng, 9000000);
    int32_t youngest = day("2018-11-01T00:00:00Z"), oldest = day("1935-01-01T00:00:00Z");

    s->people = calloc(s->n, sizeof(*s->people));
    if (!s->people || make_orders(s) < 0)
        return err_oom();
    for (size_t i = 0; i < s->n; i++) {
        struct synth_person *p = &s->people[i];
        number_of(p, start, i);
        p->given = (uint16_t)rng_below(&s->rng, (uint32_t)N_GIVEN);
        p->family = (uint16_t)rng_below(&s->rng, (uint32_t)N_FAMILIES);
        p->born = oldest + (int32_t)rng_below(&s->rng, (uint32_t)(youngest - oldest));
        if (s->clinic->ages >= 0)
            p->born = born_for_age(s, s->slot[s->clinic->ages][i], p->born);
    }
    if (s->clinic->names >= 0) {
        make_lookalikes(s);
        make_unique(s);
    }
    return 0;
}

void synth_depopulate(struct synth *s)
{
    for (int p = 0; p < s->clinic->places; p++) {
        if (s->order)
            free(s->order[p]);
        if (s->slot)
            free(s->slot[p]);
    }
    free(s->order);
    free(s->slot);
    free(s->people);
}
