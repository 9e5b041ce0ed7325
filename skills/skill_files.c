/* skill_files.c - the other files of a skill's folder. */
#include "skills/skill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "runtime/base/grow.h"
#include "runtime/base/err.h"

struct skill_files *skill_files_new(void)
{
    struct skill_files *f = calloc(1, sizeof(*f));
    if (f)
        f->refs = 1;
    return f;
}

int skill_files_add(struct skill_files **files, const struct skill_file *file)
{
    struct skill_files *f = *files;
    if (!f && !(f = *files = skill_files_new()))
        return err_oom();
    int rc = grow(&f->v, &f->cap, f->n + 1);
    if (rc < 0)
        return rc;
    struct skill_file copy = *file;
    copy.path = str_dup(file->path);
    copy.bytes = file->bytes ? str_ndup(file->bytes, file->len) : NULL;
    if (!copy.path || (file->bytes && !copy.bytes)) {
        free(copy.path);
        free(copy.bytes);
        return err_oom();
    }
    f->v[f->n++] = copy;
    return 0;
}

struct skill_files *skill_files_ref(struct skill_files *f)
{
    if (f)
        f->refs++;
    return f;
}

void skill_files_unref(struct skill_files *f)
{
    if (!f || --f->refs)
        return;
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].path);
        free(f->v[i].bytes);
    }
    free(f->v);
    free(f);
}

bool skill_files_equal(const struct skill_files *a, const struct skill_files *b)
{
    size_t n = a ? a->n : 0;
    if (n != (b ? b->n : 0))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(a->v[i].path, b->v[i].path) != 0 || a->v[i].mode != b->v[i].mode ||
            strcmp(a->v[i].id, b->v[i].id) != 0)
            return false;
    return true;
}

int skill_file_id(const void *bytes, size_t len, char out[SKILL_FILE_ID + 1])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char head[32];
    int head_len = snprintf(head, sizeof(head), "blob %zu", len) + 1; /* with its NUL */
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = c && EVP_DigestInit_ex(c, EVP_sha1(), NULL) == 1 &&
                EVP_DigestUpdate(c, head, (size_t)head_len) == 1 &&
                EVP_DigestUpdate(c, bytes, len) == 1 && EVP_DigestFinal_ex(c, hash, &n) == 1 &&
                n == SKILL_FILE_ID / 2;
    EVP_MD_CTX_free(c);
    for (unsigned i = 0; good && i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    return good ? 0 : err_set(GRASP_ENOMEM, "cannot hash a file");
}
