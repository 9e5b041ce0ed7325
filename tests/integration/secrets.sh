#!/bin/sh
# A marked key, sent to a server that repeats it in everything it says: it is in no file, log, output,
# argument list or core file afterwards. And text that gives orders to terminals gives none.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
export SOURCE_DATE_EPOCH=1700000000 GIT_CONFIG_NOSYSTEM=1 HOME="$T"
endpoint="$GRASP_BUILD/tools/endpoint"
[ -x "$endpoint" ] || skip_all "$endpoint is not built (make test builds it)"
KEY='sk-marked/9f8e"7d6c5b4a3210' # as it stands, in a URL and in JSON
export MODEL_KEY="$KEY" MODEL_URL=
in_url=sk-marked%2F9f8e%227d6c5b4a3210
in_json='sk-marked/9f8e\"7d6c5b4a3210'
ESC=$(printf '\033')
mkdir "$T/own" server && cd "$T/own" || exit 1
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

serve() { # RULE...
    [ -z "${ENDPOINT:-}" ] || kill "$ENDPOINT"
    : >../server/log
    (cd ../server && exec "$endpoint" "$@") >../server/log 2>../server/err &
    ENDPOINT=$!
    BG="$BG $ENDPOINT"
    wait_line ../server/log "listening on" || cat ../server/err
    MODEL_URL=$(sed -n 's/^listening on //p' ../server/log)
}
try() { # NAME ARGUMENTS...: whatever it ends with, what it says is kept
    n=$1; shift
    "$GRASP" "$@" -v >"$n.out" 2>"$n.err"
}
ask() { # NAME ARGUMENTS...
    n=$1; shift
    try "$n" "$@" --set model.kind=openai --set model.name=parrot --set 'model.base_url=${MODEL_URL}' \
        --set 'model.api_key=${MODEL_KEY}' --set model.attempts=2
}
found() { grep -rlaF -e "$KEY" -e "$in_url" -e "$in_json" . | sort | paste -sd ' '; }

# --- a server that repeats its key

printf 'FINISH(["%s"]) Bearer %s %s %s' "$KEY" "$KEY" "$in_url" "$in_json" >../server/answer
jq -cn --arg k "$KEY" '[{action: "ADD", name: "parrot", description: "When a lab value is asked for.",
    content: "## When to Use\nA lab value is asked for: \($k).\n\n## Recommended Patterns\n- \($k)", tags: ["lab"]}]' \
    >../server/edit
jq -cn --arg k "$KEY" '{error: {message: "\($k) may not", type: $k, code: $k}}' >../server/error
serve 'Phase: propose=say:edit' '=say:answer'
ask doctor doctor clinic/grasp.yaml
ask eval eval clinic/grasp.yaml --split val --out o
is 'the server was asked' "$(grep -c ' HTTP/' ../server/log | awk '{print ($1 > 20)}')" 1
ask learn learn clinic/grasp.yaml --library lib --run run --set cycle.epochs=1
ask run run clinic/grasp.yaml "$(jq -r '.[0].id' clinic/tasks/val.json 2>/dev/null || echo task1_1)" --whole
try report report run -o page.html
try show skills log lib
try evidence skills show lib
try export journal export run
try stat journal stat run
try rows export run --out rows
try rows_json export run --rows updates --format jsonl
try watched watch run
for j in $(find clinic -name '.grasp' -type d); do
    try kept journal export "$(dirname "$(find "$j" -name data.mdb | head -n 1)")"
done
is 'calls are kept beside the configuration' "$(grep -c . kept.out | awk '{print ($1 > 20)}')" 1
find . -name '*.zst' -exec zstdcat {} + >traces.out
is 'and texts beside the traces' "$(grep -c '\*\*\*\*\*\*' traces.out | awk '{print ($1 > 20)}')" 1
is 'the journal has the answers, with stars' "$(grep -c '\*\*\*\*\*\*' export.out | awk '{print ($1 > 20)}')" 1
git -C lib fsck --full >fsck.out 2>&1
for o in $(git -C lib cat-file --batch-all-objects --batch-check='%(objectname)' 2>/dev/null); do
    git -C lib cat-file -p "$o"
done >objects.out
is 'the key is in no file and no output' "$(found)" ''

# --- errors

serve '=status:401:error'
ask e401 eval clinic/grasp.yaml --split val --out o2
has 'the server refused' e401.err '401'
serve '=status:500:error'
ask e500 eval clinic/grasp.yaml --split val --out o3 --set model.attempts=1
kill "$ENDPOINT"; wait "$ENDPOINT" 2>/dev/null; ENDPOINT=
MODEL_URL="http://127.0.0.1:1/v1/$in_url" ask unreachable eval clinic/grasp.yaml --split val --out o4
ask config eval clinic/grasp.yaml --split val --set 'model.nokey=${MODEL_KEY}'
is 'nor after failures of all kinds' "$(found)" ''

# --- a process at work

serve '=hang'
(exec "$GRASP" eval clinic/grasp.yaml --split val --set model.kind=openai --set model.name=parrot \
    --set 'model.base_url=${MODEL_URL}' --set 'model.api_key=${MODEL_KEY}' >hang.out 2>hang.err) &
pid=$!
BG="$BG $pid"
wait_line ../server/log 'POST'
is 'it is not among its arguments' "$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -cF "$KEY")" 0
is 'it would leave no core file' "$(awk '/^Max core/ { print $5 }' "/proc/$pid/limits")" 0
end_now "$pid"
(exec "$GRASP" learn clinic/grasp.yaml --library hung-lib --run hung --set model.kind=openai --set model.name=parrot \
    --set 'model.base_url=${MODEL_URL}' --set 'model.extra={user: "${MODEL_KEY}"}' --set 'model.api_key=${MODEL_KEY}' \
    >learn.out 2>learn.err) &
pid=$!
BG="$BG $pid"
alive() { [ "$(jq -r '.endpoints.executor.endpoints | length' hung/status.json 2>/dev/null)" = 1 ]; }
if wait_until 30 alive; then ok 'a run says what it is at'; else not_ok 'a run says what it is at' "$(cat learn.err)"; fi
try watching watch hung
try running report hung -o hung.html
end_now "$pid"
is 'and not the key' "$(found)" ''
serve '=status:500:error'
try resumed learn clinic/grasp.yaml --library hung-lib --run hung --set model.kind=openai --set model.name=parrot \
    --set 'model.base_url=${MODEL_URL}' --set 'model.extra={user: "${MODEL_KEY}"}' \
    --set 'model.api_key=${MODEL_KEY}' --set model.attempts=1
has 'the run went on' resumed.err 'could not be scored'
hasnt 'a value that holds it is the same at a resume' resumed.err 'another configuration'
is 'nor is it there then' "$(found)" ''

# --- who may read it

(umask 077 && "$GRASP" learn clinic/grasp.yaml --library shy-lib --run shy --set cycle.epochs=1 --set cycle.grpo_k=1 -q &&
    "$GRASP" export shy --out shy-rows && "$GRASP" report shy -o shy.html) >shy.out 2>shy.err
is 'a run of one user' "$(jq -r .status shy/run_summary.json)" done
is 'is read by no other' "$(find shy shy-lib shy-rows shy.html -perm /077 ! -type l)" ''

# --- terminals

printf 'GET http://x/\033[2J\033]0;owned\007\302\233m\342\200\256 FINISH([1])' >../server/orders
serve '=say:orders'
ask orders run clinic/grasp.yaml "$(jq -r '.[0].id' clinic/tasks/val.json 2>/dev/null || echo task1_1)"
hasnt 'a model gives no orders to the terminal' orders.out "$ESC"
has 'but what it said is seen' orders.out '\u001b[2J'
hasnt 'one character is enough for none' orders.out "$(printf '\302\233')"
hasnt 'nor is text turned around' orders.out "$(printf '\342\200\256')"
ask raw run clinic/grasp.yaml "$(jq -r '.[0].id' clinic/tasks/val.json 2>/dev/null || echo task1_1)" --raw
has '--raw prints what is there' raw.out "$ESC[2J"
"$GRASP" eval "$(printf 'no\033[31m.yaml')" --split val >/dev/null 2>err
hasnt 'messages give none either' err "$ESC"
has 'and name it' err 'no\u001b[31m.yaml'
done_testing
