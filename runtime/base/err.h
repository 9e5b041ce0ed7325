/*
 * err.h - return codes and the one error message.
 *
 * Functions that can fail return 0 or a negative GRASP_E* code. The place that knows file, line and
 * what to do about it sets the message once:
 *
 *     if (fd < 0)
 *         return err_set_errno(GRASP_EIO, "cannot open '%s'", path);
 *
 * Callers hand the code on, and add context only when they have some (err_prefix). The message is
 * untouched on success. There is one slot per thread.
 */
#ifndef GRASP_RUNTIME_BASE_ERR_H
#define GRASP_RUNTIME_BASE_ERR_H

enum grasp_error {
    GRASP_OK = 0,
    GRASP_EINVAL = -1,    /* input that is wrong: a file, a key, an argument */
    GRASP_ENOTFOUND = -2, /* what was asked for is not there */
    GRASP_EIO = -3,       /* the operating system refused: disk full, permission, port in use */
    GRASP_ENOMEM = -4,    /* out of memory */
    GRASP_EPARSE = -5,    /* text that does not parse */
    GRASP_ECONFLICT = -6, /* somebody else moved it: a branch tip, a lock, a version */
    GRASP_ELIMIT = -7,    /* a bound was exceeded: size, depth, capacity */
    GRASP_EOUTAGE = -8,   /* model or FHIR server out of reach after retries */
    GRASP_ESTOPPED = -9,  /* a signal or a budget stopped it; resumable (exit code 3) */
    GRASP_EUSAGE = -10,   /* wrong command line (exit code 2) */
    GRASP_EREFUSED =
        -11, /* refused by a rule: foreign library, dirty tree, changed configuration */
};

/* Sets the message and returns `code`, so that `return err_set(...)` reads well. */
int err_set(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As err_set, with ": " and strerror(errno) appended. */
int err_set_errno(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* GRASP_ENOMEM, "out of memory". */
int err_oom(void);
/* Puts "context: " before the present message; returns `code`. */
int err_prefix(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The present message, never NULL; valid until the next err_* call of this thread. */
const char *err_msg(void);
/* The code that goes with it; 0 when there is none. */
int err_code(void);
void err_clear(void);
/* The process exit code of a GRASP_E* code: 0, 1, 2 (usage) or 3 (stopped, outage). */
int err_exit_code(int code);

#endif
