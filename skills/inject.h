/*
 * inject.h - which skills the executor sees and how (spec/method.md, "Injection"). Pure.
 */
#ifndef GRASP_SKILLS_INJECT_H
#define GRASP_SKILLS_INJECT_H

#include <stddef.h>

#include "runtime/base/chat.h"
#include "skills/skill.h"

/* The rendered block of all (or chosen) skills: preamble, then heading, "when to use" and body of
 * each. Nothing for an empty choice. pick NULL: all of them in library order. */
void inject_render(const struct skill_set *set, const size_t *pick, size_t n, struct buf *out);

/* Ranks all skills for a conversation: order[i] indexes set->v, best first; scores[i] is that of
 * order[i] (may be NULL). 0 or GRASP_ENOMEM. */
int inject_rank(const struct skill_set *set, const struct chat *chat, size_t *order, int *scores);

/* A ranker prepared once per library revision, for rollouts (no parsing of skills per turn). */
struct ranker;
struct ranker *ranker_new(const struct skill_set *set);
void ranker_free(struct ranker *r);
int ranker_rank(const struct ranker *r, const struct chat *chat, size_t *order, int *scores);

#endif
