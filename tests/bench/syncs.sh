#!/bin/sh
# syncs.sh - how often the paper's run waits for the disk, in all and per update, and what every wait
# costs when it takes SYNC_MS (10) longer, at SYNC_LATENCY (100) ms a call and 64 in flight: the time with
# it as a ratio to that without, runs interleaved. OLD=PROGRAM: another version beside.
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/learn_config.sh"
${CC:-cc} -D_GNU_SOURCE -O1 -shared -fPIC -o slow_sync.so "$ROOT/tests/bench/slow_sync.c" -ldl || exit 1
ms=${SYNC_MS:-10}
config=$(learn_configs | head -n 1)
echo "$config"

run() { # PROGRAM EXTRA-MS OPTIONS...: the seconds of a run; its flushes are in "count"
    program=$1 extra=$2; shift 2
    rm -rf lib run count
    LD_PRELOAD="$T/slow_sync.so" SYNC_MS=$extra SYNC_COUNT=$T/count \
        "$program" learn "$config" --library lib --run run -q --set cycle.batch_concurrency=64 "$@" \
        >out 2>err || { cat err; exit 1; }
    jq .seconds run/run_summary.json
}

bg "$GRASP" model serve --port 0 --latency-ms "${SYNC_LATENCY:-100}" >serve.log 2>serve.err
wait_line serve.log "listening on" || exit 1
served="--set model.kind=openai --set model.name=simulated --set model.base_url=$(sed -n 's/^listening on //p' serve.log)"
for program in ${OLD:+"$OLD"} "$GRASP"; do
    echo "$program"
    run "$program" 0 >/dev/null
    updates=$(jq .updates run/run_summary.json)
    printf '  flushes of a run                 %6d (%s)\n' "$(sed 's/.*all //' count)" "$(sed 's/ all.*//' count)"
    # an epoch more is as many updates more
    had=$(sed 's/.*all //' count) epochs=$(awk '$1 == "epochs:" {print $2}' run/config.yaml)
    run "$program" 0 --set cycle.epochs=$((epochs + 2)) >/dev/null
    printf '%s %s\n' "$(($(sed 's/.*all //' count) - had))" "$(($(jq .updates run/run_summary.json) - updates))" |
        awk '{printf "  an update and its share of an epoch %5.1f\n", $1 / $2}'
    : >without; : >with
    for pair in 1 2; do
        # shellcheck disable=SC2086
        { run "$program" 0 $served >>without; run "$program" "$ms" $served >>with; }
    done
    paste without with | awk -v ms="$ms" '{a += $1; b += $2} END {
        printf "  with %d ms more a flush            %6.3f of the time (%.1f s against %.1f s, means of %d)\n",
            ms, b / a, b / NR, a / NR, NR}'
done
