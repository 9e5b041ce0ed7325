/* score.h - accuracy by family, tables, and the result files of a split (DESIGN.md section 8). */
#ifndef GRASP_RUNTIME_ENGINE_SCORE_H
#define GRASP_RUNTIME_ENGINE_SCORE_H

#include <stdio.h>

#include "runtime/base/hash.h"
#include "runtime/engine/endings.h"

struct family_score {
    char *family;
    int correct, total, unscored;
};
struct score {
    struct family_score *v; /* by natural order of name: task2 before task10 */
    size_t n;
    int correct, total, unscored; /* total: scored ones */
    struct endings endings;
    char texts[HASH_HEX]; /* of what the agents were told (prompt.texts); "": ours */
};
int score_of(const struct group *g, struct score *s);
void score_release(struct score *s);
/* GRASP_EOUTAGE when fewer than this share of the rollouts could be scored (DESIGN.md D10). Says so
 * when at least half of them ended in one and the same non-answer. */
int score_covered(const struct score *s, double floor, const char *what, const struct engine *e);
double score_share(int correct, int total); /* 0 for nothing */
/* One table: a row per family, a column per score; names are the columns' headings. Beside a score
 * stands that of doing nothing, where `idle` has it (idle.h). */
void score_table(FILE *out, const struct score *const *scores, const struct score *const *idle,
                 const char *const *names, size_t n);
/* {score, n_correct, n_total, interval, unscored, endings, by_family}. New reference. */
json_t *score_to_json(const struct score *s);
/* DIR/NAME_runs.jsonl and DIR/NAME_score.json, which begins with the members of `first` (NULL: none).
 * Rollouts that have not ended are left out. */
int score_write(const char *dir, const char *name, const struct group *g, const struct score *s,
                const json_t *first);

#endif
