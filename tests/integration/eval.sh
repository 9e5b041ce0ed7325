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
    "o/dev/test_runs.jsonl o/dev/test_runs.jsonl.zst o/dev/test_score.json o/test/test_runs.jsonl o/test/test_runs.jsonl.zst o/test/test_score.json "
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
# jq from 1.7 on prints a number as it was written, where nothing is done with it
numbers='walk(if type == "number" then . + 0 else . end)'
is "dev is what it was" "$(jq -c ".dev | del(.do_nothing) | $numbers" out)" "$(jq -c "$numbers" o/dev/test_score.json)"
is "stderr is silent" "$(cat err)" ""
exits "val by default, with few in flight" 0 "$GRASP" eval clinic/grasp.yaml --json \
    --set cycle.batch_concurrency=1
is "and it is val" "$(jq -c keys out)" '["model","val"]'
exits "from the journal alone" 0 "$GRASP" eval clinic/grasp.yaml --split dev,test --out o2 \
    --journal j --replay-only
is "the same bytes" "$(cat o2/*/test_runs.jsonl o2/*/test_runs.jsonl.zst | cksum)" \
    "$(cat o/*/test_runs.jsonl o/*/test_runs.jsonl.zst | cksum)"

# --- the journal that nobody asked for: beside the configuration
"$GRASP" synth -q --patients 60 --out own >/dev/null
exits "an eval" 0 "$GRASP" eval own/grasp.yaml --json
has "keeps its calls" err "calls made, kept in own/.grasp/journal"
cp out first
is "where git does not see it" "$(cat own/.grasp/.gitignore)" '*'
exits "the same again" 0 "$GRASP" eval own/grasp.yaml --json
check "is the same" cmp out first
has "and says what it replayed" err ", 0 calls made; --again 1 draws anew"
exits "drawn anew" 0 "$GRASP" eval own/grasp.yaml --json --again 1
has "it is made anew" err "calls made, kept in"
exits "that again" 0 "$GRASP" eval own/grasp.yaml --json --again 1
has "is that" err ", 0 calls made"
exits "from it alone" 0 "$GRASP" eval own/grasp.yaml --json -q --replay-only
exits "what it has not" 3 "$GRASP" eval own/grasp.yaml -q --replay-only --again 2
usage "a count that is none" "--again" eval own/grasp.yaml --again x
exits "without" 0 "$GRASP" eval own/grasp.yaml --json --no-journal
hasnt "it neither replays nor keeps" err "journal"
exits "stopped by a budget" 3 "$GRASP" eval own/grasp.yaml --split dev --set budget.calls=50
has "it says what it has" err "50 calls made, kept in"
exits "the budget is spent, also by another process" 3 "$GRASP" eval own/grasp.yaml --split dev \
    --set budget.calls=50 --json
has "which makes no call" err ", 0 calls made"
exits "raised, it goes on" 3 "$GRASP" eval own/grasp.yaml --split dev --set budget.calls=80
has "by what it was raised" err "30 calls made"
exits "another split has a budget of its own" 3 "$GRASP" eval own/grasp.yaml --split id_test \
    --set budget.calls=20
has "all of it" err "20 calls made, kept in"
exits "it goes on" 0 "$GRASP" eval own/grasp.yaml --split dev --set budget.calls=0
has "from there" err "80 of "
mkdir other && touch other/file && mv own/.grasp other/there && ln -s "$T/other/file" own/.grasp
exits "where none can be made" 0 "$GRASP" eval own/grasp.yaml --json
has "that is said" err "no call is kept"
check "and nothing else changes" cmp out first

# --- run
id=$(jq -r '.[0].id' clinic/tasks/split_dev.json)
exits "run" 0 "$GRASP" run clinic/grasp.yaml "$id"
has "prints the prompt" out "--- 0 user ("
has "the task" out "task     $id"
has "the status" out "status   completed"
has "the verdict" out "verdict  "
exits "run --json" 0 "$GRASP" run clinic/grasp.yaml "$id" --json
is "is the line of the evaluation" "$(jq -cS 'del(.draw)' out)" \
    "$(zstdcat o/dev/test_runs.jsonl.zst | jq -cS "select(.task_id == \"$id\") | del(.draw)")"
exits "a task that is not there" 1 "$GRASP" run clinic/grasp.yaml task99_1
has "is named" err "task99_1"

# --- the user's own block of skills
mkdir -p from clinic/prompts
printf -- '---\nname: newest-entry\ndescription: Use when the newest is asked for.\nmetadata:\n  version: "1"\n---\n\n# Newest\n\nSort by date.\n' >from/newest-entry.md
exits "a library" 0 "$GRASP" skills import mine from
exits "our block" 0 "$GRASP" run clinic/grasp.yaml "$id" -l mine --json
jq -r '.messages[0].content' out | jq -r .behavioral_skills >ours
has "says what skills are for" ours "also where it adds a step"
hasnt "and forbids nothing that they are for" ours "never adds"
has "shows the skill" ours "## Skill: newest-entry"
printf '{{#skills}}\nHOUSE RULE {{name}}: {{body}}\n{{/skills}}\n' >clinic/prompts/inject.md
exits "the user's block" 0 "$GRASP" run clinic/grasp.yaml "$id" -l mine --json \
    --set prompt.dir=prompts
jq -r '.messages[0].content' out >texts
has "reaches the executor" texts "HOUSE RULE newest-entry: # Newest"
hasnt "ours does not" texts "## Skill: newest-entry"
exits "no skills, no block" 0 "$GRASP" run clinic/grasp.yaml "$id" --json --set prompt.dir=prompts
hasnt "of nothing" out "HOUSE RULE"
printf '{{#skills}}\n' >clinic/prompts/inject.md
exits "a block that cannot be read" 1 "$GRASP" run clinic/grasp.yaml "$id" --set prompt.dir=prompts
has "is named before anything is asked" err "prompts/inject.md"

# --- the user's own texts
printf 'answer: "The answer: {answer} Anything else?"\nreminder: "{left} turns left"\n' >clinic/texts.yaml
exits "the user's texts" 0 "$GRASP" eval clinic/grasp.yaml --split test --out otexts -q \
    --set prompt.texts=texts.yaml
is "the result names their hash" "$(jq -r .prompt_texts otexts/test/test_score.json)" \
    "$(sha256sum <clinic/texts.yaml | cut -d' ' -f1)"
zstdcat otexts/test/test_runs.jsonl.zst >seen
has "they are what is seen" seen "Anything else?\\n7 turns left"
is "and as good an agent reads them" "$(jq .n_correct otexts/test/test_score.json)" \
    "$(jq .n_correct o/test/test_score.json)"
exits "the help lists them" 0 "$GRASP" help --texts
has "with their placeholders" out "# placeholders: {answer} {answer_given} {url} {left}"
exits "a text that there is not" 1 "$GRASP" run clinic/grasp.yaml "$id" --set prompt.texts=grasp.yaml
has "is named" err "there is no text"
exits "a plan with it" 1 "$GRASP" learn -n clinic/grasp.yaml --set prompt.texts=grasp.yaml

texts() {
    "$GRASP" learn clinic/grasp.yaml --library ltexts --run rtexts -q --set cycle.epochs=0 \
        --set prompt.texts=texts.yaml
}
exits "learn under them" 0 texts
hash=$(sha256sum <clinic/texts.yaml | cut -d' ' -f1)
is "the run names them" "$(jq -r '.inputs["prompt.texts"].sha256' rtexts/run.json)" "$hash"
is "so do its scores" "$(jq -r '.test.baseline.prompt_texts, .id_test.best.prompt_texts' \
    rtexts/test_scores.json | sort -u)" "$hash"
echo 'time: "It is {now}"' >clinic/texts.yaml
exits "going on under others" 1 texts
has "is refused" err "prompt.texts"

# --- grade: our own runs' verdicts come out again
zstdcat o/dev/test_runs.jsonl.zst o/test/test_runs.jsonl.zst >runs
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
check "the same traces and verdicts" cmp in/dev/test_runs.jsonl.zst over/dev/test_runs.jsonl.zst
check "also of the tests" cmp in/test/test_runs.jsonl.zst over/test/test_runs.jsonl.zst
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
# The benchmark's own words, taken from an episode, give its first message byte for byte.
B=http://34.170.56.151:8080/fhir/
jq -c --arg b "$B" 'select(.messages[0].content | contains("use \($b) as the api_base"))' \
    "$M/recorded/episodes.jsonl" | head -n 1 >one
id=$(jq -r .task_id one)
jq -rj '.messages[0].content' one | sed 's/properites/properties/g' >wanted # mended in the public file since
jq --arg b "$B" --slurpfile f "$M/v1/funcs_v1.json" --slurpfile t "$M/v1/test_data_v2.json" '
    ($t[0][] | select(.id == "'"$id"'")) as $task | .messages[0].content |
    split($b) | join("{api_base}") |
    (index("[{\"name\"")) as $at | (.[$at:] | index("\n\nContext")) as $n |
    (.[:$at] + "{functions_given}" + .[$at + $n:]) |
    split($task.context) | join("{context}") | split($task.instruction) | join("{instruction}") |
    {first: ("{skills}" + .), time: ""}' one >words.yaml
exits "under the benchmark's words" 0 "$GRASP" run v1.yaml "$id" --json \
    --set model.kind=replay --set "model.name=$(jq -r .model one)" --set "model.replay_file=$T/one" \
    --set "prompt.texts=$T/words.yaml" --set "task.fhir_api_base=$B"
jq -rj '.messages[0].content' out >said
check "the first message is the recorded one" cmp said wanted
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
