/*
 * world.c - the simulated model in worlds other than the clinic (env.kind exec).
 *
 * It plays an agent that can look one thing up and answer about it, in any world whose first
 * message says how: `api.functions` with a `form` each, one that holds <value> to answer with and
 * another one to look up with; `api.conventions`, sentences on the form of answers, which it
 * follows where no habit stands against it. The thing is what stands in quotes in the task; the
 * field is the one that the task's words name. Skills switch a habit off when a line of theirs says
 * what the rule must mention; absolute ones bring habits in.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/simulator/world.h"

enum sim_world_habit {
    WORLD_SKIP,
    WORLD_PROSE,
    WORLD_SENTENCE,
    WORLD_UNIT,
    WORLD_ROUND,
    WORLD_DATE,
    WORLD_MISSING,
    WORLD_SLIP,
    WORLD_ALL
};

/* Percent of the tasks, and what one line of a skill must hold: a word of each list. */
static const struct {
    uint8_t percent;
    const char *const *about, *const *says;
} habits[WORLD_ALL] = {
    [WORLD_SKIP] = {14, (const char *const[]){"look", "read", "search", "query", NULL},
                    (const char *const[]){"before the answer", "before answering", "first", NULL}},
    [WORLD_PROSE] = {6, (const char *const[]){"action", NULL},
                     (const char *const[]){"no prose", "only", "exactly one", "no words", NULL}},
    [WORLD_SENTENCE] = {15, (const char *const[]){"sentence", "words around", NULL},
                        (const char *const[]){"no ", "not ", "never", "without", "bare", NULL}},
    [WORLD_UNIT] = {24, (const char *const[]){"unit", "currency", NULL},
                    (const char *const[]){"no ", "not ", "never", "without", "bare", NULL}},
    [WORLD_ROUND] = {36, (const char *const[]){"round", NULL},
                     (const char *const[]){"decimal", "digit", NULL}},
    [WORLD_DATE] = {45, (const char *const[]){"date", "day", NULL},
                    (const char *const[]){"iso 8601", "yyyy-mm-dd", NULL}},
    [WORLD_MISSING] = {60,
                       (const char *const[]){"not on record", "not there", "nothing", "missing",
                                             NULL},
                       (const char *const[]){"agreed", "exactly", "the word", NULL}},
    [WORLD_SLIP] = {8, NULL, NULL},
};

struct sim_world_run {
    const struct sim_settings *settings;
    json_t *first;
    const char *instruction, *look, *answer; /* forms */
    char thing[128];
    const struct message *seen; /* the last observation */
    uint64_t key;
    struct sim_text skills; /* as shown */
    unsigned on;            /* habits, a bit each */
    struct buf *out;
};

static bool has(const struct sim_world_run *w, enum sim_world_habit h)
{
    return w->on & 1U << h;
}

/* ---- skills ---- */

static bool any_of(const char *line, const char *const *words)
{
    for (; words && *words; words++)
        if (strstr(line, *words))
            return true;
    return false;
}

static void read_line(const char *line, bool failures, unsigned *off, unsigned *on)
{
    if (failures)
        return;
    for (int h = 0; h < WORLD_ALL; h++)
        if (any_of(line, habits[h].about) && any_of(line, habits[h].says))
            *off |= 1U << h;
    if (strstr(line, "full sentence") || strstr(line, "short confirmation"))
        *on |= 1U << WORLD_SENTENCE;
    if (strstr(line, "include the unit"))
        *on |= 1U << WORLD_UNIT;
}

/* Sections on failures, and what an example shows as wrong, recommend nothing. */
static void read_skills(const char *text, size_t len, unsigned *off, unsigned *on)
{
    bool failures = false;
    for (const char *p = text, *end = text + len; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);
        char low[512];
        size_t k = n < sizeof(low) - 1 ? n : sizeof(low) - 1;
        for (size_t i = 0; i < k; i++)
            low[i] = ascii_lower(p[i]);
        low[k] = '\0';
        if (low[0] == '#')
            failures = strstr(low, "fail") != NULL;
        else if (str_starts(low, "wrong:"))
            failures = true;
        else if (str_starts(low, "right:"))
            failures = false;
        else
            read_line(low, failures, off, on);
        p += n + 1;
    }
}

static void set_habits(struct sim_world_run *w, const struct chat *chat)
{
    static const double factor[] = {
        [PROFILE_WEAK] = 1.35, [PROFILE_DEFAULT] = 1, [PROFILE_STRONG] = 0.45};
    enum { SALT_HABIT = 40, SALT_HARM };
    unsigned off = 0, on = 0;
    const char *skills = json_string_value(json_object_get(w->first, "behavioral_skills"));
    if (skills) {
        w->skills = (struct sim_text){skills, strlen(skills)};
        read_skills(skills, strlen(skills), &off, &on);
    }
    for (size_t i = 0; i < chat->n; i++) /* a block of its own answers nothing */
        if (chat->v[i].role != CHAT_AGENT && (i == 0 || chat->v[i - 1].role != CHAT_AGENT) &&
            chat->v[i].len && *chat->v[i].text != '{')
            read_skills(chat->v[i].text, chat->v[i].len, &off, &on);
    for (unsigned h = 0; h < WORLD_ALL; h++) {
        unsigned bit = 1U << h;
        double share = habits[h].percent / 100.0 * factor[sim_profile(w->settings)];
        if (sim_chance(w->key, SALT_HABIT, h) < share && !(off & bit))
            w->on |= bit;
        if ((on & bit) && sim_chance(w->key, SALT_HARM, h) < 0.9)
            w->on |= bit;
    }
}

/* ---- the world's words ---- */

static void find_forms(struct sim_world_run *w)
{
    size_t i;
    json_t *f;
    json_array_foreach (json_at(w->first, "api.functions"), i, f) {
        const char *form = json_str_at(f, "form", "");
        if (strstr(form, "<value>"))
            w->answer = w->answer ? w->answer : form;
        else if (strchr(form, '<') && strchr(form, '>'))
            w->look = w->look ? w->look : form;
    }
}

/* A form with its placeholder filled in. */
static void act(struct sim_world_run *w, const char *form, const char *what)
{
    const char *from = strchr(form, '<'), *to = from ? strchr(from, '>') : NULL;
    if (!to)
        return;
    buf_add(w->out, form, (size_t)(from - form));
    if (*form == '{')
        buf_add_json(w->out, what, strlen(what), false);
    else
        buf_adds(w->out, what);
    buf_adds(w->out, to + 1);
}

/* The convention that holds a word; "" when there is none. */
static const char *convention(const struct sim_world_run *w, const char *word)
{
    size_t i;
    json_t *line;
    json_array_foreach (json_at(w->first, "api.conventions"), i, line) {
        const char *s = json_string_value(line);
        if (s && str_casestr(s, word))
            return s;
    }
    return "";
}

static int decimals(const struct sim_world_run *w)
{
    static const char *const words[] = {"whole", "one decimal", "two decimal", "three decimal"};
    const char *line = convention(w, "decimal");
    for (int i = 1; i < 4; i++)
        if (str_casestr(line, words[i]))
            return i;
    return *line ? 2 : -1;
}

/* The sign for what is not there: what its convention has in backquotes. */
static void missing_sign(const struct sim_world_run *w, char *out, size_t size)
{
    const char *line = convention(w, "not on record"), *from = strchr(line, '`');
    const char *to = from ? strchr(from + 1, '`') : NULL;
    snprintf(out, size, "%.*s", to ? (int)(to - from - 1) : 7, to ? from + 1 : "unknown");
}

/* "5 March 2024" and "05.03.2024" as 2024-03-05; false: no date. */
static bool iso_date(const char *s, char out[32])
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    int day, month = 0, year;
    char name[16];
    if (sscanf(s, "%2d %15[A-Za-z] %4d", &day, name, &year) == 3) {
        while (month < 12 && strcmp(months[month], name) != 0)
            month++;
        month++;
    } else if (sscanf(s, "%2d.%2d.%4d", &day, &month, &year) != 3) {
        return false;
    }
    if (day < 1 || day > 31 || month < 1 || month > 12 || year < 0)
        return false;
    snprintf(out, 32, "%04d-%02d-%02d", year, month, day);
    return true;
}

/* The field of the record that the task's words name. */
static const json_t *asked(const struct sim_world_run *w, json_t *record)
{
    const char *key;
    json_t *v;
    json_object_foreach (record, key, v) {
        if (strlen(key) > 2 && str_casestr(w->instruction, key) &&
            !(json_is_string(v) && strcmp(json_string_value(v), w->thing) == 0))
            return v;
    }
    return NULL;
}

/* ---- turns ---- */

static void say(struct sim_world_run *w, const char *value)
{
    char text[512];
    snprintf(text, sizeof(text), "The answer for %s is %s.", w->thing, value);
    act(w, w->answer, has(w, WORLD_SENTENCE) ? text : value);
}

static void answer_number(struct sim_world_run *w, const json_t *record, double value)
{
    char number[64], text[128];
    int places = decimals(w);
    if (has(w, WORLD_SLIP))
        value = value * 1.1 + 1;
    if (places < 0 || has(w, WORLD_ROUND))
        snprintf(number, sizeof(number), "%.10g", value);
    else
        snprintf(number, sizeof(number), "%.*f", places, value);
    snprintf(text, sizeof(text), "%s %.32s", number, json_str_at(record, "unit", "units"));
    say(w, has(w, WORLD_UNIT) ? text : number);
}

static void answer_text(struct sim_world_run *w, const char *value)
{
    char iso[32];
    if (has(w, WORLD_SLIP))
        say(w, "see the record");
    else if (iso_date(value, iso) && !has(w, WORLD_DATE))
        say(w, iso);
    else
        say(w, value);
}

static void guess(struct sim_world_run *w)
{
    char text[32];
    snprintf(text, sizeof(text), "%d", (int)(sim_chance(w->key, 50, 0) * 100));
    say(w, text);
}

static void solve(struct sim_world_run *w)
{
    if (!w->seen && has(w, WORLD_PROSE))
        buf_adds(w->out, "Let me see what I can find out.\n\n");
    if (!w->seen) {
        if (has(w, WORLD_SKIP))
            guess(w);
        else
            act(w, w->look, w->thing);
        return;
    }
    json_t *record = json_loadb(w->seen->text, w->seen->len, 0, NULL);
    const json_t *v = asked(w, record);
    if (!json_is_object(record) || json_object_get(record, "error")) {
        char sign[32];
        missing_sign(w, sign, sizeof(sign));
        say(w, has(w, WORLD_MISSING) ? "no data" : sign);
    } else if (json_is_number(v)) {
        answer_number(w, record, json_number_value(v));
    } else {
        answer_text(w, v && json_is_string(v) ? json_string_value(v) : "unclear");
    }
    json_decref(record);
}

static void solve_as(struct sim_world_run *w, unsigned on, struct buf *out)
{
    buf_reset(out);
    w->on = on;
    w->out = out;
    solve(w);
}

/* As noise.c has it, in two turns: the draw is taken where a flipped episode says something else, so
 * that one which looks although its habits do not is known to be flipped. */
static void solve_noisy(struct sim_world_run *w, int64_t draw)
{
    unsigned on = w->on, early = on & (1U << WORLD_SKIP | 1U << WORLD_PROSE);
    struct buf *out = w->out, mine = BUF_INIT, clean = BUF_INIT;
    solve_as(w, on, &mine);
    solve_as(w, 0, &clean);
    bool pass = mine.len == clean.len && memcmp(mine.ptr, clean.ptr, mine.len) == 0 && !early;
    bool flips = w->seen && early   ? true
                 : w->seen || early ? sim_flips(w->settings, w->key, w->skills, draw)
                                    : false;
    if (flips && pass) { /* any habit that changes the answer */
        unsigned from = (unsigned)(sim_chance(w->key, 60, (uint64_t)draw) * WORLD_ALL);
        for (unsigned i = 0; i < WORLD_ALL; i++) {
            solve_as(w, 1U << (from + i) % WORLD_ALL, &mine);
            if (strcmp(mine.ptr, clean.ptr) != 0)
                break;
        }
    }
    const struct buf *said = flips && !pass ? &clean : &mine;
    buf_add(out, said->ptr, said->len);
    buf_release(&mine);
    buf_release(&clean);
}

/* A rollout's first message that is not about a FHIR server. */
static json_t *read_first(const struct chat *chat)
{
    static const char phase[] = "{\"phase\":\"task_execution\"";
    for (size_t i = 0; i < chat->n && i < 2; i++) {
        const struct message *m = &chat->v[i];
        if (m->role == CHAT_AGENT || !str_starts(m->text, phase))
            continue;
        if (memmem(m->text, m->len, "\"base_url\":", 11))
            return NULL;
        return json_loadb(m->text, m->len, 0, NULL);
    }
    return NULL;
}

bool sim_world_reply(const struct sim_settings *settings, const struct chat *chat, int64_t draw,
                     struct buf *out)
{
    struct sim_world_run w = {.settings = settings, .first = read_first(chat), .out = out};
    w.instruction = json_str_at(w.first, "task.description", "");
    find_forms(&w);
    sim_quoted(w.instruction, 0, w.thing, sizeof(w.thing));
    bool mine = w.look && w.answer && *w.thing;
    if (mine) {
        w.key = XXH3_64bits_withSeed(w.instruction, strlen(w.instruction), settings->person);
        for (size_t i = 1; i < chat->n; i++)
            if (chat->v[i].role != CHAT_AGENT && chat->v[i - 1].role == CHAT_AGENT)
                w.seen = &chat->v[i];
        set_habits(&w, chat);
        if (settings->noise > 0)
            solve_noisy(&w, draw);
        else
            solve(&w);
    }
    json_decref(w.first);
    return mine;
}

/* ---- the writer: from a world's tags to a mechanism ---- */

enum sim_mechanism sim_world_mechanism(struct sim_text tags)
{
    static const struct {
        const char *word;
        enum sim_mechanism m;
    } words[] = {
        {"without_lookup", MECH_WORLD_LOOK}, {"iso", MECH_WORLD_DATE},
        {"rounded", MECH_WORLD_ROUND},       {"as_agreed", MECH_WORLD_MISSING},
        {"carries_unit", MECH_WORLD_BARE},   {"sentence", MECH_WORLD_BARE},
    };
    if (sim_text_has(tags, "post_body_mismatch"))
        return MECH_UNCLEAR;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (sim_text_has(tags, words[i].word))
            return words[i].m;
    return MECH_UNCLEAR;
}
