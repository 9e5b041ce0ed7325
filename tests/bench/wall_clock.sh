#!/bin/sh
# wall_clock.sh - seconds of the paper's run: instant model, fully journaled rerun, and a model that
# takes WALL_MS (default 100) over HTTP, at 5 and 64 at once, next to the chain of calls that depend
# on each other (measured with everything at once and no waves).
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/learn_config.sh"
ms=${WALL_MS:-100}

timed() { # LABEL CONFIG OPTIONS...
    label=$1 config=$2; shift 2
    "$GRASP" learn "$config" --library lib --run run -q "$@" >out 2>err || { cat err; exit 1; }
    printf '%-44s %7.1f s  %5.1f s of processor  %6d calls\n' "$label" \
        "$(jq .seconds run/run_summary.json)" "$(jq .cpu_seconds run/run_summary.json)" \
        "$(jq .calls.total.calls_made run/run_summary.json)"
}

bg "$GRASP" model serve --port 0 --latency-ms "$ms" >serve.log 2>serve.err
wait_line serve.log "listening on" || exit 1
url=$(sed -n 's/^listening on //p' serve.log)
config=$(learn_configs | head -n 1)
echo "$config"
timed "no latency, 64 at once" "$config" --set cycle.batch_concurrency=64
timed "no latency, all of it in the journal" "$config" --set cycle.batch_concurrency=64
served="--set model.kind=openai --set model.name=simulated --set model.base_url=$url"
for c in 5 64; do
    rm -rf lib run
    timed "$ms ms, $c at once" "$config" $served --set cycle.batch_concurrency=$c
done
rm -rf lib run
timed "$ms ms, everything at once" "$config" $served --set cycle.batch_concurrency=4096
