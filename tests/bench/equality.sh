#!/bin/sh
# equality.sh - 50 seeds: the same decisions with and without early stopping and journal, and at 1,
# 5, 64 and 1000 at once, for an exact model and draw by draw for a noisy one.
#     EQUALITY_SEEDS=200 tests/bench/equality.sh
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/equality.sh"
equality_prepare
equality 1 "${EQUALITY_SEEDS:-50}"
done_testing
