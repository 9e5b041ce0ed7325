/* spent.c - one short record, written over in place: a process that is killed leaves the old or the
 * new one. */
#include "runtime/session/spent.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/err.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"

enum { RECORD = 256 };

static int read_record(int fd, const char *path, struct spending *out)
{
    char text[RECORD];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    json_t *v = NULL;
    *out = (struct spending){0};
    if (n < 0)
        return err_set_errno(GRASP_EIO, "cannot read '%s'", path);
    if (n == 0)
        return 0;
    v = json_loadb(text, (size_t)n, 0, NULL);
    if (!json_is_object(v)) {
        json_decref(v);
        return err_set(GRASP_EPARSE,
                       "%s is damaged: what the run has spent is not known; delete it to count its "
                       "budget from 0",
                       path);
    }
    *out = (struct spending){json_int_at(v, "calls", 0), json_int_at(v, "tokens", 0),
                             json_num_at(v, "usd", 0), json_num_at(v, "seconds", 0)};
    int64_t open = json_int_at(v, "in_flight", 0);
    if (open > 0 && out->calls > 0) {
        out->tokens += out->tokens / out->calls * open;
        out->usd += out->usd / (double)out->calls * (double)open;
    }
    out->calls += open;
    json_decref(v);
    return 0;
}

int spent_read(const char *path, struct spending *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *out = (struct spending){0};
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set_errno(GRASP_EIO, "cannot open '%s'", path);
    int rc = read_record(fd, path, out);
    close(fd);
    return rc;
}

int spent_open(struct spent_file *f, const char *path, struct spending *earlier)
{
    *f = (struct spent_file){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666),
                             .path = str_dup(path)};
    if (f->fd < 0)
        return err_set_errno(GRASP_EIO, "cannot open '%s'", path);
    int rc = f->path ? read_record(f->fd, path, earlier) : err_oom();
    if (rc < 0)
        spent_close(f);
    return rc;
}

void spent_write(struct spent_file *f, const struct spending *now, int64_t in_flight)
{
    char text[RECORD + 1];
    if (f->fd < 0)
        return;
    int n = snprintf(text, sizeof(text),
                     "{\"calls\": %lld, \"tokens\": %lld, \"usd\": %.6f, \"seconds\": %.3f, "
                     "\"in_flight\": %lld}",
                     (long long)now->calls, (long long)now->tokens, now->usd, now->seconds,
                     (long long)in_flight);
    memset(text + n, ' ', (size_t)(RECORD - 1 - n));
    text[RECORD - 1] = '\n';
    if (pwrite(f->fd, text, RECORD, 0) != RECORD && !f->failed) {
        f->failed = true;
        log_warn("cannot write '%s' (%s): when the run is started again, its budget begins anew",
                 f->path, strerror(errno));
    }
}

void spent_close(struct spent_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    *f = (struct spent_file){.fd = -1};
}
