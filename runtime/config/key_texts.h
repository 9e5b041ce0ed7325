/* key_texts.h - inside config/: the meaning of every configuration key. */
#ifndef GRASP_RUNTIME_CONFIG_KEY_TEXTS_H
#define GRASP_RUNTIME_CONFIG_KEY_TEXTS_H

#include <stddef.h>

struct key_text {
    const char *name;    /* "*.name": of `model` and `writer` */
    const char *meaning; /* sentences */
    const char *example; /* a value as YAML, other than the default where there is another */
    const char *since;   /* the version that brought it; NULL: the first one, 0.1.0 */
};

/* Ends with a zero entry. */
extern const struct key_text key_texts[];
/* Of "writer.name" the text of "*.name"; NULL: there is none, as for a KEY_ALIAS. */
const struct key_text *key_text_find(const char *name);

#endif
