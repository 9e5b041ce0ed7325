/*
 * reply.h - the JSON in a model's reply, whatever stands around it. The text is hostile.
 *
 *     static const char *const keys[] = {"labels", "new_labels", NULL};
 *     static const struct reply_shape shape = {.keys = keys, .type = JSON_OBJECT};
 *     struct reply_fault fault;
 *     json_t *v = reply_read(text, len, &shape, &fault);
 *     if (!v) log_warn("%s", fault.text);        // "cut off: ...", "unparseable: ..."
 *
 * What is taken: of all values that have the shape those in a code fence first, then the largest,
 * then the last; a value that the reply ends in goes before whole ones of its kind (fenced or
 * not). Objects of a list, or of any of the keys, with nothing but blanks, commas and comments
 * between them (an edit a line) count as one. A value may be wrapped ({"edits": [...]}). Never
 * taken is what stands inside a value that could not be read, or in a closed block of thinking
 * (its beginning may be missing). What models do to JSON is put right: comments, commas too many,
 * raw newlines and needless backslashes in strings, keys without quotes, quotes of other kinds,
 * Python's True, False and None.
 */
#ifndef GRASP_SKILLS_REPLY_H
#define GRASP_SKILLS_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define REPLY_MAX (4U << 20) /* bytes of a reply that are looked at */

/* What a reply should hold: an object with the key keys[0], or a list of such objects (one alone
 * will do). The other keys tell a value that was meant to be one from an accident. */
struct reply_shape {
    bool list;
    bool any;                  /* each of the keys does as well as the first */
    const char *const *keys;   /* ends with NULL. NULL: any object */
    int type;                  /* of what the key holds, a json_type; negative: any */
    const char *const *values; /* texts that it should hold, in any case; another text is second
                                  choice. Ends with NULL; NULL: any */
};

enum reply_state {
    REPLY_READ,
    REPLY_NOTHING,     /* no value of the shape, and nothing that was meant to be one */
    REPLY_CUT,         /* it ends inside the value */
    REPLY_UNPARSEABLE, /* what was meant to be the value is no JSON */
    REPLY_TOO_LONG
};
struct reply_fault {
    enum reply_state state;
    char text[400]; /* one line: what is wrong, where, and the first words of the reply */
};

/* A new reference: an object of the shape, or for a list the array (empty only when no other value
 * of the shape stands in the reply). NULL: *fault says why. Bounded in size (REPLY_MAX), depth (64)
 * and work. */
json_t *reply_read(const char *text, size_t len, const struct reply_shape *shape,
                   struct reply_fault *fault);

#endif
