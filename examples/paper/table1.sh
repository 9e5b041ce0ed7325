#!/bin/sh
# Table 1: the seven methods on one model and benchmark, beside the paper's scores.
#     table1.sh CONFIG OUT [OPTIONS of grasp compare]
# SEEDS (1-5), METHODS, PUBLISHED (gpt-oss-120b: whose published scores stand beside).
# GRASP is the program. The same command goes on where it was stopped.
set -eu
[ $# -ge 2 ] || { sed -n 2,5p "$0" >&2; exit 2; }
: "${GRASP:=grasp}" "${SEEDS:=1-5}"
config=$1 out=$2
shift 2
: "${METHODS:=none,seq_memory,batch_memory,expel,evo_memory,skillx,grasp}"
exec "$GRASP" compare "$config" --out "$out" --seeds "$SEEDS" --methods "$METHODS" \
    --published "${PUBLISHED:-gpt-oss-120b}" "$@"
