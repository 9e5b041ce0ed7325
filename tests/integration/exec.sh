#!/bin/sh
# env.kind exec: the example worlds learn, a run that was stopped goes on, and children that hang,
# die, flood or write rubbish cost their own episodes and nothing else.
. "$(dirname "$0")/lib.sh"
C_WORLD=$GRASP_BUILD/examples/exec-c/world
DATA=$ROOT/tests/data/exec
LONG=$((100000 + $$)) # seconds; nobody else sleeps that long

# --- the examples

learns() { # NAME CONFIG OPTION...
    name=$1 config=$2; shift 2
    check "$name: doctor finds nothing missing" "$GRASP" doctor "$config" "$@"
    exits "$name: eval" 0 "$GRASP" eval "$config" --split val --json "$@"
    has "$name: the score says which model it is of" out '"model": "simulated model"'
    exits "$name: learn" 0 "$GRASP" learn "$config" --library "$T/$name-lib" --run "$T/$name-run" "$@"
    before=$(jq '.[0].n_correct' "$T/$name-run/val_scores.json")
    after=$(jq '[.[1:][].n_correct] | max' "$T/$name-run/val_scores.json")
    total=$(jq '.[0].n_total' "$T/$name-run/val_scores.json")
    if [ "$after" -ge $((before + total / 4)) ]; then ok "$name: val improves ($before to $after of $total)"
    else not_ok "$name: val improves" "$before before, $after after, of $total"; fi
    is "$name: nothing is unscored" "$(jq '[.[].unscored // 0] | add' "$T/$name-run/val_scores.json")" 0
    is "$name: skills hold no clinic" \
        "$(git -C "$T/$name-lib" grep -ciE 'FHIR|patient|Observation' best -- skills | wc -l)" 0
}

# A stopped run goes on where it was, and ends with the library of one that was not stopped.
resumes() { # NAME CONFIG OPTION...
    name=$1 config=$2; shift 2
    exits "$name: a run stops at its budget" 3 "$GRASP" learn "$config" --library "$T/$name-lib2" \
        --run "$T/$name-run2" --insist --set budget.calls=700 "$@"
    exits "$name: the same command goes on" 0 "$GRASP" learn "$config" --library "$T/$name-lib2" \
        --run "$T/$name-run2" "$@"
    is "$name: and ends with the same library" \
        "$(git -C "$T/$name-lib2" rev-parse 'best^{tree}')" "$(git -C "$T/$name-lib" rev-parse 'best^{tree}')"
}

# What a writer is asked speaks of this world's actions, not of FHIR's.
writer_reads() { # NAME CONFIG TEXT OPTION...
    name=$1 config=$2 text=$3; shift 3
    printf '[]' >nothing
    bg env ENDPOINT_KEEP="$T/$name.requests" "$GRASP_BUILD/tools/endpoint" '=say:nothing' >ep.log 2>&1
    endpoint=$!
    wait_line ep.log 'listening on' || return 1
    exits "$name: a writer that proposes nothing" 0 "$GRASP" learn "$config" --library "$T/$name-lib4" \
        --run "$T/$name-run4" -q --set cycle.epochs=1 --set writer.kind=openai --set writer.name=w \
        --set "writer.base_url=$(sed -n 's/^listening on //p' ep.log)" "$@"
    kill $endpoint
    for phase in classify propose; do
        grep -a "# Phase: $phase" "$name.requests" >asked
        has "$name: $phase quotes what the agent is told" asked "$text"
        is "$name: $phase does not speak of FHIR's" "$(grep -acE 'GET|POST|FINISH' asked)" 0
    done
}

if [ -x "$C_WORLD" ]; then
    set -- --set "env.command=[\"$C_WORLD\"]"
    learns c "$ROOT/examples/exec-c/grasp.yaml" "$@"
    resumes c "$ROOT/examples/exec-c/grasp.yaml" "$@"
    writer_reads c "$ROOT/examples/exec-c/grasp.yaml" 'exactly one action, a JSON object' "$@"

    # an episode may cost or change what nobody here knows of: only those that are wanted are played
    bg "$GRASP" model serve --port 0 --latency lognormal:30,0.8 >ahead.log 2>&1
    wait_line ahead.log 'listening on'
    exits 'in idle slots: a run' 0 "$GRASP" learn "$ROOT/examples/exec-c/grasp.yaml" --library "$T/idle-lib" \
        --run "$T/idle-run" -q --insist --set cycle.epochs=1 --set model.speculate=0.5 --set model.kind=openai \
        --set model.name=simulated --set "model.base_url=$(sed -n 's/^listening on //p' ahead.log)" "$@"
    is 'in idle slots: no episodes ahead' "$(jq -c '.ahead.calls' "$T/idle-run/run_summary.json")" 0
    # Each process ends in the middle of things, and what was lost with it is begun again.
    exits 'c: a run whose processes end all the time' 0 "$GRASP" learn "$ROOT/examples/exec-c/grasp.yaml" \
        --library "$T/c-lib3" --run "$T/c-run3" \
        --set "env.command=[sh, -c, \"sed -u 150q | exec '$C_WORLD'\"]"
    has 'c: its log says so' "$T/c-run3/run.log" 'a process is lost: exited with status 0'
    is 'c: nothing of it is unscored' "$(jq '[.[].unscored // 0] | add' "$T/c-run3/val_scores.json")" 0
    is 'c: it ends with the same library' \
        "$(git -C "$T/c-lib3" rev-parse 'best^{tree}')" "$(git -C "$T/c-lib" rev-parse 'best^{tree}')"
else
    skip 'the C world' "$C_WORLD is not built"
fi
if command -v python3 >/dev/null; then
    learns python "$ROOT/examples/exec-python/grasp.yaml"
    resumes python "$ROOT/examples/exec-python/grasp.yaml"
    writer_reads python "$ROOT/examples/exec-python/grasp.yaml" 'LOOKUP item, or, once'
    # The requests that the protocol's page shows, as a conversation with the world it belongs to.
    sed -n 's/^    > //p' "$ROOT/examples/exec-python/README.md" >asked
    python3 "$ROOT/examples/exec-python/world.py" <asked >answered
    is 'the requests of README.md are answered, each under its id' \
        "$(jq -c .id answered)" "$(jq -c 'select(.id).id' asked)"
else
    skip 'the Python world' 'no python3'
fi

# --- faults

task() { # ID FAULT
    printf '{"id":"%s","instruction":"What value has '"'%s'"'?","fault":"%s","extra":{"kept":[1]}}\n' "$1" "$1" "$2"
}
config() { # COMMAND...
    cat <<END
env: {kind: exec, timeout: 1, processes: 2, line_limit: 4096, command: [$1]}
model: {kind: simulated}
cycle: {batch_concurrency: 8, max_rounds: 4}
data: {val: val.jsonl, dev: dev.jsonl}
END
}
statuses() { jq -r '"\(.task_id) \(.status) \(.correct)"' "$1" | sort; }
why() { jq -r "select(.task_id == \"$2\") | .error" "$1"; }
left_over() { # what still runs of the faulty world
    for p in $(cat "$T/pids" 2>/dev/null); do
        grep -qs '^State:.[RSDT]' "/proc/$p/status" && grep -qs faulty "/proc/$p/cmdline" && echo "$p"
    done
    for c in /proc/[0-9]*/cmdline; do
        { tr '\0' ' ' <"$c"; } 2>/dev/null | grep -q "^sleep $LONG" && grep -qs '^State:.[RSDT]' "${c%cmdline}status" && echo "$c"
    done
}
gone() { [ -z "$(left_over)" ]; }

config "sh, $DATA/faulty.sh, $T, \"$LONG\"" >faulty.yaml
FAULTS='hang dies killed floods lines rubbish wrong-id both twice stdin stdout forks start-dies
    start-outage'
i=0
for f in $FAULTS; do
    task "x_$f" "$f"
    i=$((i + 1)); task "ok_$i" none
done >val.jsonl
{ task x_chatters chatters; task x_once once; task x_error start-error; task x_invalid invalid; } >>val.jsonl
task ok_0 none >dev.jsonl
exits 'too much that is unscored stops with the resumable exit code' 3 \
    "$GRASP" eval faulty.yaml --split val --out "$T/o"
runs=$T/o/val/test_runs.jsonl
is 'episodes beside a fault are scored' "$(statuses "$runs" | grep -c '^ok_[0-9]* completed true$')" 14
for f in $FAULTS; do
    is "$f: unscored" "$(statuses "$runs" | grep "^x_$f ")" "x_$f unscored false"
done
is 'a world that says error: task error' "$(statuses "$runs" | grep '^x_error')" 'x_error task error false'
is 'invalid' "$(statuses "$runs" | grep '^x_invalid')" 'x_invalid agent invalid action false'
is 'invalid is tagged for the writer' \
    "$(jq -c 'select(.task_id == "x_invalid").tags' "$runs")" '["easy","protocol_invalid"]'
is 'stderr does not block' "$(statuses "$runs" | grep '^x_chatters')" 'x_chatters completed true'
is 'a process that dies once costs nothing' "$(statuses "$runs" | grep '^x_once')" 'x_once completed true'
why "$runs" x_hang >why; has 'hang: says which limit' why 'no answer to step within 1 s (env.timeout)'
why "$runs" x_dies >why; has 'dies: says how, with its last words' why 'exited with status 3 (stderr: out of luck)'
why "$runs" x_killed >why; has 'killed: names the signal' why 'killed by signal 9'
why "$runs" x_floods >why; has 'floods: names the limit' why 'more than 4096 bytes (env.line_limit)'
why "$runs" x_rubbish >why; has 'rubbish: is shown' why 'Traceback (most recent call last):'
why "$runs" x_forks >why; has 'forks: its own end counts' why 'exited with status 0'
why "$runs" x_start-outage >why; has 'outage: its words' why 'the database is away'
is 'nothing of it runs on' "$(left_over)" ''

# --- the environment of its processes

cat >env.sh <<'END'
while read -r l; do i=${l#*:}; i=${i%%,*}; case $l in
*hello*) env >env.seen; echo '{"id":'$i',"protocol":1}' ;;
*start*) echo '{"id":'$i',"api":{}}' ;;
*step*) echo '{"id":'$i',"done":true,"answer":"1"}' ;;
*grade*) echo '{"id":'$i',"correct":true}' ;;
esac; done
END
task ok_1 none >env.jsonl
export MODEL_KEY=sk-marked-0123456789 WORLD_SIZE=7 LC_ALL=C
config 'sh, env.sh' >env.yaml
exits 'a world that looks at its environment' 0 "$GRASP" eval env.yaml --split val --set data.val=env.jsonl --set 'model.api_key=${MODEL_KEY}'
hasnt 'has no key in it' env.seen MODEL_KEY
hasnt 'nor what else is set' env.seen WORLD_SIZE
has 'but the usual things' env.seen 'LC_ALL=C'
has 'PATH too' env.seen "PATH=$PATH"
exits 'env.pass names what it is to see' 0 "$GRASP" eval env.yaml --split val --set data.val=env.jsonl --set 'env.pass=[WORLD_SIZE]'
has 'and it sees it' env.seen 'WORLD_SIZE=7'
hasnt 'and nothing more' env.seen MODEL_KEY
exits 'a name that is not set is refused' 1 "$GRASP" eval env.yaml --split val --set data.val=env.jsonl --set 'env.pass=[WORLD_SIEZ]'
has 'and named' err 'env.pass: WORLD_SIEZ is not set in the environment'
unset MODEL_KEY WORLD_SIZE LC_ALL

# --- commands that do not take up work

for c in /nowhere/world nowhere-world; do
    config "$c" >bad.yaml
    exits "$c: cannot be run" 1 "$GRASP" eval bad.yaml --split val
    has "$c: the message says what and where" err "cannot run '$c' in '"
done
config "sh, -c, 'read l; echo hello; exec sleep $LONG'" >bad.yaml
exits 'a greeting that is none' 3 "$GRASP" eval bad.yaml --split val
has 'is shown' err 'its answer to hello is no JSON object'
config "sh, -c, 'read l; echo \"{\\\"id\\\":1,\\\"protocol\\\":2}\"; sleep $LONG'" >bad.yaml
exits 'another version of the protocol' 3 "$GRASP" eval bad.yaml --split val
has 'is named' err 'another version of the protocol than 1'
config "sleep, \"$LONG\"" >bad.yaml
exits 'no greeting at all' 3 "$GRASP" eval bad.yaml --split val
has 'says so' err 'no answer to hello within 1 s'
config "cat" >bad.yaml
exits 'nothing but failures: the world is out of reach' 3 "$GRASP" eval bad.yaml --split val --out "$T/o2"
has 'and it says so' err 'processes failed in a row'
is 'and no answer is called wrong' "$(statuses "$T/o2/val/test_runs.jsonl" | grep -vc ' unscored false$')" 0
printf 'env: {kind: exec}\nmodel: {kind: simulated}\ndata: {val: val.jsonl}\n' >bad.yaml
exits 'no command' 1 "$GRASP" eval bad.yaml --split val
has 'says what to write' err 'env.command: [python3, world.py]'

# --- the end of the program is the end of its children

task x_hang hang >val.jsonl
for signal in KILL TERM; do
    rm -f pids hangs
    bg "$GRASP" eval faulty.yaml --split val --set env.timeout=600 >out 2>err
    pid=$!
    wait_line hangs hanging
    kill -$signal $pid
    wait $pid
    code=$?
    wait_until 10 gone
    is "SIG$signal: its child is gone, with all that it forked" "$(left_over)" ''
    [ $signal = KILL ] || is 'SIGTERM: resumable exit code' $code 3
done
done_testing
