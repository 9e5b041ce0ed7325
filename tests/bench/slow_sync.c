/*
 * slow_sync.c - a library to preload: every flush takes SYNC_MS longer, as on a disk that is one, and
 * how many there were is appended to SYNC_COUNT when the process ends ("fsync 3 fdatasync 4 ...").
 *
 *     cc -shared -fPIC -o slow_sync.so slow_sync.c -ldl
 *     LD_PRELOAD=./slow_sync.so SYNC_MS=10 SYNC_COUNT=syncs PROGRAM...
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { FSYNC, FDATASYNC, MSYNC, SYNCFS, KINDS };
static const char *const names[] = {"fsync", "fdatasync", "msync", "syncfs"};
static atomic_int counts[KINDS];

static void slow(int kind)
{
    const char *ms = getenv("SYNC_MS");
    long n = ms ? strtol(ms, NULL, 10) : 0;
    struct timespec t = {n / 1000, n % 1000 * 1000000};
    counts[kind]++;
    if (n > 0)
        nanosleep(&t, NULL);
}

#define FLUSH(kind, name, params, args)                                                            \
    int name params                                                                                \
    {                                                                                              \
        int(*real) params = (int(*) params)dlsym(RTLD_NEXT, #name);                                \
        slow(kind);                                                                                \
        return real args;                                                                          \
    }

FLUSH(FSYNC, fsync, (int fd), (fd))
FLUSH(FDATASYNC, fdatasync, (int fd), (fd))
FLUSH(MSYNC, msync, (void *at, size_t len, int flags), (at, len, flags))
FLUSH(SYNCFS, syncfs, (int fd), (fd))

__attribute__((destructor)) static void say(void)
{
    const char *path = getenv("SYNC_COUNT");
    FILE *f = path ? fopen(path, "a") : NULL;
    int sum = 0;
    if (!f)
        return;
    for (int i = 0; i < KINDS; i++) {
        fprintf(f, "%s %d ", names[i], counts[i]);
        sum += counts[i];
    }
    fprintf(f, "all %d\n", sum);
    fclose(f);
}
