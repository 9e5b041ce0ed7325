#!/bin/sh
# grasp compare: a matrix is made, stopped, gone on with, refused when it is another; its tables; runs
# side by side; the Slurm script.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND

"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
c=clinic/grasp.yaml two='--set cycle.epochs=2'

# --- a matrix, whole
exits "a matrix of two arms and three seeds" 0 "$GRASP" compare $c --methods none,grasp --seeds 1-3 \
    --out m -j 2 -q $two
has "scores" out "grasp "
has "what they are compared with" out "against none, in points (paired t over seeds)"
has "a runs' claim" out "3 runs"
is "a folder a cell" "$(ls m/cells | tr '\n' ' ')" "grasp+seed-1 grasp+seed-2 grasp+seed-3 \
none+seed-1 none+seed-2 none+seed-3 "
is "every library verifies" "$(for l in m/cells/grasp+*/library; do
    "$GRASP" skills verify -q "$l" >/dev/null 2>&1 || echo "$l"; done)" ""
cp out first
exits "the same command again" 0 "$GRASP" compare $c --methods none,grasp --seeds 1-3 --out m -q $two
is "says the same" "$(cat out)" "$(cat first)"
exits "so does the folder" 0 "$GRASP" compare m -q
is "and prints the same" "$(cat out)" "$(cat first)"
exits "as JSON" 0 "$GRASP" compare m -q --json
is "the unit is the run" "$(jq -r '[.tables[0].contrasts[].unit] | unique | .[]' out)" run
is "its mean is that of its runs" "$(jq '.tables[0].arms[1] | (.id_test.mean * 1e9 | round) ==
    (([.runs[].id_test.score] | add / length) * 1e9 | round)' out)" true
is "its difference is that of the means" "$(jq '.tables[0] | ((.contrasts[0].diff -
    (.arms[1].id_test.mean - .arms[0].id_test.mean)) | fabs) < 1e-12' out)" true
exits "as rows" 0 "$GRASP" compare m -q --csv
is "a row per method, seed, split and task" "$(sed 1d out | wc -l)" \
    "$((6 * ($(jq length clinic/tasks/split_id_test.json) + $(jq length clinic/tasks/split_test.json))))"
is "no row twice" "$(sed 1d out | cut -d, -f1-6 | sort | uniq -d)" ""
exits "as LaTeX" 0 "$GRASP" compare m -q --latex
has "a table" out '\begin{tabular}'
has "that LaTeX reads" out '$\pm$'
hasnt "to its letter" out '\$'
exits "against another arm, with a margin" 0 "$GRASP" compare m -q --against grasp --margin 5
has "named" out "against grasp"
exits "beside the published" 0 "$GRASP" compare m -q --published gpt-oss-120b
has "marked as another model's" out "another model than ours"
is "no line ends in blanks" "$(grep -c ' $' out)" 0
is "the columns stand below each other" "$(sed -n '2p;/published: cycle.update_every=24/p' out |
    sed 's/seeds.*//; s/  3  .*/  /' | awk '{ print length }' | uniq | wc -l)" 1

# --- one cell more or less is another matrix
exits "another plan is refused" 1 "$GRASP" compare $c --methods none,grasp --seeds 1-4 --out m $two
has "with the first difference" err "m holds another plan: its cell 4 is grasp+seed-1, here it is none+seed-4"
exits "one that is longer" 1 "$GRASP" compare $c --methods none,grasp --seeds 1-3 --out m $two \
    --vary cycle.grpo_k=2
has "says so" err "6 cells, here 9"
exits "other settings, too" 1 "$GRASP" compare $c --methods none,grasp --seeds 1-3 --out m
has "which cell" err "cell none+seed-1 had other settings"
sed 's/grpo_k: 4/grpo_k: 3/' $c >clinic/other.yaml && cp $c kept.yaml && cp clinic/other.yaml $c
exits "a configuration edited since" 1 "$GRASP" compare $c --methods none,grasp --seeds 1-3 --out m $two
has "is another plan" err "another configuration file"
exits "whose tables stay" 0 "$GRASP" compare m
cp kept.yaml $c

# --- the plan first
exits "a plan alone" 0 "$GRASP" compare $c --methods none,grasp --seeds 1-2 --out p $two --dry-run \
    --set model.price.prompt=1
has "of cells" out "plan: 4 cells, 4 of them open"
has "with money" out "expected USD"
is "a row per arm and the sum" "$(awk '$1 != "plan:" && ($2 == 2 || $2 == 4) { print $1, $2, $3 }' out | tr '\n' ' ')" \
    "none 2 2 grasp 2 2 all 4 4 "
is "not more expected than at most" "$(tr -d , <out | awk '$1 == "all" { print ($5 > 0 && $5 < $4) }')" 1
bad "a budget that it passes" "the budget is 900: raise it" compare $c --seeds 1-2 --out p -q $two \
    --set budget.calls=900
is "nothing was made" "$(ls -d p 2>/dev/null)" ""
bad "in tokens" "tokens (0 of them used), the budget is 5,000" compare $c --seeds 1-2 --out p -q $two \
    --set budget.tokens=5000
bad "in money" "USD (0.00 of them spent), the budget is 0.01" compare $c --seeds 1-2 --out p -q $two \
    --set model.price.prompt=1 --set budget.usd=0.01
exits "with cells done" 0 "$GRASP" compare m --dry-run
has "nothing is to come" out "6 cells, 0 of them open"
away="--set model.kind=openai --set model.name=m --set model.base_url=http://127.0.0.1:9/v1"
exits "an endpoint that is not there" 3 "$GRASP" compare $c --methods none,grasp --seeds 1-2 --out p $two $away \
    --dry-run
has "the plan is printed all the same" out "4 cells, 4 of them open"
has "its time is not known" out "time: not known"
has "the endpoint is named" err "http://127.0.0.1:9/v1 does not answer"
exits "nor may it be insisted" 3 "$GRASP" compare $c --seeds 1-2 --out p $two $away --dry-run --insist
exits "latencies that a journal knows" 0 "$GRASP" compare $c --seeds 8-9 --out p $two --dry-run --journal m/journal
has "the time by them" out "time: about"
exits "a transfer to where nothing answers" 3 "$GRASP" transfer $c --library m/cells/grasp+seed-1/library \
    --to other $away --dry-run
has "says so, too" err "http://127.0.0.1:9/v1 does not answer"

# --- one budget over all, and going on
exits "a budget ends it" 3 "$GRASP" compare $c --seeds 1-2 --out b -j 2 -q $two --set budget.calls=900 --insist
has "said" err "the budget of the matrix is spent"
exits "what is open" 3 "$GRASP" compare b --status --json
is "nothing failed" "$(jq -r '[.[] | select(.state == "failed")] | length' out)" 0
is "not more than the budget was paid" "$(jq '[.[].calls] | add <= 900 + 128' out)" true
exits "what is to come" 0 "$GRASP" compare b --dry-run --set budget.calls=100000
has "with the budget" out "budget: 100,000 calls"
exits "raised, it ends" 0 "$GRASP" compare b -q --set budget.calls=100000
exits "without one in its own folder" 0 "$GRASP" compare $c --seeds 1-2 --out free -q $two
is "the same scores as without any budget" "$(jq .tables[0].arms out 2>/dev/null;
    "$GRASP" compare b -q --json | jq '[.tables[0].arms[].runs[].id_test.score]')" \
    "$("$GRASP" compare free -q --json | jq '[.tables[0].arms[].runs[].id_test.score]')"

# --- one cell, as a task of an array is
exits "a plan" 3 "$GRASP" compare $c --seeds 1-2 --out s -q $two --set budget.calls=1 --insist
exits "one cell alone" 0 "$GRASP" compare s --only 2 --journal near
is "it is done, the other is not" "$("$GRASP" compare s --status --json 2>/dev/null |
    jq -r '.[].state' | tr '\n' ' ')" "resumable done "
exits "the rest as a job array" 0 "$GRASP" compare s --sbatch
is "of what is open" "$(grep -- --array out)" "#SBATCH --array=1"
check "a shell can read it" sh -n out
"$GRASP" compare s -q >/dev/null
exits "nothing open, nothing to submit" 1 "$GRASP" compare s --sbatch

# --- journals of two machines in one
exits "each cell's own" 0 "$GRASP" compare $c --seeds 1 --out j1 -q $two
exits "the other's" 0 "$GRASP" compare $c --seeds 2 --out j2 -q $two
exits "merged" 0 "$GRASP" journal merge both j1/journal j2/journal --json
is "all of both" "$(jq -c '.read == .added + .known and .other == 0' out)" true
n=$(jq .added out)
exits "again" 0 "$GRASP" journal merge both j2/journal j1/journal --json
is "changes nothing" "$(jq -c .added out)" 0
is "as many as there are" "$("$GRASP" journal stat both --json | jq '.entries // .calls')" "$n"
check "sound" "$GRASP" journal check both
exits "a run out of it asks nobody" 0 "$GRASP" learn $c -q $two --set cycle.seed=2 -r again/run \
    -l again/library --journal both --replay-only
is "and learns the same" "$(git -C again/library rev-parse 'HEAD^{tree}')" \
    "$(git -C j2/cells/grasp+seed-2/library rev-parse 'HEAD^{tree}')"
bad "no journal" "missing" journal merge both missing

# --- killed in the middle
"$GRASP" compare $c --seeds 1-2 --out k -q $two --set sim.latency_ms=1 >/dev/null 2>&1 &
pid=$!
wait_until 30 test -d k/cells/grasp+seed-1/run/epoch_0 || not_ok "it began"
kill -9 $pid
wait $pid 2>/dev/null
wait_until 30 sh -c '! "$1" compare k --status --json 2>/dev/null | grep -q running' - "$GRASP" ||
    not_ok "its runs end with it"
exits "goes on" 0 "$GRASP" compare k -q
is "as if nothing had been" "$("$GRASP" compare k -q --json | jq '[.tables[0].arms[].runs[].test.score]')" \
    "$("$GRASP" compare free -q --json | jq '[.tables[0].arms[].runs[].test.score]')"

# --- arms
exits "ablations and a varied key" 0 "$GRASP" compare $c --ablations no_gate_k1,no_cluster \
    --vary cycle.grpo_k=2,3 --out a -q -j 2 --set cycle.epochs=1
is "an arm each" "$(jq -r '[.cells[].arm] | join(" ")' a/plan.json)" \
    "grasp no_gate_k1 no_cluster cycle.grpo_k=2 cycle.grpo_k=3"
has "one seed says nothing about a method" out "one run says nothing about the method"
has "then it is about libraries" out "exact sign-flip over tasks"
is "whose scores have intervals" "$(grep -cE '^(grasp|no_cluster) .* \([0-9]+-[0-9]+\) .* \([0-9]+-[0-9]+\)' out)" 2

# --- runs that were named
exits "two runs" 0 "$GRASP" compare one=m/cells/none+seed-1/run two=m/cells/grasp+seed-1/run
has "which tasks" out "fixed ("
exits "seeds of one name" 0 "$GRASP" compare one=m/cells/none+seed-1/run one=m/cells/none+seed-2/run \
    two=m/cells/grasp+seed-1/run two=m/cells/grasp+seed-2/run
has "are its runs" out "2 runs"
bad "one seed twice" "no repeats" compare one=m/cells/none+seed-1/run one=m/cells/none+seed-1/run
sed 's/"instruction": *"/&Please, /' clinic/tasks/split_test.json >clinic/tasks/other.json
check "a run on other tasks" "$GRASP" learn $c -q --set cycle.epochs=0 --set data.test=clinic/tasks/other.json \
    -r o/run -l o/library
bad "is no partner" "data.test of o/run" compare m/cells/none+seed-1/run o/run
has "both files are named" err "other.json"
bad "no run" "is no run" compare clinic m/cells/none+seed-1/run

# --- libraries by models
exits "two libraries on two models, pruned for each" 0 "$GRASP" compare transfer $c -q -j 2 --regate \
    --libraries m/cells/grasp+seed-1/library,m/cells/grasp+seed-2/library@HEAD \
    --to simulated:weak,simulated --out t
has "a row each" out "grasp+seed-2"
is "each difference has its interval" \
    "$(grep -cE '^grasp\+seed.*\([+-][0-9.]+, [+-][0-9.]+ to .*\([+-][0-9.]+, [+-][0-9.]+ to ' out)" 4
is "what each cost is known" "$("$GRASP" compare t --status --json | jq '[.[].calls > 0] | all')" true
is "the columns are the models, in order" "$(sed -n 2p out | tr -s ' ' | sed 's/ *$//')" \
    "library simulated:weak simulated"
exits "as JSON" 0 "$GRASP" compare t -q --json
is "own library on the diagonal" \
    "$(jq -c '[.tables[0].rows[0].cells[] | .own]' out)" '[false,true]'
is "against no skills is the difference of the scores" "$(jq '.tables[0].rows[0].cells[0] |
    ((.against_none.diff - (.library.score - .none.score)) | fabs) < 1e-12' out)" true
is "the smallest p of a table is held against all of its cells" \
    "$(jq -c '.tables[0] | [.rows[].cells[].against_none] | length as $n | min_by(.p) |
        ((.p_holm - ([.p * $n, 1] | min)) | fabs) < 1e-12' out)" true
is "pruned, too" "$(jq '[.tables[].rows[].cells[].pruned.n_total > 0] | all' out)" true
l="--libraries m/cells/grasp+seed-1/library,m/cells/grasp+seed-2/library --to simulated:weak,simulated"
exits "a budget over transfers" 3 "$GRASP" compare transfer $c -q $l --out tb --set budget.calls=800 \
    --insist
exits "ends them" 3 "$GRASP" compare tb --status --json
is "where it is spent" "$(jq '[.[].calls] | add | . > 0 and . <= 800 + 128' out)" true
exits "raised, they go on" 0 "$GRASP" compare tb -q --set budget.calls=100000
usage "to nothing" "to which models" compare transfer $c --libraries m/cells/grasp+seed-1/library --out t2
bad "no library" "--libraries nowhere" compare transfer $c --libraries nowhere --to simulated --out t2

# --- a library against another, on one split
exits "without skills, kept" 0 "$GRASP" eval $c -q --split id_test --journal m/journal --out bare
exits "a run's library against it" 0 "$GRASP" eval $c -q --split id_test --journal m/journal \
    --library m/cells/grasp+seed-1/library --against bare
has "the paired difference" out "id_test against bare: +"
has "which were fixed" out "fixed ("
exits "as JSON, against the run itself" 0 "$GRASP" eval $c -q --split id_test --journal m/journal \
    --library m/cells/grasp+seed-1/library --against m/cells/grasp+seed-1/run --json
is "no difference" "$(jq -c '.id_test.against | [.diff, .p, .n == .pairs]' out)" '[0,1,true]'
bad "nothing to compare with" "--against: neither" eval $c --split val --against bare

# --- wrong words
usage "no folder" "--out DIR" compare $c
usage "an unknown method" "'grap' is none of" compare $c --methods grap --out x
usage "an unknown ablation" "'no_gate' is none of" compare $c --ablations no_gate --out x
usage "seeds" "'1-x' is no seed" compare $c --seeds 1-x --out x
usage "seeds twice" "2 is there twice" compare $c --seeds 1-3,2 --out x
usage "a comma too many" "'1,,3': a comma with nothing beside it" compare $c --seeds 1,,3 --out x
usage "at the end" "'1,3,': a comma" compare $c --seeds 1,3, --out x
usage "seeds as an arm" "seeds are no arms" compare $c --vary cycle.seed=1,2 --out x
usage "a seed that would be dropped" "a matrix has --seeds" compare $c --set cycle.seed=3 --out x
usage "a plan for a matrix that has one" "m has its plan" compare m --seeds 1-4
usage "two forms" "one of --csv" compare m --csv --json
usage "methods, too" "m has its plan" compare m --methods none
bad "an arm on other tasks" "data.test of cell data.test=clinic-tasks-other.json+seed-1" \
    compare $c --vary data.test=clinic/tasks/other.json --out x
bad "in another world" "fhir.load of cell" compare $c --out x \
    --vary "fhir.load=[clinic/tasks/split_test.json]"
cp clinic/tasks/split_test.json clinic/tasks/copy.json
exits "the same tasks in another file" 0 "$GRASP" compare $c --out x -n \
    --vary data.test=clinic/tasks/copy.json
usage "nothing varied" "is not KEY=" compare $c --vary cycle.grpo_k --out x
usage "an arm twice" "'grasp' is there twice" compare $c --methods grasp,grasp --out x
usage "a model that was never published" "there are" compare m --published gpt-5
usage "an arm that is not there" "no arm" compare m --against expel
usage "a wrong key" "cycle.nonsense" compare $c --vary cycle.nonsense=1 --out x
is "and nothing was made" "$(ls -d x 2>/dev/null)" ""
done_testing
