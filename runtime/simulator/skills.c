/*
 * skills.c - the simulated model reads the skills it is shown. Each line becomes three sets of
 * bits (words.h); the rules of rules.c ask for bits that stand on one line, or in one
 * skill. Names of skills are never looked at.
 */
#include "runtime/simulator/sim.h"

#include <string.h>

#include "runtime/base/text.h"
#include "runtime/simulator/rules.h"
#include "runtime/simulator/words.h"

#define SLOTS    1024 /* power of two, at least twice the words */
#define WORD_MAX 24
#define LONG     1200 /* bytes from which a skill costs attention */

struct sim_skill_line {
    uint64_t what, how;
    uint32_t topic;
    bool heading, use_line; /* "# ..." / "When to use: ..." */
};

struct sim_skill_reader {
    const struct sim_run *run;
    uint64_t wanted;
    struct sim_guidance *g;
    uint16_t slots[SLOTS]; /* index into sim_words, plus one */
    uint8_t letter[256];   /* lower-case form of what a word is made of; 0: none of it */
    /* the skill that is being read */
    size_t bytes;
    uint32_t topic, described; /* of its scope; of its description alone */
    bool only, failures, in_scope;
    uint64_t what, once, twice; /* bits of all its lines; habits that lines switch off */
    uint64_t hedged;            /* habits that hedged lines would switch off */
    uint64_t on, some;
    bool minus_one, never_post;
};

static uint32_t word_hash(uint32_t h, uint8_t c)
{
    return (h ^ c) * 16777619u;
}

static void make_table(struct sim_skill_reader *d)
{
    for (int c = 0; c < 256; c++)
        d->letter[c] = (uint8_t)(ascii_isalnum((char)c) || c == '_' ? ascii_lower((char)c) : 0);
    for (unsigned i = 0; i < sim_n_words; i++) {
        uint32_t h = 2166136261u;
        for (const char *s = sim_words[i].word; *s; s++)
            h = word_hash(h, (uint8_t)*s);
        uint32_t at = h & (SLOTS - 1);
        while (d->slots[at])
            at = (at + 1) & (SLOTS - 1);
        d->slots[at] = (uint16_t)(i + 1);
    }
}

static const struct sim_word *find_word(const struct sim_skill_reader *d, uint32_t h, const char *s,
                                        size_t n)
{
    for (uint32_t at = h & (SLOTS - 1); d->slots[at]; at = (at + 1) & (SLOTS - 1)) {
        const struct sim_word *w = &sim_words[d->slots[at] - 1];
        if (strncmp(w->word, s, n) == 0 && w->word[n] == '\0')
            return w;
    }
    return NULL;
}

/* Words in a row mean more than each: at which word of the line something was said (0: not yet). */
struct sim_word_flow {
    unsigned n, always, never, include, full;
};

static void add_word(struct sim_skill_line *l, struct sim_word_flow *f, const struct sim_word *w)
{
    f->n++;
    if (!w)
        return;
    l->what |= w->what;
    l->how |= w->how;
    l->topic |= w->topic;
    if ((w->what & BIT(W_ORDER)) && f->always && f->n - f->always <= 3)
        l->how |= BIT(R_ALWAYS_ORDER);
    if ((w->what & BIT(W_ORDER)) && f->never && f->n - f->never <= 3)
        l->how |= BIT(R_NEVER_ORDER);
    if ((w->what & BIT(W_UNIT)) && f->include && f->n - f->include <= 3)
        l->how |= BIT(R_INCLUDE_UNIT);
    if ((w->what & BIT(W_SENTENCE)) && f->full && f->n - f->full <= 2)
        l->how |= BIT(R_FULL_SENTENCE);
    if (w->how & BIT(R_ALWAYS))
        f->always = f->n;
    if (w->how & BIT(R_NEVER))
        f->never = f->n;
    if (w->how & BIT(R_INCLUDE))
        f->include = f->n;
    if (w->how & BIT(R_FULL))
        f->full = f->n;
}

/* What stands around a word: -1, Patient/, code=K (good), code=2823-3 (a LOINC code). */
static void look_around(struct sim_skill_line *l, const char *s, size_t n, const char *line,
                        const char *end)
{
    if (n == 1 && *s == '1' && s > line && s[-1] == '-' &&
        (s - 1 == line || !(ascii_isalnum(s[-2]) || s[-2] == '-')))
        l->what |= BIT(W_MINUS1);
    if (n == 7 && s + n < end && s[n] == '/' && ascii_lower(*s) == 'p')
        l->what |= BIT(W_PATIENT_SLASH);
    if (n == 4 && s + n + 1 < end && s[n] == '=' && memcmp(s, "code", 4) == 0) {
        const char *p = s + n + 1;
        while (p < end && ascii_isdigit(*p))
            p++;
        bool loinc = p > s + n + 1 && p < end && *p == '-';
        if (loinc)
            l->how |= BIT(R_LOINC_CODE);
        else
            l->what |= BIT(W_CODE_EQ);
    }
}

/* One line of the text, which may be the raw inside of a JSON string (its line ends are the two
 * characters \n). Returns its end. */
static const char *read_line(const struct sim_skill_reader *d, const char *p, const char *end,
                             struct sim_skill_line *l)
{
    struct sim_word_flow f = {0};
    const char *line = p;
    *l = (struct sim_skill_line){0};
    while (p < end && *p == ' ')
        p++;
    l->heading = p < end && *p == '#';
    l->use_line = end - p > 12 && (*p == 'W' || *p == 'w') && memcmp(p + 1, "hen to use", 10) == 0;
    while (p < end && *p != '\n') {
        if (*p == '\\' && p + 1 < end) {
            if (p[1] == 'n')
                break;
            p += p[1] == 'u' ? (end - p < 6 ? end - p : 6) : 2;
            continue;
        }
        if (!d->letter[(uint8_t)*p]) {
            p++;
            continue;
        }
        const char *from = p;
        uint32_t h = 2166136261u;
        char low[WORD_MAX + 1];
        uint8_t c;
        while (p < end && (c = d->letter[(uint8_t)*p])) {
            if (p - from < WORD_MAX)
                low[p - from] = (char)c;
            h = word_hash(h, c);
            p++;
        }
        size_t n = (size_t)(p - from);
        look_around(l, from, n, line, end);
        add_word(l, &f, n <= WORD_MAX ? find_word(d, h, low, n) : NULL);
    }
    return p;
}

/* Too broad rules, from a line that recommends something. */
static void read_harm(struct sim_skill_reader *d, const struct sim_skill_line *l)
{
    uint64_t how = l->how, what = l->what;
    bool negated = how & (BIT(R_NOT) | BIT(R_NEVER)), cond = how & BIT(R_IF);
    if (d->failures || (how & BIT(R_WRONG)))
        return;
    if ((what & BIT(W_NEXT)) && (what & BIT(W_PAGE)) && negated)
        d->on |= HABIT(HAB_FIRST_PAGE);
    if ((how & BIT(R_NEVER_ORDER)) && !cond)
        d->never_post = true;
    if (negated)
        return;
    if ((how & BIT(R_DOUBT)) && (what & BIT(W_ORDER)))
        d->some |= HABIT(HAB_ANYWAY);
    if ((how & BIT(R_REMARK)) && (how & BIT(R_INCLUDE)))
        d->some |= HABIT(HAB_SENTENCE);
    if ((how & BIT(R_SAY)) && (what & BIT(W_BEFORE)) && (what & BIT(W_ONLY_ACTION)))
        d->some |= HABIT(HAB_PROSE);
    if (how & BIT(R_LOINC_CODE))
        d->on |= HABIT(HAB_LOINC);
    if ((what & BIT(W_FINISH)) &&
        ((how & BIT(R_CONFIRM)) || ((how & BIT(R_ID)) && (what & BIT(W_ORDER)))))
        d->on |= HABIT(HAB_CONFIRM);
    if (cond)
        return;
    if (how & BIT(R_ALWAYS_ORDER))
        d->on |= HABIT(HAB_ANYWAY);
    if ((what & BIT(W_MINUS1)) && (how & BIT(R_ALWAYS)) && !(what & BIT(W_MISSING)))
        d->minus_one = true;
    if ((how & BIT(R_ALWAYS)) && (what & BIT(W_24)) && (what & BIT(W_HOUR)) && !(what & BIT(W_NOW)))
        d->on |= HABIT(HAB_WINDOW_ALL);
    if (how & BIT(R_INCLUDE_UNIT))
        d->on |= HABIT(HAB_UNIT);
    if (how & BIT(R_FULL_SENTENCE))
        d->on |= HABIT(HAB_SENTENCE);
}

static void read_rules(struct sim_skill_reader *d, const struct sim_skill_line *l)
{
    bool plain = !d->failures && !(l->how & (BIT(R_NOT) | BIT(R_NEVER) | BIT(R_WRONG)));
    for (const struct sim_rule *rule = sim_rules; rule->habit != HABITS; rule++) {
        uint64_t bit = HABIT(rule->habit);
        if (!(d->wanted & bit) || !(l->what & rule->all[0]) || rule->scope == RULE_SKILL ||
            (rule->scope == RULE_PLAIN && !plain))
            continue;
        if ((!rule->all[1] || (l->what & rule->all[1])) &&
            (!rule->all[2] || (l->what & rule->all[2]))) {
            if (l->how & BIT(R_HEDGE)) {
                d->hedged |= bit;
                continue;
            }
            d->twice |= d->once & bit;
            d->once |= bit;
        }
    }
}

/* Whether a skill with these topics speaks of this family. */
static bool applies(const struct sim_skill_reader *d)
{
    uint32_t special = ~(uint32_t)(BIT(T_ANY) | BIT(T_LAB) | BIT(T_WRITE) | BIT(T_PATIENT));
    uint32_t mine = sim_topics[d->run->family], topic = d->topic;
    if (topic == 0)
        return true;
    /* "only for potassium", or a description that names one thing: what is said in general beside
     * it does not widen it. */
    if ((d->only && (topic & special)) ||
        ((d->described & special) && !(d->described & BIT(T_LAB))))
        topic &= special;
    return (topic & mine) || (topic & BIT(T_ANY));
}

/* The end of a skill: what it says is added to the guidance if it is about this task. */
static void end_skill(struct sim_skill_reader *d)
{
    struct sim_guidance *g = d->g;
    g->skills++;
    if (applies(d)) {
        for (const struct sim_rule *rule = sim_rules; rule->habit != HABITS; rule++) {
            uint64_t bit = HABIT(rule->habit);
            if (rule->scope == RULE_SKILL && (d->wanted & bit) && (d->what & rule->all[0]) &&
                (!rule->all[1] || (d->what & rule->all[1])))
                d->once |= bit, d->twice |= bit;
        }
        /* A weak model needs to be told twice. */
        uint64_t off = sim_profile(d->run->settings) == PROFILE_WEAK ? d->twice : d->once;
        g->off |= off;
        g->half |= d->hedged;
        g->on |= d->on;
        g->some |= d->some;
        g->minus_one |= d->minus_one;
        g->never_post |= d->never_post;
        g->obsolete += !off && !d->hedged && d->bytes > LONG;
    }
    d->bytes = 0;
    d->topic = d->described = 0;
    d->what = d->once = d->twice = d->hedged = d->on = d->some = 0;
    d->only = d->failures = d->in_scope = d->minus_one = d->never_post = false;
}

/* "Wrong:" and "Right:" in an example say which side the next lines are on. */
static void example_side(struct sim_skill_reader *d, const char *p, const char *end)
{
    static const struct {
        const char *word;
        bool failures;
    } sides[] = {{"Wrong", true}, {"Incorrect", true}, {"Right", false}, {"Correct", false}};
    while (p < end && (*p == '*' || *p == ' '))
        p++;
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
        size_t n = strlen(sides[i].word);
        const char *colon = memchr(p, ':', (size_t)(end - p));
        if ((size_t)(end - p) > n && memcmp(p, sides[i].word, n) == 0 && colon && end - colon < 4)
            d->failures = sides[i].failures;
    }
}

static void read_text(struct sim_skill_reader *d, struct sim_text text)
{
    const char *p = text.s, *end = p + text.n;
    bool begun = false, after_heading = false;
    struct sim_skill_line l;
    while (p < end) {
        const char *from = p;
        p = read_line(d, p, end, &l);
        if (l.use_line && after_heading) { /* "## Skill: x", then "When to use: ..." */
            if (begun)
                end_skill(d);
            else
                d->topic = 0, d->bytes = 0,
                d->what = d->once = d->twice = d->hedged = d->on = d->some = 0;
            begun = true;
            d->failures = false;
        }
        if (l.heading) {
            const char *fail = memmem(from, (size_t)(p - from), "ail", 3); /* Failure, fail */
            d->failures = fail != NULL;
            d->in_scope = memmem(from, (size_t)(p - from), "Use", 3) ||
                          memmem(from, (size_t)(p - from), "rigger", 6);
        }
        if (!l.heading && p - from < 40)
            example_side(d, from, p);
        if (l.use_line || (d->in_scope && !l.heading)) {
            d->topic |= l.topic;
            d->described |= l.use_line ? l.topic : 0;
            d->only |= (l.how & BIT(R_ONLY)) != 0;
        }
        if (!l.heading && l.what | l.how) {
            d->what |= l.what;
            read_rules(d, &l);
            read_harm(d, &l);
        }
        d->bytes += (size_t)(p - from);
        if (p > from)
            after_heading = l.heading;
        p += p < end && *p == '\\' ? 2 : 1;
    }
    if (begun || d->bytes > 2)
        end_skill(d);
}

void sim_read_skills(const struct sim_run *r, uint64_t wanted, struct sim_guidance *g)
{
    if (r->skills.n <= 4 && r->block.n == 0)
        return; /* "", null, [] */
    struct sim_skill_reader d = {.run = r, .wanted = wanted, .g = g};
    make_table(&d);
    if (r->skills.n > 4)
        read_text(&d, (struct sim_text){r->skills.s + 1, r->skills.n - 2});
    if (r->block.n)
        read_text(&d, r->block);
}
