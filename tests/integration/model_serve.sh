#!/bin/sh
# grasp model serve, talked to by curl.
. "$(dirname "$0")/lib.sh"

BODY='{"model":"simulated","temperature":0,"messages":[{"role":"user","content":"hello"}]}'
serve() { # NAME OPTIONS...: starts one, its base URL in $URL
    name=$1; shift
    bg "$GRASP" model serve --port 0 "$@" >"$name.log" 2>"$name.err"
    wait_line "$name.log" "listening on" || { cat "$name.err"; not_ok "server $name starts"; return; }
    URL=$(sed -n 's/^listening on //p' "$name.log")
}
post() { # PATH BODY [CURL OPTIONS]: status in $STATUS, reply in reply
    path=$1 body=$2; shift 2
    STATUS=$(curl -sS -o reply -w '%{http_code}' -H 'Content-Type: application/json' "$@" \
        --data-binary "$body" "$URL$path" 2>curl.err)
    CODE=$?
}

serve plain
has "says where it listens" plain.log "listening on http://127.0.0.1:"
post /chat/completions "$BODY"
is "answers a chat completion" "$STATUS" 200
is "as the API does" "$(jq -r '.object + " " + .choices[0].message.role' reply)" \
    "chat.completion assistant"
is "with usage" "$(jq '.usage.total_tokens == .usage.prompt_tokens + .usage.completion_tokens' reply)" true
cp reply first; post /chat/completions "$BODY"
is "the same again" "$(jq -c .choices reply)" "$(jq -c .choices first)"
post /responses '{"model":"simulated","input":"hello"}'
is "answers a response" "$(jq -r '.output[0].content[0].type' reply)" output_text
curl -sS "$URL/models" >models
is "lists its models" "$(jq -r '.data[0].id' models)" simulated
post /nowhere "$BODY"; is "an unknown path is 404" "$STATUS" 404
is "a wrong method is 405" "$(curl -sS -o /dev/null -w '%{http_code}' "$URL/responses")" 405
post /chat/completions '{"model":'; is "half a body is 400" "$STATUS" 400
has "and says so" reply "invalid_request_error"
port=${URL##*:}; port=${port%/v1}
exits "a port in use is an error" 1 "$GRASP" model serve --port "$port"
has "which names it" err "127.0.0.1:$port"
exits "an unknown fault is wrong usage" 2 "$GRASP" model serve --faults 429,none
has "and names it" err "'none'"
exits "a share above 1 is wrong usage" 2 "$GRASP" model serve --fail 1.5

# With noise the same request is not answered twice alike, unless it is told to, or names its draw.
TASK='{"phase":"task_execution","api":{"base_url":"http://x/fhir/"},"behavioral_skills":"","task":{"description":"Record the blood pressure \"118/77 mmHg\" of patient S1234567.","context":""}}'
ASK=$(jq -nc --arg t "$TASK" '{model: "simulated", temperature: 0, messages: [{role: "user", content: $t}]}')
answers() { # [CURL OPTIONS]: how many different ones ten requests get
    n=0; : >all
    while [ $n -lt 10 ]; do post /chat/completions "$ASK" "$@"; jq -c .choices reply >>all; n=$((n + 1)); done
    sort -u all | wc -l | tr -d ' '
}
is "no noise: one answer" "$(answers)" 1
serve noisy --noise 0.5
check "noise: several answers" [ "$(answers)" -gt 1 ]
is "noise, a draw that is named: one answer" "$(answers -H 'X-Grasp-Draw: 5')" 1
serve fixed --noise 0.5 --fixed
is "noise, --fixed: one answer" "$(answers)" 1
exits "more noise than a coin has is wrong usage" 2 "$GRASP" model serve --noise 0.6
serve plain

for fault in 429 500 cut empty truncated; do
    serve "$fault" --fail 1 --faults "$fault"
    post /chat/completions "$BODY" -D headers
    case $fault in
    429) is "429: status" "$STATUS" 429; has "429: Retry-After" headers "Retry-After: 1" ;;
    500) is "500: status" "$STATUS" 500 ;;
    cut) is "cut: curl's partial transfer" "$CODE" 18 ;;
    empty) is "empty: nothing" "$STATUS $(wc -c <reply | tr -d ' ')" "200 0" ;;
    truncated) if jq . reply >/dev/null 2>&1; then not_ok "truncated: no JSON"; else ok "truncated: no JSON"; fi ;;
    esac
done
serve hang --fail 1 --faults hang
post /chat/completions "$BODY" --max-time 0.2
is "hang: nothing comes" "$CODE" 28

# 50 at a time take one latency, not fifty: they all wait at once.
serve slow --latency-ms 1000
config=$T/many
i=0; while [ $i -lt 50 ]; do
    printf 'url = "%s/chat/completions"\noutput = "out.%d"\ndata = "%s"\n' "$URL" $i \
        "$(printf %s "$BODY" | sed 's/"/\\"/g')"
    [ $i -lt 49 ] && echo next
    i=$((i + 1))
done >"$config"
check "50 requests at once" curl -sS --parallel --parallel-max 50 --parallel-immediate --max-time 40 -K "$config"
is "all answered" "$(cat out.* | jq -r .object | grep -c chat.completion)" 50

# Drawn latencies.
serve drawn --latency lognormal:50,1
post /chat/completions "$BODY"; is "a drawn latency: answered" "$STATUS" 200
for l in lognormal uniform:1,2 lognormal:5 lognormal:5,-1 lognormal:5,1,2,3 lognormal:5,9; do
    exits "--latency $l is wrong usage" 2 "$GRASP" model serve --latency "$l"
    has "and names it" err "'$l'"
done
exits "two latencies are wrong usage" 2 "$GRASP" model serve --latency lognormal:5,1 --latency-ms 5
serve plain

# More rollouts at once than the process may have connections: they take turns, and it is said.
serve busy --latency-ms 100
"$GRASP" synth -q --out clinic >/dev/null
(ulimit -n 100 && "$GRASP" eval clinic/grasp.yaml --split dev --json --set model.kind=openai \
    --set "model.base_url=$URL" --set model.name=simulated --set cycle.batch_concurrency=96) >few 2>err
is "few open files allowed: every rollout is scored" "$(jq -c '[.dev.n_total, .dev.unscored]' few)" "[96,0]"
has "and it is said" err "only 64 calls of the model at a time"

# a prompt cache: what was cached comes with each answer, is counted, priced, and part of the next plan
"$GRASP" model serve --port 0 --latency-ms 5 --cache machines=2,rate=0 >cache.log 2>cache.err & pid=$!
wait_line cache.log "listening on"
URL=$(sed -n 's/^listening on //p' cache.log)
cached() { # OPTIONS...
    "$GRASP" learn clinic/grasp.yaml --library cached --run cached-run --set cycle.epochs=1 \
        --set model.kind=openai --set "model.base_url=$URL" --set model.name=simulated \
        --set model.prompt_cache_key=true --set model.speculate=0 \
        --set 'prices={simulated: {input: 10, cached: 1, output: 10}}' "$@"
}
exits "a plan before anything was measured" 0 cached --dry-run
has "does not know the time" out "time: not known before the first batch"
exits "a run" 0 cached
has "the first batch says what the whole will take" err "by the first batch the run will take about"
is "most of the prompts was cached" "$(jq '.calls.total | .cached_tokens > .prompt_tokens * 0.6' \
    cached-run/run_summary.json)" true
is "and cost a tenth" "$(jq '.calls.total | .usd - ((.prompt_tokens - .cached_tokens) * 10 + .cached_tokens
    + .completion_tokens * 10) / 1e6 | fabs < 0.001' cached-run/run_summary.json)" true
has "the summary has what was new" out " new), "
exits "a plan by what was measured" 0 cached --dry-run
has "knows the time" out "by the latencies in the journal"
has "and what is cached" out " cached, "
rm -rf cached cached-run
exits "the key is no part of a call's name" 0 cached --set model.prompt_cache_key=false --journal keyless
exits "which the journal serves with it, too" 0 cached --library l2 --run r2 --journal keyless
is "at no call" "$(jq -c '[.calls.total.calls_made]' r2/run_summary.json)" '[0]'
kill -INT $pid; wait $pid
has "the server says how much was new" cache.log " of them cached, "
for wrong in machines=0 lifetime=5 machines=2,block=x; do
    exits "--cache $wrong" 2 "$GRASP" model serve --port 0 --cache $wrong
done

"$GRASP" model serve --port 0 --latency-ms 60000 >last.log 2>last.err & pid=$!
wait_line last.log "listening on"
kill -TERM $pid; wait $pid
is "SIGTERM ends it well" $? 0
done_testing
