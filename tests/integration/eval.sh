#!/bin/sh
# grasp eval, run and grade: what they print and write, in process and over HTTP; recorded episodes.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND

"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

# --- eval
exits "eval" 0 "$GRASP" eval clinic/grasp.yaml --split dev,test --out o --journal j
is "the table has a column a split" "$(sed -n 2p out | tr -s ' ' | sed 's/ *$//')" "family dev do nothing test do nothing"
is "a line a family, and the sum" "$(cut -d' ' -f1 out | sed 1,2d | tr '\n' ' ')" \
    "task1 task2 task3 task4 task5 task6 task7 task8 task9 task10 all interval "
is "files for each split" "$(find o -type f | sort | tr '\n' ' ')" \
    "o/dev/test_runs.jsonl o/dev/test_score.json o/test/test_runs.jsonl o/test/test_score.json "
is "score: keys" "$(jq -c keys o/dev/test_score.json)" \
    '["by_family","endings","interval","n_correct","n_total","score","unscored"]'
is "score: the split's size" "$(jq .n_total o/dev/test_score.json)" \
    "$(jq length clinic/tasks/split_dev.json)"
is "score: the share" "$(jq '.score == .n_correct / .n_total' o/dev/test_score.json)" true
is "score: the families add up" \
    "$(jq '([.by_family[].n_total] | add) == .n_total and
        ([.by_family[].n_correct] | add) == .n_correct' o/dev/test_score.json)" true
is "the table says the same" "$(awk '$1 == "all" { print $4 }' out)" \
    "$(jq -r '"\(.n_correct)/\(.n_total)"' o/dev/test_score.json)"
is "runs: keys" "$(jq -c keys o/dev/test_runs.jsonl | sort -u)" \
    '["actions","calls","correct","draw","error","messages","reason","reasons","result","status","tags","task_id","usage"]'
is "runs: in the order of the task file" "$(jq -r .task_id o/dev/test_runs.jsonl)" \
    "$(jq -r '.[].id' clinic/tasks/split_dev.json)"
is "runs: as many correct ones" "$(jq -s 'map(select(.correct)) | length' o/dev/test_runs.jsonl)" \
    "$(jq .n_correct o/dev/test_score.json)"
is "a wrong one has a reason" \
    "$(jq -c 'select(.correct | not) | select(.reason == "")' o/*/test_runs.jsonl)" ""
exits "all splits, as JSON" 0 "$GRASP" eval clinic/grasp.yaml --split all --json --journal j -q
is "keys" "$(jq -c keys out)" '["dev","id_test","model","test","val"]'
is "dev is what it was" "$(jq -c ".dev | del(.do_nothing)" out)" "$(jq -c . o/dev/test_score.json)"
is "stderr is silent" "$(cat err)" ""
exits "val by default, with few in flight" 0 "$GRASP" eval clinic/grasp.yaml --json \
    --set cycle.batch_concurrency=1
is "and it is val" "$(jq -c keys out)" '["model","val"]'
exits "from the journal alone" 0 "$GRASP" eval clinic/grasp.yaml --split dev,test --out o2 \
    --journal j --replay-only
is "the same bytes" "$(cat o2/dev/test_runs.jsonl o2/test/test_runs.jsonl | cksum)" \
    "$(cat o/dev/test_runs.jsonl o/test/test_runs.jsonl | cksum)"

# --- run
id=$(jq -r '.[0].id' clinic/tasks/split_dev.json)
exits "run" 0 "$GRASP" run clinic/grasp.yaml "$id"
has "prints the prompt" out "--- 0 user ("
has "the task" out "task     $id"
has "the status" out "status   completed"
has "the verdict" out "verdict  "
exits "run --json" 0 "$GRASP" run clinic/grasp.yaml "$id" --json
is "is the line of the evaluation" "$(jq -cS 'del(.draw)' out)" \
    "$(jq -cS "select(.task_id == \"$id\") | del(.draw)" o/dev/test_runs.jsonl)"
exits "a task that is not there" 1 "$GRASP" run clinic/grasp.yaml task99_1
has "is named" err "task99_1"

# --- grade: our own runs' verdicts come out again
cat o/dev/test_runs.jsonl o/test/test_runs.jsonl >runs
exits "grade" 0 "$GRASP" grade clinic/grasp.yaml -q <runs
is "verdicts and reasons of completed runs" "$(jq -c '[.task_id, .correct, .reason]' out)" \
    "$(jq -c '[.task_id, .correct, if .result == null then "no answer" else .reason end]' runs)"
jq -c --slurpfile t clinic/tasks/all_tasks.json \
    '. as $r | {task: ($t[0][] | select(.id == $r.task_id)), messages, result}' runs >with_tasks
cp out verdicts
exits "grade, with the tasks in the lines" 0 "$GRASP" grade clinic/grasp.yaml -q --file with_tasks
check "the same" cmp out verdicts
exits "a line cut in half" 1 "$GRASP" grade clinic/grasp.yaml --file - <<END
$(head -n 1 runs)
$(sed -n 2p runs | cut -c 1-200)
END
has "is named" err "2"
is "the line before it is graded" "$(wc -l <out | tr -d ' ')" 1

# --- replay: the runs as a model
exits "replay" 0 "$GRASP" eval clinic/grasp.yaml --split dev,test --out o3 -q \
    --set model.kind=replay --set "model.replay_file=$T/runs" --set model.temperature=0
is "the same verdicts" "$(jq -c '[.task_id, .status, .correct, .reason]' o3/*/test_runs.jsonl)" \
    "$(jq -c '[.task_id, .status, .correct, .reason]' o/*/test_runs.jsonl)"
head -n 3 runs >few
exits "a conversation that is not in the recording is no wrong answer" 3 "$GRASP" eval \
    clinic/grasp.yaml --split dev -q --set model.kind=replay --set "model.replay_file=$T/few"
has "and is said" err "3 of"

# --- over HTTP: the same verdicts, the same calls
serve_fhir() { # LOG FILE...
    log=$1; shift
    set -- $(for f in "$@"; do printf -- '--data %s ' "$f"; done)
    bg "$GRASP" fhir serve --port 0 -q "$@" >"$log" 2>"$log.err"
    wait_line "$log" "listening on" || { cat "$log.err"; return 1; }
    BASE=$(sed -n 's/^listening on \([^ ]*\).*/\1/p' "$log")
}
# (in the configuration's order: searches answer in the order of loading)
if serve_fhir fhir.log $(sed -n 's|^    - fhir/|clinic/fhir/|p' clinic/grasp.yaml); then ok "grasp fhir serve"; else not_ok "grasp fhir serve"; fi
echo "# $BASE"
exits "in process, at that address" 0 "$GRASP" eval clinic/grasp.yaml --split dev,test --out in \
    --journal jin -q --set "task.fhir_api_base=$BASE"
sed '/^fhir:/,/^$/d' clinic/grasp.yaml >clinic/remote.yaml
exits "over HTTP" 0 "$GRASP" eval clinic/remote.yaml --split dev,test --out over \
    --journal jover -q --set "task.fhir_api_base=$BASE"
check "the same traces and verdicts" cmp in/dev/test_runs.jsonl over/dev/test_runs.jsonl
check "also of the tests" cmp in/test/test_runs.jsonl over/test/test_runs.jsonl
exits "HTTP again, with nothing but the other's journal" 0 "$GRASP" eval clinic/remote.yaml \
    --split dev,test --out again --journal jin --replay-only -q --set "task.fhir_api_base=$BASE"
exits "grade over HTTP" 0 "$GRASP" grade clinic/remote.yaml -q --file in/dev/test_runs.jsonl \
    --set "task.fhir_api_base=$BASE"
is "the same verdicts" "$(jq -c '[.task_id, .correct]' out)" \
    "$(jq -c '[.task_id, .correct]' in/dev/test_runs.jsonl)"

# --- MedAgentBench, recorded
M=$GRASP_SHARED/medagentbench
if [ ! -d "$M/recorded" ]; then skip "recorded episodes" "no MedAgentBench data"; done_testing; fi
{
    echo "data:"
    echo "  full: $M/v1/test_data_v2.json"
    echo "  funcs: $M/v1/funcs_v1.json"
    for s in dev val id_test test; do echo "  $s: $M/v1/split_$s.json"; done
    echo "fhir:"
    echo "  load:"
    for f in "$M"/recorded/fhir/*.ndjson "$M/rebuilt/Observation.ndjson"; do echo "    - $f"; done
} >v1.yaml
exits "recorded episodes are graded" 0 "$GRASP" grade v1.yaml -q --file "$M/recorded/episodes.jsonl"
is "200 verdicts as recorded" "$(jq -c '[.task_id, .correct]' out)" \
    "$(jq -c '[.task_id, .verdict]' "$M/recorded/episodes.jsonl")"
for m in $(jq -r .model "$M/recorded/episodes.jsonl" | sort -u); do
    jq -c "select(.model == \"$m\")" "$M/recorded/episodes.jsonl" >episodes
    jq -r .task_id episodes >ids
    jq -c --rawfile ids ids '($ids | split("\n")) as $i | map(select(.id as $d | $i | index($d)))' \
        "$M/v1/test_data_v2.json" >tasks.json
    exits "replay of $m" 0 "$GRASP" eval v1.yaml --split full --out "r_$m" -q \
        --set "data.full=$T/tasks.json" --set model.kind=replay --set model.name="$m" \
        --set "model.replay_file=$T/episodes" --set gate.coverage_floor=0
    is "100 verdicts of $m as recorded" "$(jq -c '[.task_id, .status, .correct]' \
        "r_$m/full/test_runs.jsonl" | sort)" \
        "$(jq -c '[.task_id, "completed", .verdict]' episodes | sort)"
done
done_testing
