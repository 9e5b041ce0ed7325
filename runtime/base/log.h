/*
 * log.h - messages for people: on stderr, and in a run's log file.
 *
 * Registered secrets (API keys) are blanked out wherever they would appear, also inside err_msg
 * texts that are logged; control sequences are made visible (buf_add_visible). Results go to stdout
 * (term.h) and never through here.
 */
#ifndef GRASP_RUNTIME_BASE_LOG_H
#define GRASP_RUNTIME_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* What reaches stderr (default LOG_INFO); a log file gets everything from LOG_DEBUG on. */
void log_set_level(enum log_level level);
/* Also append to this file, with time stamps. 0 or GRASP_EIO. NULL closes it. */
int log_open(const char *path);
void log_close(void);
/* Never show this text (at least 4 bytes; shorter ones are ignored), nor as it stands in URLs and
 * JSON. Copied. The process leaves no core file from now on. */
void log_secret(const char *secret);
/* Blanks registered secrets in place. */
void log_redact(char *text);
/* The same in what is kept or is a result: only secrets of at least 12 bytes, because a shorter one
 * (the "none" of a server that asks for no key) may be a word of its own there. */
void log_redact_data(char *bytes, size_t len);
/* Where the beginning of such a secret stands at the end of a text; `len` when there is none. */
size_t log_secret_begins(const char *bytes, size_t len);
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)

/* Whether a message of that level reaches stderr. */
bool log_shows(enum log_level level);
/* One line below the messages, redrawn: only where stderr is a terminal, which it must fit. NULL takes it
 * away (progress.h has what it says). */
void log_bar(const char *text);

#endif
