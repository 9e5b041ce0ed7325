/* reply_scan.h - one JSON value as models write it (private to this folder; see reply.h). */
#ifndef GRASP_SKILLS_REPLY_SCAN_H
#define GRASP_SKILLS_REPLY_SCAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct scan {
    const char *at; /* behind the value, or where it failed */
    bool cut;       /* the text ended inside it */
    char why[160];  /* what was expected */
};
/* The value that begins with the bracket at `p`: a new reference, or NULL with *s filled. `*work`
 * falls by the bytes looked at; at 0 there is no value any more. */
json_t *scan_value(struct scan *s, const char *p, const char *end, size_t *work);
/* Behind the bracket that closes the one at `p`, when brackets outside of double quotes are all
 * that is looked at; NULL: there is none. */
const char *scan_balance(const char *p, const char *end, size_t *work);
/* Whether what follows the bracket at `p` could go on as JSON. *key: the first key of the first
 * object, NULL when that is not to be seen. */
bool scan_looks_like_json(const char *p, const char *end, const char **key, size_t *key_len);

#endif
