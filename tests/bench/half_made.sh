#!/bin/sh
# half_made.sh - tests/integration/half_made.sh at every system call, not a sample: some 4,000 runs.
#     HALF_POINTS=100 HALF_ONLY=skills tests/bench/half_made.sh
HALF_POINTS=${HALF_POINTS:-0}
export HALF_POINTS
exec sh "$(dirname "$0")/../integration/half_made.sh"
