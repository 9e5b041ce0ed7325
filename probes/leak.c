/*
 * leak.c - what an edit must not quote, and whether it does.
 *
 * A skill that names a task or its answer would pass the gate on that task and be worth nothing on
 * any other. Ids and texts made of letters and digits are looked up word by word, so that a library
 * of thousands of tasks costs no more than one; the rest is searched for.
 */
#include "probes/leak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/text.h"

enum leak_kind { LEAK_ID, LEAK_PATIENT, LEAK_SOLUTION, LEAK_NUMBER };

/* A string that must not appear. Numbers (`value`) do only together with their `patient`. */
struct leak_secret {
    enum leak_kind kind;
    char *text;
    char *patient; /* LEAK_NUMBER only */
};

struct leak_guard {
    struct leak_secret *words; /* made of word characters alone: sorted, looked up word by word */
    size_t n_words;
    struct leak_secret *phrases; /* the others: searched for */
    size_t n_phrases;
};

/* Shorter texts, and shorter runs of digits, are too common to be anybody's. */
#define SHORTEST_TEXT   3
#define SHORTEST_DIGITS 5
#define LONGEST_WORD    128

static bool word_char(char c)
{
    return ascii_isalnum(c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(const char *s)
{
    while (word_char(*s))
        s++;
    return *s == '\0';
}

static bool add(struct leak_guard *g, enum leak_kind kind, const char *text, const char *patient)
{
    bool word = kind != LEAK_NUMBER && is_word(text) && strlen(text) < LONGEST_WORD;
    struct leak_secret **list = word ? &g->words : &g->phrases, s = {.kind = kind};
    size_t *n = word ? &g->n_words : &g->n_phrases;

    if (kind != LEAK_NUMBER &&
        strlen(text) < (text[strspn(text, "0123456789")] ? SHORTEST_TEXT : SHORTEST_DIGITS))
        return true;
    if ((*n & (*n - 1)) == 0) { /* full at every power of two */
        struct leak_secret *grown = realloc(*list, (*n ? 2 * *n : 1) * sizeof(**list));
        if (!grown)
            return false;
        *list = grown;
    }
    s.text = str_dup(text);
    s.patient = str_dup(patient);
    (*list)[(*n)++] = s;
    return s.text && (s.patient || !patient);
}

/* What the task's own wording shows ("Patient not found") is no secret. */
static bool shown(const struct task *task, const char *text)
{
    return strstr(task->instruction, text) || (task->context && strstr(task->context, text));
}

static bool add_solution(struct leak_guard *g, const struct task *task, const json_t *v)
{
    char number[32];
    double d;

    if (json_is_string(v)) {
        const char *s = json_string_value(v);
        if (str_to_double(s, &d))
            return !task->mrn || add(g, LEAK_NUMBER, s, task->mrn);
        return shown(task, s) || add(g, LEAK_SOLUTION, s, NULL);
    }
    if (json_is_number(v) && task->mrn) {
        snprintf(number, sizeof(number), "%.15g", json_number_value(v));
        return add(g, LEAK_NUMBER, number, task->mrn);
    }
    return true;
}

static bool add_task(struct leak_guard *g, const struct task *task)
{
    json_t *sol = task->raw ? json_object_get(task->raw, "sol") : NULL, *v;
    size_t i;

    if (!add(g, LEAK_ID, task->id, NULL) ||
        (task->mrn && *task->mrn && !add(g, LEAK_PATIENT, task->mrn, NULL)))
        return false;
    if (json_is_array(sol))
        json_array_foreach (sol, i, v) {
            if (!add_solution(g, task, v))
                return false;
        }
    else if (sol && !add_solution(g, task, sol))
        return false;
    return true;
}

static int by_text(const void *a, const void *b)
{
    const struct leak_secret *x = a, *y = b;
    int d = strcasecmp(x->text, y->text);
    return d ? d : (int)x->kind - (int)y->kind;
}

struct leak_guard *leak_guard_new(const struct task_set *const *sets, size_t n)
{
    struct leak_guard *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; sets[i] && j < sets[i]->n; j++)
            if (!add_task(g, &sets[i]->v[j])) {
                leak_guard_free(g);
                return NULL;
            }
    if (g->n_words)
        qsort(g->words, g->n_words, sizeof(*g->words), by_text);
    return g;
}

static void free_list(struct leak_secret *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].text);
        free(list[i].patient);
    }
    free(list);
}

void leak_guard_free(struct leak_guard *guard)
{
    if (!guard)
        return;
    free_list(guard->words, guard->n_words);
    free_list(guard->phrases, guard->n_phrases);
    free(guard);
}

/* `needle` stands in `text` between characters that do not continue it as a word; a digit after a
 * decimal point continues a number. */
static bool quoted(const char *text, const char *needle)
{
    size_t len = strlen(needle);
    bool number = ascii_isdigit(needle[len - 1]);

    for (const char *p = text; (p = str_casestr(p, needle)); p++) {
        bool before = p > text && word_char(p[-1]) && word_char(*needle);
        bool after = word_char(p[len]) && word_char(needle[len - 1]);
        if (number && p > text + 1 && p[-1] == '.' && ascii_isdigit(p[-2]))
            before = true;
        if (number && p[len] == '.' && ascii_isdigit(p[len + 1]))
            after = true;
        if (!before && !after)
            return true;
    }
    return false;
}

static bool found(const struct leak_secret *s, char *what, size_t size)
{
    static const char *const names[] = {"task id", "patient identifier", "solution", "solution"};

    if (what && s->patient)
        snprintf(what, size, "%s %s of patient %s", names[s->kind], s->text, s->patient);
    else if (what)
        snprintf(what, size, "%s %s", names[s->kind], s->text);
    return true;
}

bool leak_guard_hit(const struct leak_guard *guard, const char *text, char *what, size_t size)
{
    char word[LONGEST_WORD];
    struct leak_secret key = {.kind = LEAK_ID, .text = word};

    if (!guard)
        return false;
    for (const struct leak_secret *s = guard->phrases; s < guard->phrases + guard->n_phrases; s++)
        if (quoted(text, s->text) && (!s->patient || quoted(text, s->patient)))
            return found(s, what, size);
    for (const char *p = text; *p;) {
        size_t len = 0;
        while (word_char(p[len]))
            len++;
        if (len == 0) {
            p++;
            continue;
        }
        if (len < sizeof(word)) {
            memcpy(word, p, len);
            word[len] = '\0';
            for (size_t lo = 0, hi = guard->n_words; lo < hi;) {
                size_t mid = lo + (hi - lo) / 2;
                int d = strcasecmp(key.text, guard->words[mid].text);
                if (d == 0)
                    return found(&guard->words[mid], what, size);
                if (d < 0)
                    hi = mid;
                else
                    lo = mid + 1;
            }
        }
        p += len;
    }
    return false;
}

/* A slug that was made of "as in task3_7" is "as-in-task3-7": any run of its parts may be an id. */
static bool name_hit(const struct leak_guard *guard, const char *name, char *what, size_t size)
{
    char text[LONGEST_WORD];
    size_t n = strlen(name);

    if (leak_guard_hit(guard, name, what, size))
        return true;
    if (n >= sizeof(text)) /* longer than any name may be */
        return false;
    for (size_t from = 0; from < n; from++) {
        if (from && name[from - 1] != '-')
            continue;
        memcpy(text, name, n + 1);
        for (size_t i = from; i < n; i++)
            if (text[i] == '-') {
                text[i] = '_';
                if (leak_guard_hit(guard, text + from, what, size))
                    return true;
            }
    }
    return false;
}

bool leak_guard_edit(const struct leak_guard *guard, const struct leak_edit *edit, char *what,
                     size_t size)
{
    if ((edit->name && name_hit(guard, edit->name, what, size)) ||
        (edit->description && leak_guard_hit(guard, edit->description, what, size)) ||
        (edit->content && leak_guard_hit(guard, edit->content, what, size)) ||
        (edit->reason && leak_guard_hit(guard, edit->reason, what, size)))
        return true;
    for (size_t i = 0; edit->tags && i < edit->tags->n; i++)
        if (leak_guard_hit(guard, edit->tags->v[i], what, size))
            return true;
    return false;
}
