#!/bin/sh
# A library learned on one benchmark and used on the other, and what learning on v2 is worth: on
# synthetic clinics, with the simulated model.
. "$(dirname "$0")/lib.sh"

for v in v1 v2; do
    "$GRASP" synth --patients 300 --seed 1 --benchmark $v --out $v >synth.log 2>&1 ||
        skip_all "no grasp synth"
done
for v in v1 v2; do
    exits "learning on $v" 0 "$GRASP" learn $v/grasp.yaml --set cycle.epochs=3 \
        --set cycle.proposal_temperature=1 --library lib-$v --run run-$v
done
for on in v1 v2; do
    for at in v1 v2; do
        exits "learned on $on, evaluated on $at" 0 "$GRASP" transfer $at/grasp.yaml \
            --library lib-$on --at best --to simulated --json
        cp out $on-$at.json
        is "all tasks are scored" "$(jq -c '[.executors[0].splits[] | .baseline.unscored, .library.unscored]' out)" \
            '[0,0,0,0]'
    done
done
gain() { jq ".executors[0].splits.id_test.difference" "$1.json"; }
echo "# id_test: v1 on v1 $(gain v1-v1), v1 on v2 $(gain v1-v2), v2 on v1 $(gain v2-v1), v2 on v2 $(gain v2-v2)"
check "learning on v2 is worth 20 points" jq -e '.executors[0].splits.id_test.difference >= 20' v2-v2.json
check "learning on v1 is worth 20 points" jq -e '.executors[0].splits.id_test.difference >= 20' v1-v1.json
is "without skills the library does not matter" \
    "$(jq -S .executors[0].splits.id_test.baseline v1-v2.json)" \
    "$(jq -S .executors[0].splits.id_test.baseline v2-v2.json)"
check "what is learned on one helps on the other" jq -es 'all(.[]; .executors[0].splits.id_test.difference > 0)' \
    v1-v2.json v2-v1.json

done_testing
