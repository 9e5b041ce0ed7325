/*
 * place.c - where a journal may be. Locks and shared memory are what holds it together when several
 * processes use it, and a network file system gives neither to processes of two hosts: answers are
 * lost without a word.
 */
#include "runtime/journal/journal_private.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "runtime/base/err.h"
#include "runtime/base/text.h"

#define FUSE 0x65735546

/* By statfs's f_type; NULL: none of them. */
static const char *network_name(uint32_t type)
{
    static const struct {
        uint32_t type;
        const char *name;
    } kinds[] = {
        {0x6969, "NFS"},        {0xff534d42, "SMB"},   {0xfe534d42, "SMB"},
        {0x517b, "SMB"},        {0x01021997, "9P"},    {0x5346414f, "AFS"},
        {0x6b414653, "AFS"},    {0x73757245, "Coda"},  {0x00c36400, "Ceph"},
        {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},  {0x19830326, "BeeGFS"},
        {0x01161970, "GFS2"},   {0x7461636f, "OCFS2"}, {0x20030528, "OrangeFS"},
        {0x013111a8, "IBRIX"},  {0xaad7aaea, "PanFS"}, {0x564c, "NCP"},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (type == kinds[i].type)
            return kinds[i].name;
    return NULL;
}

const char *journal_network_program(const char *kind)
{
    static const char *const programs[] = {
        "sshfs",     "rclone",    "s3fs",      "goofys",      "gcsfuse",   "mountpoint-s3",
        "mount-s3",  "glusterfs", "ceph-fuse", "ceph",        "curlftpfs", "davfs",
        "davfs2",    "juicefs",   "JuiceFS",   "mfs",         "moosefs",   "lizardfs",
        "seaweedfs", "blobfuse",  "blobfuse2", "hdfs",        "cvmfs2",    "gvfsd-fuse",
        "quobyte",   "beegfs",    "afpfs",     "fusesmb",     "smbnetfs",  "nfs",
        "ipfs",      "geesefs",   "alluxio",   "vmhgfs-fuse",
    };
    for (size_t i = 0; str_starts(kind, "fuse.") && i < sizeof(programs) / sizeof(*programs); i++)
        if (strcmp(kind + 5, programs[i]) == 0)
            return programs[i];
    return NULL;
}

bool journal_mount_kind(FILE *mounts, unsigned dev_major, unsigned dev_minor, char *kind,
                        size_t size)
{
    char line[4096];
    bool found = false;
    *kind = '\0';
    while (fgets(line, sizeof(line), mounts)) { /* the last of several lies above the others */
        unsigned a, b;
        const char *type = strstr(line, " - ");
        if (!type || sscanf(line, "%*d %*d %u:%u ", &a, &b) != 2 || a != dev_major ||
            b != dev_minor)
            continue;
        type += 3;
        snprintf(kind, size, "%.*s", (int)strcspn(type, " \n"), type);
        found = true;
    }
    return found;
}

static const char *served_by(const char *dir)
{
    struct stat st;
    char kind[64];
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    bool found = mounts && stat(dir, &st) == 0 &&
                 journal_mount_kind(mounts, major(st.st_dev), minor(st.st_dev), kind, sizeof(kind));
    if (mounts)
        fclose(mounts);
    return found ? journal_network_program(kind) : NULL;
}

int journal_check_place(const char *dir)
{
    struct statfs fs;
    if (statfs(dir, &fs) < 0)
        return err_set_errno(GRASP_EIO, "cannot look at '%s'", dir);
    const char *kind =
        (uint32_t)fs.f_type == FUSE ? served_by(dir) : network_name((uint32_t)fs.f_type);
    return kind ? err_set(
                      GRASP_EREFUSED,
                      "journal '%s' is on a network file system (%s), where answers get lost; "
                      "name a directory on a local disk with --run or journal:, or copy it there",
                      dir, kind)
                : 0;
}
