#!/bin/sh
# grasp watch: a run that runs, one that died, one that is done, a matrix; screens of any size.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND

widest() { awk '{ n = length($0); if (n > most) most = n } END { print most + 0 }' "$1"; }
within() { [ "$(widest "$1")" -le "$2" ]; }

# --- a run that is done
learned
exits "a run that is done" 0 "$GRASP" watch run
has "says so" out "run: done"
has "its curve" out "no skills  val"
has "each epoch of it" out "epoch 2    val"
has "the last decisions" out "Last decisions"
has "in words" out "refused: "
has "and numbers" out "regression"
hasnt "nothing is in work" out "Update in work"
check "no line is wider than a terminal is where there is none" within out 80
COLUMNS=200 "$GRASP" watch run >wide
check "nor a wide one" within wide 200
check "two columns where there is room" grep -q 'no skills.*[0-9]\.[0-9] .*ADD\|epoch.*refused\|epoch.*accepted' wide
COLUMNS=40 "$GRASP" watch run >narrow
check "and a narrow one" within narrow 40
bad "no run" "is no run's directory" watch clinic
usage "one at a time" "" watch run run
check "its files are as they were" test ! -e run/status.json

# --- a run that runs
bg "$GRASP" model serve --port 0 --latency-ms 150 -q >served 2>&1
SERVER=$!
wait_line served "listening on" || cat served
URL=$(sed -n 's/^listening on //p' served)
"$GRASP" synth -q --patients 60 --out small >/dev/null
bg "$GRASP" learn small/grasp.yaml --library live-lib --run live -q --set model.kind=openai \
    --set model.base_url="$URL" --set model.name=simulated --set cycle.batch_concurrency=16 \
    --set model.price.prompt=1 --set model.price.completion=2
RUN=$!
mkdir -p live && mkfifo live/status.json.tmp && ln -s ../not-mine live/status.json.tmp.000000
begun() { jq -e '.parts | length > 0' live/status.json >/dev/null 2>&1; }
if wait_until 60 begun; then ok "it says what it is at"; else not_ok "it says what it is at"; fi
exits "the screen of a run that runs" 0 "$GRASP" watch live
has "where it is" out "running, epoch 1 of"
has "what it costs" out "USD"
has "its endpoint" out "in flight"
is "the file is whole" "$(jq -r '.run' live/status.json)" "$(jq -r .run live/run.json)"
work() { jq -e '.arms | length > 0' live/status.json >/dev/null 2>&1; }
if wait_until 120 work; then ok "an update is in work"; else not_ok "an update is in work"; fi
jq -c . live/status.json >caught
is "an outcome a probe" "$(jq -c '[.probes as $p | .arms[].outcomes | length == ($p | length)] | unique' caught)" "[true]"
kill -9 "$RUN"
wait "$RUN" 2>/dev/null
check "a link where it writes is not followed" test ! -e not-mine
cp caught live/status.json
exits "one that was killed" 0 "$GRASP" watch live
has "is said to be gone" out "its process is gone without a word"
jq -c --argjson pid $$ '.pid = $pid' caught >live/status.json
exits "one whose number is another process's now" 0 "$GRASP" watch live
has "is gone all the same" out "its process is gone without a word"
cp caught live/status.json
exits "one that was killed" 0 "$GRASP" watch live
has "and how to go on" out "the same command goes on"
has "its update, probe by probe" out "the library"
has "and arm by arm" out "+ fixed, - broke"
jq -c '.host = "elsewhere" | .when = "2020-01-01T00:00:00Z"' caught >live/status.json
exits "one on another host" 0 "$GRASP" watch live
has "that has not been heard of" out "no word for"
jq -c --arg now "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '.host = "elsewhere" | .when = $now |
    .waits = "a limit until 14:05" | .where = "epoch \u001b[31m 1" | .arms[0].edit = "ADD \u202e x"' \
    caught >live/status.json
exits "that was heard of a moment ago" 0 "$GRASP" watch live --once
has "runs" out "running, epoch"
has "what it waits for" out "waits for a limit until 14:05"
check "no control character gets through" sh -c '! grep -q "$(printf "\033")" out'
rm live/status.json && mkfifo live/status.json
exits "a pipe in its place holds nobody up" 0 "$GRASP" watch live
has "and is no sign of life" out "it has not begun to measure"
exits "nor the page" 0 "$GRASP" report live -o live.html
rm live/status.json && ln -s /dev/zero live/status.json
exits "nor does a device" 0 "$GRASP" watch live
rm live/status.json
jq -c '.left = 1e300 | .calls = 9223372036854775807 | .when = "9999-12-31T23:59:59Z" | .began = .when |
    .host = "elsewhere" | .parts = [{what: "dev", done: 9223372036854775807, total: 1, scored: 1, passed: -5}] |
    .curve = [{epoch: 9223372036854775807, done: 1, total: 2, passed: 1e18 | floor},
              {epoch: -9, done: -1, passed: 1, total: 0, dev_score: 1e308}] | .probes[0].base = "pf\u001b" |
    .arms[0] = 7' caught >live/status.json
exits "numbers of any size" 0 "$GRASP" watch live
check "stay within the width" within out 80
exits "on a page as well" 0 "$GRASP" report live -o live.html
printf '{"pid": 1' >live/status.json
exits "a file that is being written" 0 "$GRASP" watch live
kill "$SERVER"

# --- goes on, and leaves nothing
exits "the run goes on" 0 "$GRASP" learn small/grasp.yaml --library other-lib --run other -q
check "when it has ended the file is gone" test ! -e other/status.json

# --- a matrix
exits "a matrix" 0 "$GRASP" compare small/grasp.yaml --methods none,grasp --out matrix -q
exits "of runs" 0 "$GRASP" watch matrix
has "how many" out "matrix: 2 cells, 2 done"
has "a line a cell" out "val "
check "within the width" within out 80
done_testing
