/*
 * explain.h - what a configuration key means, in words: `grasp help KEY` and grasp-config(5), from the
 * table of keys (type, bounds, default) and a text for each beside it.
 *
 *     struct buf out = BUF_INIT;
 *     if (config_explain(&out, "cycle.epochs") < 0) ...  // the message names the nearest key
 */
#ifndef GRASP_RUNTIME_CONFIG_EXPLAIN_H
#define GRASP_RUNTIME_CONFIG_EXPLAIN_H

#include <stdbool.h>

#include "runtime/base/buf.h"

/* Appends name, type with bounds or choices, default, meaning, an example and since when the key is there;
 * of a section ("cycle") one line for each of its keys. GRASP_EUSAGE where there is neither. */
int config_explain(struct buf *out, const char *name);
/* Whether `name` is a key or a section. */
bool config_explains(const char *name);
/* Appends grasp-config(5) as troff. */
void config_man(struct buf *out);

#endif
