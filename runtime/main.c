/* main.c - finds the command and runs it. */
#include "commit.h" /* GRASP_COMMIT: " (1a2b3c)" or "", written by make */
#include "runtime/commands/table.h"

int main(int argc, char **argv)
{
    return command_main(all_commands, GRASP_VERSION GRASP_COMMIT, argc, argv);
}
