/* main.c - finds the command and runs it. */
#include <stdio.h>

#include "runtime/commands/command.h"

int main(int argc, char **argv)
{
    return command_main(argc, argv);
}
