#!/bin/sh
# grasp grade: logs in anybody's form, the base they name, every reason, agents' last characters.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND

"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
exits "runs to grade" 0 "$GRASP" eval clinic/grasp.yaml --split dev --out o -q
exits "as they are" 0 "$GRASP" grade clinic/grasp.yaml -q --file o/dev/test_runs.jsonl
cp out verdicts
is "all of them" "$(wc -l <verdicts | tr -d ' ')" "$(jq length clinic/tasks/split_dev.json)"
is "the base is the prompt's" "$(jq -r '.base + " " + .base_from' verdicts | sort -u)" \
    "http://localhost:8080/fhir/ conversation"
is "no reason of a right one, one at least of a wrong one" \
    "$(jq -c 'select((.reasons == []) != .correct)' verdicts)" ""
is "the first reason is the reason" \
    "$(jq -c 'select(.correct | not) | select(.reason != "no answer") | select(.reasons[0] != .reason)' verdicts)" ""
is "runs say all reasons, too" "$(jq -c '[.task_id, .reasons]' o/dev/test_runs.jsonl)" \
    "$(jq -c '[.task_id, .reasons]' verdicts)"

# --- long texts stand in the file beside, and are asked for by name where it is not there
cp o/dev/test_runs.jsonl alone.jsonl
exits "lines without the file beside" 1 "$GRASP" grade clinic/grasp.yaml -q --file alone.jsonl
has "what is missing" err "'alone.jsonl.zst', which has them whole, is not there"
exits "through a pipe" 1 "$GRASP" grade clinic/grasp.yaml -q <alone.jsonl
has "which file to give" err "standard input: long texts are left out of these lines; give the .zst"
exits "that file" 0 "$GRASP" grade clinic/grasp.yaml -q --file o/dev/test_runs.jsonl.zst
check "the same verdicts" cmp out verdicts
zstdcat o/dev/test_runs.jsonl.zst >whole.jsonl

# --- other forms of the same episodes
jq -c --slurpfile t clinic/tasks/all_tasks.json '. as $r | ($t[0] | map(.id) | index($r.task_id)) as $i |
    {index: $i, error: null, info: null, time: {}, output: {index: $i, status, result, history: .messages}}' \
    whole.jsonl >runs.jsonl
jq -s '{total: length, validation: {}, custom: {"success rate": 0, raw_results: map(.output)}}' \
    runs.jsonl >overall.json
jq -s 'map({task_name: ("clinic/" + .task_id), result: (.result as $t | try ($t | fromjson) catch $t),
    history: (.messages | map(.role |= if . == "agent" then "assistant" else . end))})' \
    whole.jsonl >submission.json
jq -c '{task_id, messages}' whole.jsonl >bare.jsonl
for f in runs.jsonl overall.json submission.json bare.jsonl; do
    exits "$f" 0 "$GRASP" grade clinic/grasp.yaml -q --file $f
    check "$f: the same verdicts" cmp out verdicts
done
exits "through a pipe" 0 "$GRASP" grade clinic/grasp.yaml -q <overall.json
check "the same" cmp out verdicts
exits "places without the file of all tasks" 1 "$GRASP" grade clinic/grasp.yaml --set data.full= \
    --file runs.jsonl
has "what to set" err "data.full"

# --- the base
id=$(jq -r '.[] | select(.id | startswith("task3_")) | .id' clinic/tasks/all_tasks.json | head -n 1)
mrn=$(jq -r --arg id "$id" '.[] | select(.id == $id) | .eval_MRN' clinic/tasks/all_tasks.json)
# line FIRST_MESSAGE BASE
line() {
    jq -cn --arg id "$id" --arg mrn "$mrn" --arg first "$1" --arg base "$2" '{task_id: $id, messages: [
        {role: "user", content: $first},
        {role: "agent", content: ("POST " + $base + "Observation\n" + ({resourceType: "Observation",
            category: [{coding: [{system: "http://hl7.org/fhir/observation-category",
                code: "vital-signs", display: "Vital Signs"}]}], code: {text: "BP"},
            effectiveDateTime: "2023-11-13T10:15:00+00:00", status: "final",
            valueString: "118/77 mmHg", subject: {reference: ("Patient/" + $mrn)}} | tojson))},
        {role: "user", content: "POST request accepted"}, {role: "agent", content: "FINISH([])"}]}'
}
{
    line 'Note that you should use https://ehr.test/r4 as the api_base.' https://ehr.test/r4/
    line '{"api":{"base_url":"https://ehr.test/r4/","functions":[{"description":"http://x.org/fhir/"}]}}' \
        https://ehr.test/r4/
    line 'Systems are http://hl7.org/fhir/sid/ndc' http://localhost:8080/fhir/
} >bases
exits "named bases" 0 "$GRASP" grade clinic/grasp.yaml -q --file bases
is "and where they are from" "$(jq -c '[.correct, .base, .base_from]' out)" \
    '[true,"https://ehr.test/r4/","conversation"]
[true,"https://ehr.test/r4/","conversation"]
[true,"http://localhost:8080/fhir/","configuration"]'
line 'no URL' http://other.test/ >unnamed
exits "under another base" 0 "$GRASP" grade clinic/grasp.yaml -q --file unnamed
is "it is the wrong place" "$(jq -r '.reasons[]' out | cut -c 1-4)" "url:"
exits "--base" 0 "$GRASP" grade clinic/grasp.yaml -q --file unnamed --base http://other.test
is "it is the right one" "$(jq -c '[.correct, .base, .base_from]' out)" \
    '[true,"http://other.test/","option"]'
exits "a base that is none" 2 "$GRASP" grade clinic/grasp.yaml -q --file unnamed --base other.test

# --- every reason
jq -c '.messages[1].content |= sub("\"final\"";"\"draft\"") | .messages[1].content |= sub("\"BP\"";"5")
    | .messages[1].content |= sub("/Observation";"/Obs")' unnamed >wrong
exits "an order with three faults" 0 "$GRASP" grade clinic/grasp.yaml -q --file wrong \
    --base http://other.test/
is "has three reasons and the member's" "$(jq -r '.reasons[]' out | sed 's/: .*//' | tr '\n' ' ')" \
    "url payload.code payload.code.text payload.status "

# --- what is refused, with its line
# refused NAME ROW WHAT
refused() {
    { cat unnamed; printf '%s\n' "$2"; } >rows
    exits "$1" 1 "$GRASP" grade clinic/grasp.yaml --file rows
    has "$1: the line" err "line 2: "
    has "$1: what is wrong" err "$3"
    is "$1: the line before it is graded" "$(wc -l <out | tr -d ' ')" 1
}
refused "a result of another type" '{"task_id":"'"$id"'","result":{}}' "'result' is an object"
refused "messages of another type" '{"task_id":"'"$id"'","messages":{}}' "'messages' is an object"
refused "an index that is none" '{"index":"1"}' "'index' is a string"
refused "an index past the end" '{"index":300}' "has 300 tasks"
refused "no task" '{"messages":[]}' "needs a task"
refused "no row" '5' "a number where an episode"
done_testing
