#!/bin/sh
# Table 2: the eight ablations against the whole method, beside the paper's scores.
#     table2.sh CONFIG OUT [OPTIONS of grasp compare]
# SEEDS (1-3), PUBLISHED (gpt-oss-120b: whose published scores stand beside).
# GRASP is the program. The same command goes on where it was stopped.
set -eu
[ $# -ge 2 ] || { sed -n 2,5p "$0" >&2; exit 2; }
: "${GRASP:=grasp}" "${SEEDS:=1-3}"
config=$1 out=$2
shift 2
exec "$GRASP" compare "$config" --out "$out" --seeds "$SEEDS" --ablations all \
    --published "${PUBLISHED:-gpt-oss-120b}" "$@"
