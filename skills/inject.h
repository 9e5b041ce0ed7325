/*
 * inject.h - which skills the executor sees and how. Pure.
 *
 * The rules of ranking. Context: the texts of all messages joined by newlines, of these the last
 * 12,000 characters (code points, and never more than 48,000 bytes), in lower case. Tokens:
 * runs of [a-z0-9] longer than two characters that are not stop words. Each tag that has a term (a
 * token of its own) scores 3 when it stands in the context as whole words, else 2 when all its
 * terms are among the context's tokens, else 1 for each that is. score = 10 * tags + distinct
 * tokens of name, description and "When to Use" section that are in the context, + 1 for a skill
 * without tags.
 *
 * Lower case is that of ASCII, and of the two other characters whose lower case is an ASCII letter
 * (U+0130 and U+212A): tokens come out as with full Unicode rules. "Whole words" means that what
 * stands before and after is no letter, digit or '_', letters of other scripts included.
 */
#ifndef GRASP_SKILLS_INJECT_H
#define GRASP_SKILLS_INJECT_H

#include <stddef.h>

#include "runtime/base/buf.h"
#include "runtime/base/chat.h"
#include "skills/prompt.h"
#include "skills/skill.h"

/* The rendered block of all (or chosen) skills: preamble, then heading, "when to use" and body of
 * each. Nothing for an empty choice. pick NULL: all of them in library order. */
void inject_render(const struct skill_set *set, const size_t *pick, size_t n, struct buf *out);
/* The same by the user's template where there is one (NULL: ours). 0, GRASP_ENOMEM, or what that
 * template says wrong (prompts_render). */
int inject_render_by(const struct prompts *prompts, const struct skill_set *set, const size_t *pick,
                     size_t n, struct buf *out);

/* The order in which all of a set is shown, set->n indices: what was changed last (provenance: epoch,
 * update) stands last, so that a library and a candidate of it begin alike, to the changed skill;
 * ties by name. */
void inject_order(const struct skill_set *set, size_t *pick);

/* How many characters the block of all skills has. As inject_render_by. */
int inject_chars(const struct prompts *prompts, const struct skill_set *set, size_t *chars);

/* A ranker, prepared once for a library revision: no skill is parsed again in a rollout's turn. */
struct ranker;
struct ranker *ranker_new(const struct skill_set *set); /* NULL: no memory. Borrows nothing */
void ranker_free(struct ranker *r);
/* Ranks all skills for a conversation: order[i] indexes set->v, best first; scores[i] is that of
 * order[i] (may be NULL). 0 or GRASP_ENOMEM. May be called from several threads. */
int ranker_rank(const struct ranker *r, const struct chat *chat, size_t *order, int *scores);

#endif
