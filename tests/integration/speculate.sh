#!/bin/sh
# speculate.sh - what is asked ahead in idle slots changes nothing but the time: the same refs, notes
# and evidence without it, with it, killed in the middle, limited, and at any concurrency.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/equality.sh"
EQUALITY_TASKS=30 equality_prepare
${CC:-cc} -O1 -o kill_at "$ROOT/tests/kill_at.c" 2>cc.err || echo "# no C compiler: no kills"
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" # the leak check does not work in a traced process
sum() { jq -c "$2" "$1/run/run_summary.json"; }
refs() { git -C "$1/library" for-each-ref --format='%(objectname) %(refname)'; }
serve() { # NAME OPTIONS...: a model that takes a while; its address in $URL
    served=$1; shift
    bg "$GRASP" model serve --port 0 --latency lognormal:30,0.8 "$@" >"$served.log" 2>"$served.err"
    wait_line "$served.log" "listening on" || { not_ok "$served: starts" "$(cat "$served.err")"; exit 1; }
    URL=$(sed -n 's/^listening on //p' "$served.log")
}
on() { # DIR CONFIG OPTIONS...: the run in DIR, begun or gone on with; $UNDER goes before the program
    dir=$1 with=$2; shift 2
    mkdir -p "$dir"
    (cd "$dir" && exec ${UNDER:-} "$GRASP" learn "../clinic/$with.yaml" --library library --run run -q \
        --set model.kind=openai --set model.name=simulated --set "model.base_url=$URL" \
        --set model.identity=one --set model.backoff=0.02 --set model.hedge=off --set cycle.epochs=1 \
        --set cycle.batch_concurrency=16 "$@") >"$dir.out" 2>"$dir.err"
    STATUS=$?
}
same() { # LABEL DIR: as without
    is "$1: ends" "$STATUS" 0
    is "$1: the same refs and notes" "$(refs "$2")" "$(refs "off-$config")"
    check "$1: the same updates" diff -r -x '*_runs.jsonl' "off-$config/run/epoch_0" "$2/run/epoch_0"
    check "$1: the same tests" cmp "off-$config/run/test_scores.json" "$2/run/test_scores.json"
}

for config in exact noisy; do
    if [ $config = exact ]; then serve exact; else serve noisy --noise 0.1; fi
    UNDER=
    [ ! -x kill_at ] || UNDER="../kill_at -c ../off.count 0"
    on off-$config $config --set model.speculate=0
    UNDER=
    is "$config, without: ends" "$STATUS" 0
    is "$config, without: none" "$(sum off-$config .ahead)" '{"calls":0,"used":0,"wasted":0}'
    hasnt "$config, without: nothing is said" off-$config.out "in idle slots"

    on on-$config $config --set model.speculate=0.3
    same "$config, with it" on-$config
    is "$config, with it: some was of use, and all adds up" \
        "$(sum on-$config '.ahead | .used > 0 and .calls == .used + .wasted')" true
    is "$config, with it: what is wasted is bounded" \
        "$(sum on-$config '.ahead.wasted <= 0.3 * .calls.total.calls_made + 16')" true
    has "$config, with it: it is said" on-$config.out "in idle slots: "
    on on-$config $config --set model.speculate=0.3
    is "$config, again: from the journal, and nothing ahead" \
        "$STATUS $(sum on-$config '[.calls.total.calls_made, .ahead.calls]')" '0 [0,0]'

    on few-$config $config --set model.speculate=0.3 --set cycle.batch_concurrency=3
    is "$config, 3 at once: the same commits" "$(git -C few-$config/library rev-parse main)" \
        "$(git -C off-$config/library rev-parse main)"

    if [ -x kill_at ]; then
        KILLS=0
        for i in 1 2 3 4 5 6; do
            UNDER="../kill_at $(($(cat off.count) * i / 20 + i % 2))"
            on kill-$config $config --set model.speculate=0.3
            [ $STATUS -ne 137 ] || KILLS=$((KILLS + 1))
        done
        UNDER=
        on kill-$config $config --set model.speculate=0.3
        same "$config, killed" kill-$config
        [ $KILLS -ge 3 ] && ok "$config, killed: $KILLS times" || not_ok "$config: killed only $KILLS times"
    fi
done

# Where more calls would only be in the way there are none.
config=noisy
on paced noisy --set model.speculate=0.3 --set model.requests_per_minute=100000
same "a rate is set" paced
is "a rate is set: none" "$(sum paced .ahead.calls)" 0
serve limited --noise 0.1 --fail 0.2 --faults 429
on limited noisy --set model.speculate=0.3
same "rate limits" limited
is "rate limits: none from the first one on" "$(sum limited '.endpoint.limited > 0 and .ahead.calls < 16')" true
n=$(sum off-noisy .calls.total.calls_made)
on spent noisy --set model.speculate=0.3 --set budget.calls=$((n / 2)) --insist
is "a budget: it is kept to" "$STATUS $(sum spent ".calls.total.calls_made <= $((n / 2))")" "3 true"
on spent noisy --set model.speculate=0.3
same "a budget, and then none" spent
done_testing
