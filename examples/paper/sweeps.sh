#!/bin/sh
# The appendix' sweeps: batch, candidates, penalty and probes, each lower and higher.
#     sweeps.sh CONFIG OUT [OPTIONS of grasp compare]
# SEEDS (1-3), PUBLISHED (gpt-oss-120b: whose published scores stand beside).
# GRASP is the program. The same command goes on where it was stopped.
set -eu
[ $# -ge 2 ] || { sed -n 2,5p "$0" >&2; exit 2; }
: "${GRASP:=grasp}" "${SEEDS:=1-3}"
config=$1 out=$2
shift 2
exec "$GRASP" compare "$config" --out "$out" --seeds "$SEEDS" --vary cycle.update_every=24,96 \
    --vary cycle.grpo_k=1,8 --vary gate.invalid_action_penalty=1,4 --vary cycle.grpo_eval_n=16,72 \
    --published "${PUBLISHED:-gpt-oss-120b}" "$@"
