#!/bin/sh
# Skills that other models write for the same agent: one arm a writer.
#     cross_writer.sh CONFIG OUT [OPTIONS of grasp compare]
# WRITERS (names with commas, at the endpoint of the section writer), SEEDS (1-3).
# GRASP is the program. The same command goes on where it was stopped.
set -eu
[ $# -ge 2 ] || { sed -n 2,5p "$0" >&2; exit 2; }
: "${GRASP:=grasp}" "${SEEDS:=1-3}"
config=$1 out=$2
shift 2
exec "$GRASP" compare "$config" --out "$out" --seeds "$SEEDS" \
    --vary "writer.name=${WRITERS:?which writers? with commas}" "$@"
