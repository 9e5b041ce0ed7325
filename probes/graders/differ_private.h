/*
 * differ_private.h - private to the graders: in which way a value differs from the wanted one.
 *
 *     char how[DIFFERS_SIZE];
 *     differs_number(v, 101.57, how);   // "a number, but a rounded or cut form of the right one"
 *
 * What is told is the kind of difference: another type, the right value wrapped in something, a
 * time in another form. Neither value is repeated, so that a reason made of it quotes no solution.
 */
#ifndef GRASP_PROBES_GRADERS_DIFFER_PRIVATE_H
#define GRASP_PROBES_GRADERS_DIFFER_PRIVATE_H

#include "probes/literal/pyvalue.h"
#include "probes/task.h"

#define DIFFERS_SIZE 96

/* What stands for "there is none" where a number is asked for. */
#define NO_READING (-1.0)

/* The value is not the number `want`. */
void differs_number(const struct pyvalue *v, double want, char how[DIFFERS_SIZE]);
/* The value is not the text `want`, of which it need only hold the beginning of a time or a part
 * (`len` bytes). What the task says in its own words may be called so. */
void differs_text(const struct pyvalue *v, const char *want, size_t len, const struct task *task,
                  char how[DIFFERS_SIZE]);
/* The value is not this JSON value. */
void differs_json(const struct pyvalue *v, const json_t *want, const struct task *task,
                  char how[DIFFERS_SIZE]);

#endif
