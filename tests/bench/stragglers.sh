#!/bin/sh
# stragglers.sh - the paper's run against an endpoint whose answers have a heavy tail, and one at which
# a call in a thousand hangs: wall-clock as a ratio to a twin, the same run with everything in flight
# and without stopping early, at the same drawn latencies. STRAGGLERS_MS (mean, default 200),
# STRAGGLERS_SIGMA (0.8). Each row has a server of its own: a request draws the same time in all.
#
# requests: sent, and over those of 64 in flight without hedges and without asking ahead. later first:
# how often what was sent once more was answered before what it was sent beside. ahead: calls in idle slots
# for what would be wanted next, and how many of them were. Below each row, where the time went
# (in_flight.awk).
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/learn_config.sh"
hangs="--fail 0.001 --faults hang"
config=$(learn_configs | head -n 1)
twin= same= needed=

row() { # LABEL "SERVER'S OPTIONS" OPTIONS...
    label=$1 how=$2; shift 2
    rm -rf lib run serve.log
    "$GRASP" model serve --port 0 $how >serve.log 2>serve.err & server=$!
    wait_line serve.log "listening on" || exit 1
    "$GRASP" learn "$config" --library lib --run run -q --set model.kind=openai --set model.name=simulated \
        --set model.base_url="$(sed -n 's/^listening on //p' serve.log)" --set cycle.batch_concurrency=64 \
        "$@" >out 2>err || { cat err; exit 1; }
    kill $server; wait $server
    sent=$(jq .endpoint.requests run/run_summary.json)
    seconds=$(jq .seconds run/run_summary.json)
    tree=$(git -C lib rev-parse 'main^{tree}')
    case $label in twin*) twin=$seconds; needed= ;; *) needed=${needed:-$sent} ;; esac
    same=${same:-$tree}
    [ "$tree" = "$same" ] || { echo "$label: another library"; exit 1; }
    printf '%-44s %5.2f of the twin  %6.1f s  %6d requests, %+5.1f %%  hedges %d, lost %d, later first %d, ahead %d, used %d\n' \
        "$label" "$(awk "BEGIN { print $seconds / $twin }")" "$seconds" "$sent" \
        "$(awk "BEGIN { print 100 * ($sent / ${needed:-$sent} - 1) }")" \
        $(jq '(.endpoint | .hedges, .lost, .later_first), (.ahead | .calls, .used)' run/run_summary.json)
    "$GRASP" journal export run | jq -r '(.when | (.[:19] + "Z" | fromdate) + (.[19:23] | tonumber)) as $till |
        "\($till - .latency_s) \($till) \(.phase)"' | awk -v events=events -f "$ROOT/tests/bench/in_flight.awk"
}

plain="--set model.hedge=off --set model.speculate=0"
all() { # "SERVER'S OPTIONS"
    echo "$config, $1"
    row "twin: everything in flight, no stopping" "$1" $plain --set cycle.batch_concurrency=4096 --set gate.early_stop=false
    row "64 in flight" "$1" $plain
    row "64, asking ahead" "$1" --set model.hedge=off
    row "64, hedges" "$1" --set model.speculate=0
    row "64, both" "$1"
    row "64, both, one call in a thousand hangs" "$1 $hangs"
    row "64, one call in a thousand hangs" "$1 $hangs" $plain
}
all "--latency lognormal:${STRAGGLERS_MS:-200},${STRAGGLERS_SIGMA:-0.8}"
all "--latency-ms ${STRAGGLERS_MS:-200}"
