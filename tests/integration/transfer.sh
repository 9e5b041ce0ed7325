#!/bin/sh
# grasp transfer: frozen libraries on simulated models of other strength; --regate; what is frozen
# stays as it was.
. "$(dirname "$0")/lib.sh"

"$GRASP" synth --patients 120 --seed 1 --out clinic >synth.log 2>&1 || skip_all "no grasp synth"
C=clinic/grasp.yaml
mkdir clinic/agents
echo '{kind: simulated, name: from-a-preset, temperature: 0}' >clinic/agents/small.yaml
export SOURCE_DATE_EPOCH=1700000000
learn() { # PROFILE OPTIONS...
    profile=$1; shift
    set -- "$profile" --set cycle.epochs=2 --set cycle.proposal_temperature=1 "$@"
    "$GRASP" learn $C --set sim.profile=$profile --set model.name=simulated-"$@" --library $profile \
        --run run-$profile >$profile.log 2>&1 ||
        { cat $profile.log; not_ok "learning with the $profile model"; done_testing; }
    "$GRASP" skills freeze $profile --name v1 >frozen.json || not_ok "freezing $profile"
}
learn strong --set cycle.seed=3
# without a gate, so that some of its skills are sure to hurt somebody
learn weak --set cycle.no_gate=true --set cycle.epochs=1 --set cycle.seed=8
refs() { git -C "$1" for-each-ref --format='%(objectname) %(refname)'; }
cp -r weak weak2
tag=$(git -C weak rev-parse v1) head=$(git -C weak rev-parse HEAD)
frozen=$(git -C weak rev-parse 'v1^{commit}')

# --- strong to weak helps
exits "strong to weak" 0 "$GRASP" transfer $C --library strong --at v1 --to simulated:weak \
    --to simulated:strong --json --split all
cp out strong.json
for split in dev val id_test; do
    check "strong to weak: better on $split" \
        jq -e ".executors[0].splits.$split.difference > 0" strong.json
done
check "and no worse on families that nobody has seen" \
    jq -e ".executors[0].splits.test.difference >= 0" strong.json
is "learned by" "$(jq -r .library.learned_by strong.json)" simulated-strong
"$GRASP" eval $C --split id_test --set sim.profile=weak --json >base.json
"$GRASP" eval $C --split id_test --set sim.profile=weak --library strong --at v1 --json >with.json
is "the baseline is eval's" "$(jq -S .executors[0].splits.id_test.baseline strong.json)" \
    "$(jq -S ".id_test | del(.do_nothing)" base.json)"
is "with the library is eval's" "$(jq -S .executors[0].splits.id_test.library strong.json)" \
    "$(jq -S ".id_test | del(.do_nothing)" with.json)"

check "task by task, too" jq -e '.executors[0].splits.id_test | .library_against_baseline as $p |
    $p.tasks == .library.n_total and $p.gained - $p.lost == .library.n_correct - .baseline.n_correct and
    $p.low < .difference and .difference < $p.high and $p.p > 0 and $p.p <= 1' strong.json

# --- a dry run: the plan, and nothing else
bg "$GRASP" model serve --port 0 >served 2>&1
served=$!
wait_line served 'listening on'
exits "a dry run" 0 "$GRASP" transfer $C --library strong --at v1 --to other --dry-run --regate -q \
    --out dry --set model.kind=openai --set "model.base_url=$(sed -n 's/^listening on //p' served)"
kill $served; wait $served
has "says what it would cost at most" out 'other: at most '
is "in one line" "$(wc -l <out | tr -d ' ')" 1
has "and asks nobody" served '0 calls answered'
if [ -e dry ]; then not_ok "writes nothing"; else ok "writes nothing"; fi

# --- weak to strong, regated
REGATE="$GRASP transfer $C --at v1 --to simulated:weak --to simulated:strong --regate"
exits "regate" 0 $REGATE --library weak --journal journal --out tables
cp out weak.txt
has "the table names the executors" weak.txt 'simulated:strong*'
has "it says what * is" weak.txt 'simulated model'
has "it says what each skill does" weak.txt 'what each skill does for simulated:strong'
check "never below the plain transfer on its probes" \
    jq -e 'all(.executors[].regate.probes; .passed_pruned >= .passed_with_library and .n > 30)' tables/transfer.json
check "without the skills that hurt: above it" jq -e \
    '.executors[1].regate.probes | .passed_pruned > .passed_with_library' tables/transfer.json
is "runs are written" "$(wc -l <tables/simulated-strong/id_test/pruned_runs.jsonl)" \
    "$(jq .executors[1].splits.id_test.pruned.n_total tables/transfer.json)"
is "the tag's object is the same" "$(git -C weak rev-parse v1)" "$tag"
is "the branch checked out, too" "$(git -C weak rev-parse HEAD)" "$head"
is "its files as well" "$(git -C weak status --porcelain)" ""
B=for/simulated-strong
is "the branch begins at the frozen revision" "$(git -C weak merge-base $B v1)" "$frozen"
is "its commits are the rounds that removed a skill" "$(git -C weak log --format=%s v1..$B | grep -c '^REMOVE ')" \
    "$(jq '[.executors[1].regate.skills[] | select(.removed_in_round > 0)] | length' tables/transfer.json)"
is "what is left" "$(git -C weak ls-tree --name-only $B:skills)" \
    "$(jq -r '.executors[1].regate.left[]' tables/transfer.json)"
is "a skill that stays is byte for byte the frozen one" "$(git -C weak diff --diff-filter=d v1 $B)" ""
# from the evidence: each round's baseline is the outcome before, and passes only grow
git -C weak log --reverse --format=%H v1..$B | while read -r c; do
    git -C weak notes --ref=gate show "$c" |
        jq '[.probes[] | select(.base == "pass")] | length'
    git -C weak notes --ref=gate show "$c" | jq '[.probes[] | select(.cand == "pass")] | length'
done >passes
is "passes from round to round" "$(sort -n passes)" "$(cat passes)"
is "from the plain transfer's" "$(head -n 1 passes)" \
    "$(jq .executors[1].regate.probes.passed_with_library tables/transfer.json)"
is "to the report's" "$(tail -n 1 passes)" \
    "$(jq .executors[1].regate.probes.passed_pruned tables/transfer.json)"
check "verify: everything holds" "$GRASP" skills verify weak

# --- again, from the journal alone: nothing changes
refs weak >refs.before
unset SOURCE_DATE_EPOCH
exits "again, without a call" 0 $REGATE --library weak --journal journal --replay-only
is "the same tables" "$(cat out)" "$(cat weak.txt)"
is "the same objects" "$(refs weak)" "$(cat refs.before)"
export SOURCE_DATE_EPOCH=1700000000

# --- stopped by a budget and gone on with
exits "stopped by a budget" 3 $REGATE --library weak2 --journal journal2 --set budget.calls=1500
exits "gone on with" 0 $REGATE --library weak2 --journal journal2
is "as if never stopped" "$(sed 's/weak2/weak/' out)" "$(cat weak.txt)"
is "also its objects" "$(refs weak2)" "$(cat refs.before)"

# --- the gate is the configured one
exits "by the other rule" 0 "$GRASP" transfer $C --at v1 --library weak2 --to simulated:strong --regate \
    --branch by-rule --set gate.rule=replicate --split id_test --journal journal2 --json
run=$(jq -r .executors[0].regate.run out)
is "each candidate was measured by it" "$(git -C weak2 for-each-ref --format='%(objectname)' \
    "refs/grasp/candidates/$run" | while read -r c; do git -C weak2 notes --ref=gate show "$c"; done |
    jq -r .rules.rule | sort -u)" replicate

# --- other executors, and what is refused
exits "a preset and a name" 0 "$GRASP" transfer $C --library strong --to preset:small \
    --to 'other: "name"' --split val --json
is "simulated, whatever the preset calls it" "$(jq -r '.executors[0].model' out)" simulated
is "simulated under another name, too" "$(jq -r '.executors[1].model' out)" simulated
exits "an unknown profile" 2 "$GRASP" transfer $C --library weak --to simulated:huge
has "is named" err 'weak, default or strong'
cat >clinic/table.yaml <<'END'
models:
  'lab/big: one':
    kind: simulated
    name: simulated-strong
  tiny: {kind: openai, base_url: 'http://127.0.0.1:9/v1', name: t, attempts: 1}
END
cat clinic/grasp.yaml >>clinic/table.yaml
exits "names of the table" 0 "$GRASP" transfer clinic/table.yaml --library strong --to 'lab/big: one' --to other-name \
    --split val --out named --json
is "the model of each" "$(jq -c '[.executors[] | [.to, .model]]' out)" \
    '[["lab/big: one","simulated-strong"],["other-name","simulated"]]'
check "a folder for the name" test -d 'named/lab%2Fbig%3A%20one/val'
exits "an endpoint of the table" 3 "$GRASP" transfer clinic/table.yaml --library strong --to tiny --split val
has "is the one that is asked" err "http://127.0.0.1:9/v1"
exits "no such preset" 1 "$GRASP" transfer $C --library weak --to preset:none
has "its file is named" err agents/none.yaml
exits "a preset outside" 2 "$GRASP" transfer $C --library weak --to preset:../grasp
exits "one twice" 2 "$GRASP" transfer $C --library weak --to preset:small --to small
exits "to nobody" 2 "$GRASP" transfer $C --library weak
git -C weak -c user.name=t -c user.email=t@example.org tag -a -m "$(git -C weak tag -l --format='%(contents)' v1)" forged HEAD~1
exits "a tag that leads elsewhere" 1 "$GRASP" transfer $C --library weak --at forged --to small
has "than its manifest says" err "tag 'forged'"
git -C weak tag -d forged >/dev/null
exits "no such revision" 1 "$GRASP" transfer $C --library weak --at v9 --to small
git -C weak branch -f mine HEAD~1
exits "one branch for two models" 2 $REGATE --library weak --branch mine --to simulated:strong
has "--branch is for one model" err '--branch'
exits "another one's branch" 1 "$GRASP" transfer $C --at v1 --library weak --regate --branch mine \
    --to simulated:strong --journal journal
has "is not overwritten" err "another one's work"
exits "the branch checked out" 1 "$GRASP" transfer $C --at v1 --library weak --regate \
    --branch main --to simulated:strong --journal journal
has "is not touched" err 'checked out'
is "nothing moved" "$(refs weak | grep -v heads/mine)" "$(cat refs.before)"

done_testing
