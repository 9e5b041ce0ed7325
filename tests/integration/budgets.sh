#!/bin/sh
# A budget is the run's, however many processes it takes: by the endpoint's own count.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
scripted
body='{"choices":[{"message":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":1500,"completion_tokens":500,"total_tokens":2000}}'
printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" >empty
scripted_serve =head:empty
requests() { grep -c ' HTTP/\| POST ' ep.log; }
remote() { # OPTIONS...
    "$GRASP" learn $C --run run --library lib -q --insist --set model.kind=openai --set model.name=m \
        --set "model.base_url=$URL" --set cycle.batch_concurrency=1 --set cycle.epochs=1 "$@"
}
why() { jq -r .why run/run_summary.json; }

# empty replies are tried again, each attempt is paid for
exits "6,000 tokens at 2,000 a reply" 3 remote --set budget.tokens=6000 --set model.attempts=2
is "are three requests" "$(requests)" 3
is "and why it stopped" "$(why)" budget
exits "a second process" 3 remote --set budget.tokens=6000 --set model.attempts=2
is "asks for nothing" "$(requests)" 3
has "and says why" err "budget.tokens: 6,000 tokens are used"
is "the run knows what it has spent" "$(jq -c '.spent | [.tokens]' run/run_summary.json)" '[6000]'
exits "a larger budget" 3 remote --set budget.tokens=9000 --set model.attempts=1
is "goes on from there" "$(requests)" 5

# as many at once as may be: what is on its way counts
rm -rf run lib
n=$(requests)
exits "64 at once" 3 remote --set budget.tokens=6000 --set cycle.batch_concurrency=64
is "stop at three requests, too" "$(($(requests) - n))" 3

# what is expected is more than the budget: refused before anything is asked, unless insisted
rm -rf run lib
n=$(requests)
exits "more is expected than may be spent" 1 "$GRASP" learn $C --run run --library lib -q \
    --set cycle.epochs=1 --set budget.calls=200
has "the numbers are said" err "(0 of them made), and budget.calls is 200"
has "and the way out" err "--insist"
exits "tokens, too" 1 "$GRASP" learn $C --run run --library lib -q --set budget.tokens=1000
has "which ones" err "budget.tokens is 1,000"
exits "and money" 1 "$GRASP" learn $C --run run --library lib -q --set budget.usd=0.01 \
    --set model.price.prompt=1 --set model.price.completion=1
has "how much" err "budget.usd is 0.01"
is "nothing was asked" "$(requests) $(ls run/epoch_0 2>/dev/null)" "$n "
exits "a plan that the budget does not allow" 1 "$GRASP" learn $C --run run --library lib \
    --dry-run --set budget.calls=200
has "is printed all the same" out "calls at most"
exits "enough for the run" 0 "$GRASP" learn $C --run run2 --library lib2 -q --set cycle.epochs=1 \
    --set budget.calls=100000
exits "an endpoint that is not there" 3 remote --dry-run --set model.base_url=http://127.0.0.1:9/v1
has "is named, and who looks closer" err "http://127.0.0.1:9/v1 does not answer"
has "by its section" err "model: "
exits "one that is" 0 remote --dry-run
exits "a FHIR server that is not there" 3 "$GRASP" learn $C --run run --library lib --dry-run \
    --set fhir.load= --set fhir.store= --set task.fhir_api_base=http://127.0.0.1:9/fhir/
has "is named as one" err "FHIR server: "

# killed: what was answered, and what was in flight, is spent
rm -rf run lib
"$GRASP" learn $C --run run --library lib -q --insist --set cycle.epochs=1 --set budget.calls=200 >out 2>err
is "a budget of calls" "$(jq -c '[.why, .spent.calls <= 200]' run/run_summary.json)" '["budget",true]'
n=$(jq .calls run/spent.json)
exits "again" 3 "$GRASP" learn $C --run run --library lib -q --insist --set cycle.epochs=1 --set budget.calls=200
is "makes none" "$(jq -c .calls.total.calls_made run/run_summary.json) $(jq .calls run/spent.json)" "0 $n"
printf '{"calls": 190, "tokens": 1900, "usd": 0.19, "seconds": 5, "in_flight": 10}' >run/spent.json
exits "killed with ten calls in flight" 3 "$GRASP" learn $C --run run --library lib -q --insist \
    --set cycle.epochs=1 --set budget.calls=200
has "they count" err "budget.calls: 200 calls are made"
exits "time is the run's, too" 3 "$GRASP" learn $C --run run --library lib -q --insist \
    --set cycle.epochs=1 --set budget.seconds=5
has "which is said" err "budget.seconds"
printf '{"calls": 19' >run/spent.json
exits "a damaged record" 1 "$GRASP" learn $C --run run --library lib -q --insist --set cycle.epochs=1
has "is named" err "run/spent.json is damaged"
rm run/spent.json
exits "without a budget" 0 "$GRASP" learn $C --run run --library lib -q --insist --set cycle.epochs=1
is "it ends" "$(why)" done
# the other commands that ask a model: a budget holds over their starts, and for all executors together
for out in "" there; do
    over() { # BUDGET
        "$GRASP" transfer $C --library lib2 --to simulated:weak --to simulated:strong --split val \
            ${out:+--out $out} --journal "tj$out" --set "budget.calls=$1"
    }
    exits "transfer ${out:+with a folder}" 3 over 400
    has "says where it stopped" err "stopped by budget.calls"
    exits "again" 3 over 400
    has "it is spent" err "budget.calls: 400 calls are made"
    has "by the start before" err "calls made 0,"
    exits "raised" 0 over 100000
done
is "all of it is kept beside what was measured" "$(jq '.calls > 400' there/spent.json)" true
is "else until it is done" "$(find tj -name 'spent-*')" ""
id=$(jq -r '.[0].id' clinic/tasks/all_tasks.json)
for command in "run $C $id" "skills bisect $C lib2 $id"; do
    for start in first second; do
        exits "the $start start of $command" 3 "$GRASP" $command --journal rj --set budget.calls=1
        is "one call in all" "$("$GRASP" journal stat rj --json | jq .total.calls)" 1
    done
    rm -r rj
done
done_testing
