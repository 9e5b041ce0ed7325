#!/bin/sh
# The paper's tables, one command each (examples/paper), in small on the simulated model.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
export GRASP
paper=$ROOT/examples/paper small='-q -j 2 --set cycle.epochs=1'

"$GRASP" synth -q --patients 60 --out v1 >/dev/null && "$GRASP" synth -q --patients 60 -b v2 --out v2 \
    >/dev/null || { not_ok "clinics"; done_testing; }
c=v1/grasp.yaml
export SEEDS=1

# --- 1: methods; those that are there
methods=none,seq_memory,batch_memory,expel,evo_memory,skillx,grasp
for m in $(echo $methods | tr , ' '); do
    "$GRASP" compare $c --methods "$m" --out no -n >/dev/null 2>&1 || methods=none,grasp
done
METHODS=$methods exits "table 1" 0 "$paper/table1.sh" $c t1 $small
is "an arm a method" "$(jq '.cells | length' t1/plan.json)" "$(echo $methods | tr , '\n' | wc -l)"
has "beside the paper's" out "published: expel"

# --- 2: ablations
exits "table 2" 0 "$paper/table2.sh" $c t2 $small
is "eight and the whole" "$(jq -r '.cells | length' t2/plan.json)" 9
has "against the whole" out "against grasp"
has "beside the paper's" out "published: no_gate_k4"
exits "again" 0 "$paper/table2.sh" $c t2 $small --json
is "nothing is left out" "$(jq '.missing, (.tables[0].arms | length)' out | tr '\n' ' ')" "0 9 "

# --- 3: models
export MODELS=simulated:weak,simulated
exits "its plan" 0 "$paper/table3.sh" $c t3 $small -n
has "first the libraries" err "plan: 2 cells, 2 of them open"
exits "table 3" 0 "$paper/table3.sh" $c t3 $small
exits "as JSON" 0 "$paper/table3.sh" $c t3 $small --json
is "two libraries on two models in each split" \
    "$(jq -c '[.tables[].rows[].cells | length] | unique' out)" '[2]'
is "each model's own on the diagonal" \
    "$(jq -c '.tables[0] | [.rows[] | [.cells[] | .own]] | map(index(true)) | sort' out)" '[0,1]'

# --- 4: benchmarks
export BENCHMARKS=v2/grasp.yaml MODEL=simulated
exits "table 4" 0 "$paper/table4.sh" $c t4 $small
exits "as JSON" 0 "$paper/table4.sh" $c t4 $small --json
is "both libraries on both benchmarks" \
    "$(jq -c '[.tables[] | select(.split == "test") | .benchmark, (.rows | length)]' out)" \
    '["v1",2,"v2",2]'

# --- the appendix
exits "sweeps" 0 "$paper/sweeps.sh" $c sw $small --set cycle.grpo_k=2
is "eight values and the default" "$(jq '.cells | length' sw/plan.json)" 9
has "beside the paper's" out "published: cycle.grpo_eval_n=72"
WRITERS=simulated-a,simulated-b exits "cross-writer" 0 "$paper/cross_writer.sh" $c cw $small \
    --set writer.kind=simulated
is "an arm a writer" "$(jq -r '[.cells[].arm] | join(" ")' cw/plan.json)" \
    "grasp writer.name=simulated-a writer.name=simulated-b"

for s in table1 table2 table3 table4 sweeps cross_writer; do
    exits "$s without arguments" 2 "$paper/$s.sh"
    has "$s says how" err "$s.sh CONFIG OUT"
done
done_testing
