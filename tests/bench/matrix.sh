#!/bin/sh
# matrix.sh - seconds of a matrix of 15 cells (three methods or ablations, five seeds), one cell after
# another and MATRIX_JOBS (2) at a time, with a model that answers at once and one that takes MATRIX_MS
# (100). Cells have a journal in common; each matrix one of its own.
. "$(dirname "$0")/../integration/lib.sh"
jobs=${MATRIX_JOBS:-2} ms=${MATRIX_MS:-100} epochs=${MATRIX_EPOCHS:-1}

"$GRASP" synth -q --out clinic >/dev/null || exit 1
seconds() { # LATENCY JOBS: sets `took`
    begun=$(date +%s.%N)
    "$GRASP" compare clinic/grasp.yaml --methods none,grasp --ablations no_cluster --seeds 1-5 \
        --out "m-$1-$2" -q -j "$2" --set cycle.epochs="$epochs" --set sim.latency_ms="$1" >out 2>err ||
        { cat err; exit 1; }
    took=$(echo "$begun $(date +%s.%N)" | awk '{ print $2 - $1 }')
}
printf '%-12s %14s %14s %7s\n' latency "1 at a time" "$jobs at a time" ratio
for latency in 0 "$ms"; do
    seconds "$latency" 1
    one=$took
    seconds "$latency" "$jobs"
    echo "$latency $one $took" | awk '{ printf "%7d ms %12.1f s %12.1f s %7.2f\n", $1, $2, $3, $2 / $3 }'
    same=$("$GRASP" compare "m-$latency-1" --json 2>/dev/null | jq -c '[.tables[].arms[].runs[].test.score]')
    [ "$same" = "$("$GRASP" compare "m-$latency-$jobs" --json 2>/dev/null |
        jq -c '[.tables[].arms[].runs[].test.score]')" ] || { echo "other scores"; exit 1; }
done
