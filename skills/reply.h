/* reply.h - the JSON in a model's reply, whatever stands around it. The text is hostile. */
#ifndef GRASP_SKILLS_REPLY_H
#define GRASP_SKILLS_REPLY_H

#include <jansson.h>
#include <stddef.h>

#define REPLY_MAX (4U << 20) /* bytes of a reply that are looked at */

/* The first balanced JSON value of the wanted kind ('[' or '{') in a reply with prose, fences or
 * nonsense around it; new reference or NULL. Text up to the last "</think>" is passed over. Slips
 * that models make (raw newlines in strings, needless backslashes, a comma too many) are put right.
 * Bounded in size (REPLY_MAX), depth (64) and work. */
json_t *reply_json(const char *text, size_t len, char open);

#endif
