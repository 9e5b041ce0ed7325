#!/bin/sh
# Table 3: a library learned by each model, used by every model, pruned for it and not.
#     table3.sh CONFIG OUT [OPTIONS of grasp compare]
# MODELS (with commas, as grasp transfer --to has them), SEEDS (1): a library each.
# GRASP is the program. The same command goes on where it was stopped.
set -eu
[ $# -ge 2 ] || { sed -n 2,5p "$0" >&2; exit 2; }
: "${GRASP:=grasp}" "${SEEDS:=1}"
config=$1 out=$2
shift 2
: "${MODELS:?which models? with commas}"
"$GRASP" compare "$config" --out "$out/learned" --seeds "$SEEDS" --models "$MODELS" "$@" >&2
[ -d "$out/learned/cells" ] || exit 0 # --dry-run
libraries=$(printf '%s,' "$out"/learned/cells/*/library)
exec "$GRASP" compare transfer "$config" --out "$out/used" --libraries "${libraries%,}" \
    --to "$MODELS" --regate "$@"
