#!/bin/sh
# stragglers.sh - the paper's run against an endpoint whose answers have a heavy tail, and one at which
# a call in a thousand hangs: wall-clock as a ratio to a twin, the same run with everything in flight
# and without stopping early, at the same drawn latencies. STRAGGLERS_MS (mean, default 200),
# STRAGGLERS_SIGMA (0.8). Each row has a server of its own: a request draws the same time in all.
#
# requests: sent, over those that the run without hedges and speculation sends. later first: how often
# what was sent once more was answered before what it was sent beside. ahead: calls in idle slots for
# what would be wanted next, and how many of them were. Below each row: in_flight.awk.
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/learn_config.sh"
drawn="--latency lognormal:${STRAGGLERS_MS:-200},${STRAGGLERS_SIGMA:-0.8}"
constant="--latency-ms ${STRAGGLERS_MS:-200}"
hangs="--fail 0.001 --faults hang"
config=$(learn_configs | head -n 1)
twin= same= plain=

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
    twin=${twin:-$seconds} plain=${plain:-$sent} same=${same:-$tree}
    [ "$tree" = "$same" ] || { echo "$label: another library"; exit 1; }
    printf '%-44s %5.2f of the twin  %6.1f s  %6d requests, %+5.1f %%  hedges %d, lost %d, later first %d; ahead %d, used %d\n' \
        "$label" "$(awk "BEGIN { print $seconds / $twin }")" "$seconds" "$sent" \
        "$(awk "BEGIN { print 100 * ($sent / $plain - 1) }")" \
        $(jq '(.endpoint | .hedges, .lost, .later_first), (.ahead | .calls, .used)' run/run_summary.json)
    "$GRASP" journal export run | jq -r '(.when | (.[:19] + "Z" | fromdate) + (.[19:23] | tonumber)) as $till |
        "\($till - .latency_s) \($till) \(.phase)"' | awk -v events=events -f "$ROOT/tests/bench/in_flight.awk"
}

echo "$config, $drawn"
neither="--set model.hedge=off --set model.speculate=0"
row "twin: everything in flight, no stopping" "$drawn" $neither \
    --set cycle.batch_concurrency=4096 --set gate.early_stop=false
plain=
row "64 in flight, no hedges, nothing ahead" "$drawn" $neither
row "64 in flight, hedges" "$drawn" --set model.speculate=0
row "64 in flight, calls ahead" "$drawn" --set model.hedge=off
row "64 in flight, both" "$drawn"
row "  and one call in a thousand hangs" "$drawn $hangs"
row "  the same with neither" "$drawn $hangs" $neither
twin= plain=
echo "$config, $constant"
row "64 in flight, neither (the twin)" "$constant" $neither
row "64 in flight, both" "$constant"
row "  and one call in a thousand hangs" "$constant $hangs"
row "  the same with neither" "$constant $hangs" $neither
