/* temp_dir.h - the group fixtures of a test that writes files: a directory of its own, which it is in. */
#ifndef GRASP_TEMP_DIR_H
#define GRASP_TEMP_DIR_H

#include "test.h"

#include "runtime/base/fs.h"

static int enter_temp_dir(void **state)
{
    *state = fs_tempdir("grasp-test");
    return *state && chdir(*state) == 0 ? 0 : -1;
}

static int leave_temp_dir(void **state)
{
    int rc = chdir("/") | fs_remove_tree(*state);
    free(*state);
    return rc;
}

#endif
