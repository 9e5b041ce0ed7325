#!/bin/sh
# Table 4: a library learned on each benchmark, used on all of them.
#     table4.sh CONFIG OUT [OPTIONS of grasp compare]
# BENCHMARKS (further configurations, with commas), MODEL (which the configurations have), SEEDS (1).
# GRASP is the program. The same command goes on where it was stopped.
set -eu
[ $# -ge 2 ] || { sed -n 2,5p "$0" >&2; exit 2; }
: "${GRASP:=grasp}" "${SEEDS:=1}"
config=$1 out=$2
shift 2
: "${BENCHMARKS:?which other configurations? with commas}" "${MODEL:?which model is it?}"
"$GRASP" compare "$config" --out "$out/learned" --seeds "$SEEDS" --benchmarks "$BENCHMARKS" "$@" \
    >&2
[ -d "$out/learned/cells" ] || exit 0 # --dry-run
libraries=$(printf '%s,' "$out"/learned/cells/*/library)
exec "$GRASP" compare transfer "$config" --out "$out/used" --benchmarks "$BENCHMARKS" \
    --libraries "${libraries%,}" --to "$MODEL" "$@"
