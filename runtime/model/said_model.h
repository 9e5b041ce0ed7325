/*
 * said_model.h - a model in front of the journal that hands on what was said and not what was
 * thought (said.h): the one way in which rollouts and the writer see a reply.
 */
#ifndef GRASP_RUNTIME_MODEL_SAID_MODEL_H
#define GRASP_RUNTIME_MODEL_SAID_MODEL_H

#include "runtime/model/model.h"

struct said_counts {
    int64_t kinds[SAID_KINDS]; /* answers, those from the journal too */
    int64_t context;           /* conversations that were too long */
};
/* keep: thinking that stands in the text stays there. Does not own `inner`. What was not a reply is
 * said once, when it is met first. */
int said_model(struct model **m, struct model *inner, bool keep);
/* A line for each kind of answer that was none: how many of all. NULL is fine. */
void said_model_report(const struct model *m);
const struct said_counts *said_model_counts(const struct model *m);

#endif
