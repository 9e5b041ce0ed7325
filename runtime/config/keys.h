/* keys.h - the table of configuration keys. */
#ifndef GRASP_RUNTIME_CONFIG_KEYS_H
#define GRASP_RUNTIME_CONFIG_KEYS_H

#include <stddef.h>

enum key_type {
    KEY_STRING,
    KEY_PATH,
    KEY_INT,
    KEY_REAL,
    KEY_BOOL,
    KEY_ENUM,
    KEY_LIST,
    KEY_PATHS,
    KEY_OBJECT
};
/* KEY_HARMLESS: may change between resumes of one run; KEY_DATA: a path that is looked for beside the
 * file and in the working directory. */
enum { KEY_HARMLESS = 1, KEY_SECRET = 2, KEY_ALIAS = 4, KEY_DATA = 8 };

struct config_key {
    const char *name; /* "cycle.epochs" */
    enum key_type type;
    size_t offset;        /* into struct config */
    const char *fallback; /* as YAML; NULL: absent (NULL, -1 for a KEY_REAL) */
    double min, max;
    const char *const *choices; /* KEY_ENUM: NULL-terminated, index is the value */
    int flags;
};

/* Ends with a zero entry. */
extern const struct config_key config_keys[];
const struct config_key *config_key_find(const char *name); /* NULL: there is none */

#endif
