# synth.sh - `grasp synth`: a clinic that the other commands take as it is; refusals.
. "$(dirname "$0")/lib.sh"

check "writes a v1 clinic" "$GRASP" synth --out c1
check "writes a v2 clinic" "$GRASP" synth --out c2 --benchmark v2 --patients 60 --seed 9
is "one line a resource" "$(cat c1/fhir/*.ndjson | jq -r .id | wc -l)" \
    "$("$GRASP" synth --out c3 --json | jq .resources)"
check "the same again" diff -r c1 c3
is "300 tasks" "$(jq length c2/tasks/all_tasks.json)" 300

for c in c1 c2; do
    exits "$c: eval runs on its configuration" 0 "$GRASP" eval $c/grasp.yaml --split val --out $c/eval
    is "$c: every task is scored" "$(wc -l <$c/eval/val/test_runs.jsonl)" 80
    # the simulated executor understands the wordings
    right=$(jq .n_correct $c/eval/val/test_score.json)
    if [ "$right" -ge 15 ] && [ "$right" -le 60 ]; then ok "$c: neither hopeless nor free"; else
        not_ok "$c: neither hopeless nor free" "$right of 80"; fi
done

exits "without --out" 2 "$GRASP" synth
has "says what is missing" err "--out DIR"
exits "an unknown benchmark" 2 "$GRASP" synth --out c4 --benchmark v3
exits "too few patients" 2 "$GRASP" synth --out c4 --patients 59
[ ! -e c4 ] && ok "nothing was written" || not_ok "nothing was written"
touch file
exits "a file in the way" 1 "$GRASP" synth --out file/clinic
full() { (trap '' XFSZ; ulimit -f 200; exec "$GRASP" synth --out c5); }
exits "no room" 1 full
has "says which file" err "c5/fhir/Observation.ndjson"
done_testing
