/* fuzz_task.c - task files: an array or lines; the first byte says whether tasks need a patient. Every
 * task that is taken has what the header promises, and is found by its id. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probes/task.h"
#include "runtime/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    struct task_set set = {0};
    if (!size)
        return 0;
    if (fd < 0) {
        fd = memfd_create("tasks", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data + 1, size - 1, 0) != (ssize_t)(size - 1))
        abort();
    bool need = data[0] & 1;
    err_clear();
    if (task_set_load(&set, path, need) < 0) {
        if (set.n || set.v || strcmp(err_msg(), "unknown error") == 0)
            abort();
        return 0;
    }
    if (set.n == 0)
        abort();
    for (size_t i = 0; i < set.n; i++) {
        const struct task *t = &set.v[i];
        if (!*t->id || !t->instruction || !t->context || !t->family ||
            (need && !t->mrn && !json_object_get(t->raw, "sol")) || task_set_find(&set, t->id) != t)
            abort();
    }
    task_set_release(&set);
    return 0;
}
