/*
 * rules.h - tables of rules.c that skills.c reads: which words switch a habit off, and
 * which topics of a skill a family belongs to.
 */
#ifndef GRASP_RUNTIME_SIMULATOR_RULES_H
#define GRASP_RUNTIME_SIMULATOR_RULES_H

#include <stdint.h>

#include "runtime/simulator/sim.h"

enum sim_rule_scope {
    RULE_LINE,  /* the words stand on one line */
    RULE_PLAIN, /* and the line is no negation and no example of a failure */
    RULE_SKILL, /* the words stand anywhere in the skill */
};
struct sim_rule {
    enum sim_habit habit;
    enum sim_rule_scope scope;
    uint64_t all[3]; /* a word of each set that is not 0 (words.h) */
};
extern const struct sim_rule sim_rules[]; /* ends with habit HABITS */
extern const uint32_t sim_topics[FAMILIES];

#endif
