#!/bin/sh
# A learning run that is killed at random system calls ends like one that was left alone. The long
# form is tests/bench/chaos.sh.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/chaos.sh"
# a leak check does not work under ptrace
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
chaos "${CHAOS_KILLS:-15}" "${CHAOS_SEED:-1}"
done_testing
