/* main.c - finds the command and runs it. */
#include "runtime/commands/table.h"

int main(int argc, char **argv)
{
    return command_main(all_commands, argc, argv);
}
