#!/bin/sh
# A bad endpoint and spent budgets: what is learned is what a good endpoint and an open purse give.
. "$(dirname "$0")/lib.sh"
export SOURCE_DATE_EPOCH=1700000000

"$GRASP" synth --patients 60 --seed 1 --out clinic >synth.log 2>&1 || { cat synth.log; exit 1; }
for f in dev val test id_test; do
    jq '.[:24]' "clinic/tasks/split_$f.json" >x.json && mv x.json "clinic/tasks/split_$f.json"
done
sed -e 's/^  kind: simulated.*/  kind: openai\n  name: simulated/' -e 's/epochs: .*/epochs: 2/' \
    -e 's/update_every: .*/update_every: 12/' -e 's/batch_concurrency: .*/batch_concurrency: 16/' \
    -e 's/grpo_k: .*/grpo_k: 2/' -e 's/grpo_eval_n: .*/grpo_eval_n: 8/' clinic/grasp.yaml >clinic/c.yaml

serve() { # NAME OPTIONS...: starts one; base URL in $URL, pid in $SERVER
    name=$1; shift
    bg "$GRASP" model serve --port 0 "$@" >"$name.log" 2>"$name.err"
    SERVER=$!
    wait_line "$name.log" "listening on" || { cat "$name.err"; not_ok "server $name starts"; }
    URL=$(sed -n 's/^listening on //p' "$name.log")
}
learn() { # DIR OPTIONS...: exit status in $STATUS, output in DIR.out and DIR.err; calls are counted, so none ahead
    dir=$1; shift
    mkdir -p "$dir"
    (cd "$dir" && exec "$GRASP" learn ../clinic/c.yaml --library library --run run -q --insist \
        --set model.base_url="$URL" --set model.identity=one --set model.timeout=0.4 --set model.backoff=0.02 \
        --set model.speculate=0 "$@") >"$dir.out" 2>"$dir.err"
    STATUS=$?
}
refs() { git -C "$1/library" for-each-ref --format='%(objectname) %(refname)'; }
sum() { jq "$2" "$1/run/run_summary.json"; }
same() { # LABEL DIR: as the good run in refs and scores
    is "$1: the same library" "$(refs "$2")" "$(refs good)"
    check "$1: the same scores" cmp "$2/run/val_scores.json" good/run/val_scores.json
    check "$1: in the tests, too" cmp "$2/run/test_scores.json" good/run/test_scores.json
}

serve good
learn good
is "a good endpoint" "$STATUS" 0
calls=$(sum good .calls.total.calls_made)
is "no call again" "$(sum good .endpoint.retries)" 0

# NAME, WHAT IS COUNTED, THE SERVER'S OPTIONS, THE RUN'S
while IFS='|' read -r fault kind how settings; do
    serve "f$fault" $how
    learn "$fault" $settings
    is "$fault: ends" "$STATUS" 0
    same "$fault" "$fault"
    [ "$(sum "$fault" ".endpoint.$kind")" -gt 0 ] && ok "$fault: is counted" ||
        not_ok "$fault: is counted" "$(sum "$fault" .endpoint)"
    is "$fault: every call answered once" "$(sum "$fault" .calls.total.calls_made)" "$calls"
    is "$fault: one answer each in the journal" "$("$GRASP" journal export "$fault/run" | wc -l | tr -d ' ')" "$calls"
    case $fault in
    hang | lost | slow) has "$fault: the summary says so" "$fault.out" "late answers" ;;
    *) has "$fault: the summary says so" "$fault.out" "of them again" ;;
    esac
done <<END
429|limited|--fail 0.2 --faults 429|
500|server_errors|--fail 0.2 --faults 500|
cut|cut|--fail 0.2 --faults cut|
timeout|timeouts|--fail 0.03 --faults hang|--set model.hedge=off
hang|later_first|--fail 0.03 --faults hang|--set model.timeout=60
lost|lost|--fail 0.03 --faults hang|--set model.hedge=off --set model.timeout=60
slow|hedges|--latency lognormal:80,1|--set model.timeout=60
END

# What says that requests cost keeps hedges away, and what is said overrules it.
learn dear --set model.timeout=60 --set model.api_key=secret-key-1
is "an API key: no hedges" "$STATUS $(sum dear .endpoint.hedges)" "0 0"
same "an API key" dear
learn priced --set model.timeout=60 --set model.price.prompt=1 --set model.hedge=on
check "a price and hedge: on: hedges" test "$(sum priced .endpoint.hedges)" -gt 0
same "a price and hedge: on" priced

# Budgets stop with exit 3, and a larger one goes on to the same end.
URL=$(sed -n 's/^listening on //p' good.log)
part=$((calls / 3))
learn budget --set budget.calls=$part
is "budget.calls: exit 3" "$STATUS" 3
has "budget.calls: says so" budget.err "budget.calls"
is "budget.calls: holds" "$(sum budget .calls.total.calls_made)" "$part"
is "budget.calls: status" "$(sum budget .status)" '"stopped"'
learn budget --set budget.calls=0
is "budget.calls: goes on" "$STATUS" 0
is "budget.calls: nothing is paid twice" "$(sum budget .calls.total.calls_made)" $((calls - part))
same "budget.calls" budget
tokens=$(sum good '.calls.total | .prompt_tokens + .completion_tokens')
for b in tokens=$((tokens / 2)) usd=0.5 seconds=0.05; do
    key=${b%%=*}
    learn "$key" --set budget.$b --set model.price.prompt=1 --set model.price.completion=1
    is "budget.$key: exit 3" "$STATUS" 3
    has "budget.$key: says so" "$key.err" "budget.$key"
    learn "$key" --set budget.$key=0
    is "budget.$key: goes on" "$STATUS" 0
    same "budget.$key" "$key"
done

# An endpoint that goes away in the middle: nothing is half applied, and it goes on when it is back.
serve away --latency-ms 5
learn_away() { learn away --set model.attempts=1 --set model.outage_limit=3; }
learn_away & pid=$!
wait_until 8 test -f away/run/epoch_0/skill_updates.json
kill -KILL $SERVER
wait $pid
is "an outage: indecisive" "$(sum away .status)" '"indecisive"'
has "an outage: says that it goes on" away.err "the same command goes on later"
check "an outage: the library is whole" git -C away/library fsck --strict
head=$(git -C away/library rev-parse HEAD)
check "an outage: its head is one of the good run's" git -C good/library cat-file -e "$head"
is "an outage: no wrong answer from it" "$(grep -c unscored away/run/epoch_*/dev_runs.jsonl 2>/dev/null | grep -vc ':0$')" 0
URL=$(sed -n 's/^listening on //p' good.log)
learn away --set model.attempts=8
is "an outage: goes on" "$STATUS" 0
same "an outage" away
done_testing
