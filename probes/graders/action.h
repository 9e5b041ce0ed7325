/*
 * action.h - what a message of the agent stands for: GET, POST or FINISH, as the benchmark's own
 * environment reads it. Pure; used by whoever runs agents, reads their logs or explains them.
 *
 *     struct buf clean = BUF_INIT;
 *     struct agent_action a;
 *     agent_action_read(&a, reply, len, &clean);     // "```\nFINISH([1])\n```"
 *     if (a.verb == AGENT_FINISH) ...                // a.text: "[1]"
 *     buf_release(&clean);                           // and with it a.text and a.payload
 *
 * Code fences are dropped wherever they stand, then blanks around the rest, by characters and as
 * Python knows them. Graders do not read messages so: see grading_private.h.
 */
#ifndef GRASP_PROBES_GRADERS_ACTION_H
#define GRASP_PROBES_GRADERS_ACTION_H

#include <stddef.h>

#include "runtime/base/buf.h"

enum agent_verb {
    AGENT_NONE, /* anything else: an invalid action */
    AGENT_GET,
    AGENT_POST,
    AGENT_FINISH,
};

struct agent_action {
    enum agent_verb verb;
    const char *text; /* GET, POST: the URL without outer blanks. FINISH: the answer, which is all
                         between "FINISH(" and the last character, whatever that is. NONE: all */
    size_t len;
    const char *said; /* the whole message, cleaned */
    size_t said_len;
    const char *payload; /* POST: what stands below the first line */
    size_t payload_len;
};

/* Appends the message without fences and blanks to `clean`, into which *a points. When memory is out
 * the action is that of what is there: buf_check(clean) tells. */
void agent_action_read(struct agent_action *a, const char *reply, size_t len, struct buf *clean);

#endif
