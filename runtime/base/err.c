/* err.c - the per-thread error message. */
#include "runtime/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char slot[2048];
static _Thread_local int slot_code;

int err_set(int code, const char *fmt, ...)
{
    char text[sizeof(slot)]; /* the arguments may point into the slot */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    memcpy(slot, text, sizeof(slot));
    return slot_code = code;
}

int err_set_errno(int code, const char *fmt, ...)
{
    int saved = errno;
    char text[sizeof(slot) - 128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    snprintf(slot, sizeof(slot), "%s: %s", text, strerror(saved));
    return slot_code = code;
}

int err_oom(void)
{
    return err_set(GRASP_ENOMEM, "out of memory");
}

int err_prefix(int code, const char *fmt, ...)
{
    char text[sizeof(slot) / 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t used = strlen(text);
    memcpy(text + used, ": ", 2);
    used += 2;
    size_t rest = strlen(slot);
    if (rest > sizeof(slot) - 1 - used)
        rest = sizeof(slot) - 1 - used;
    memmove(slot + used, slot, rest);
    slot[used + rest] = '\0';
    memcpy(slot, text, used);
    return slot_code = code;
}

const char *err_msg(void)
{
    return slot[0] ? slot : "unknown error";
}

int err_code(void)
{
    return slot_code;
}

void err_clear(void)
{
    slot[0] = '\0';
    slot_code = 0;
}

int err_exit_code(int code)
{
    switch (code) {
    case GRASP_OK:
        return 0;
    case GRASP_EUSAGE:
        return 2;
    case GRASP_ESTOPPED:
    case GRASP_EOUTAGE:
        return 3;
    default:
        return 1;
    }
}
