#!/bin/sh
# The same decisions with and without early stopping and journal, and at any concurrency. The long
# form is tests/bench/equality.sh.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/equality.sh"
equality_prepare
equality 1 3
done_testing
