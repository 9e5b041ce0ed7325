#!/bin/sh
# chaos.sh - a learning run killed 200 times and more at random system calls that change files, and
# run into full disks: what it leaves is held against the undisturbed run.
#     CHAOS_KILLS=1000 CHAOS_SEED=7 tests/bench/chaos.sh
#     CHAOS_KILLS=1000 CHAOS_FLIGHT=64 CHAOS_FAIL=0.02 tests/bench/chaos.sh
#     CHAOS_KILLS=40 CHAOS_FLIGHT=64 CHAOS_FAIL=0.02 CHAOS_SERVE="--latency lognormal:80,1 --faults hang,500" tests/bench/chaos.sh
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/chaos.sh"
chaos "${CHAOS_KILLS:-200}" "${CHAOS_SEED:-2}"
done_testing
