/*
 * key.h - an API key that is not in the configuration: it stands in a file, or a command prints it
 * (tokens that are good for an hour).
 */
#ifndef GRASP_RUNTIME_MODEL_KEY_H
#define GRASP_RUNTIME_MODEL_KEY_H

#include <stdint.h>

/* Reads the key anew; exactly one of file and command is given. White space at its ends is not part
 * of it. The command is run by /bin/sh and has `timeout_ns`; its standard error is shown. *key is the
 * caller's to free, and registered as a secret. GRASP_EINVAL and what happened: not readable, empty,
 * more than one line, failed, no answer in time. */
int key_read(const char *file, const char *command, int64_t timeout_ns, char **key);

/* The header line that carries the key, registered as a secret, in place of *line (malloc'ed or NULL);
 * nothing where there is no key. `name`: Authorization, which says Bearer, or another. GRASP_EINVAL: a
 * key that no header can hold. */
int key_header(const char *key, const char *name, char **line);

#endif
