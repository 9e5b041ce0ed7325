#!/bin/sh
# The switches of the learning loop: each runs to the end, and the library shows what it does. A
# learned library in the hands of git bisect.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
export SOURCE_DATE_EPOCH=1700000000 GIT_CONFIG_NOSYSTEM=1 HOME="$T"
C=clinic/grasp.yaml
"$GRASP" synth -q --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

# learn NAME KEY=VALUE...: library NAME, run NAME.run, its updates in NAME.log (JSON lines), the
# subjects of its edits in NAME.edits
learn() {
    n=$1; shift
    for k in "$@"; do set -- "$@" --set "$k"; shift; done
    exits "$n" 0 "$GRASP" learn $C -q --library "$n" --run "$n.run" --set cycle.epochs=1 \
        --set cycle.update_every=32 "$@"
    jq -c '.[]' "$n.run/epoch_0/skill_updates.json" >"$n.log"
    git -C "$n" log --format=%s -- skills | grep -v '^RESTORE' >"$n.edits"
    check "$n: fsck" git -C "$n" fsck --full --strict
    is "$n: val scored without skills and after the epoch" "$(jq -c 'map(.epoch)' "$n.run/val_scores.json")" \
        '["baseline",0]'
    is "$n: both tests scored twice" "$(jq -c '[.id_test, .test | keys]' "$n.run/test_scores.json")" \
        '[["baseline","best"],["baseline","best"]]'
    is "$n: and named as the reference names them" "$(jq -c 'with_entries(select(.key | contains("_eval_")) | .value |= [.split, keys])' "$n.run/test_scores.json")" \
        "$(jq -nc '["n_correct","n_total","score","split"] as $k | {id_test_eval_baseline: ["id_test", $k], test_eval_baseline: ["test", $k], id_test_eval_best: ["id_test", $k], test_eval_best: ["test", $k]}')"
    is "$n: with the same numbers" "$(jq -c '[.id_test_eval_best, .test_eval_baseline | [.score, .n_correct, .n_total]]' "$n.run/test_scores.json")" \
        "$(jq -c '[.id_test.best, .test.baseline | [.score, .n_correct, .n_total]]' "$n.run/test_scores.json")"
    is "$n: val_score.json" "$(jq -c '[.epoch, (.dev_score | type), .n_correct / .n_total == .score]' "$n.run/epoch_0/val_score.json")" '[0,"number",true]'
}
none() { # LABEL NAME FILTER: no line of NAME.log passes
    is "$1" "$(jq -c "select($3) | {edit, score, fate}" "$2.log" | head -n 3)" ""
}
some() { if [ -n "$(jq -c "select($3)" "$2.log")" ]; then ok "$1"; else not_ok "$1"; fi; }

learn plain
some "plain: something was accepted" plain '.fate == "accepted"'
some "plain: something was refused" plain '.fate != "accepted"'
none "plain: nothing eligible without a positive score" plain '.score.eligible and .score.score <= 0'
none "plain: no regressions past the baseline's" plain \
    '.fate == "accepted" and .score.regressions > .score.base_regressions'
none "plain: at most one accepted an update" plain 'false'
is "plain: one accepted an update at most" \
    "$(jq -r 'select(.fate == "accepted") | "\(.epoch).\(.update)"' plain.log | sort | uniq -d)" ""

learn no_gate cycle.no_gate=true
is "no_gate: every edit is unmeasured" "$(grep -vc ': unmeasured$' no_gate.edits)" 0
check "no_gate: more edits than with it" test "$(wc -l <no_gate.edits)" -gt "$(wc -l <plain.edits)"
is "no_gate: no candidate beside the branch" "$(git -C no_gate for-each-ref refs/grasp/candidates)" ""
is "no_gate: no probes" "$(jq .calls.rollout_probe.calls_made no_gate.run/run_summary.json)" 0

learn no_regression_gate cycle.regression_gate=false gate.early_stop=false
none "regression_gate: false: a positive score is enough" no_regression_gate \
    '.stop == "finished" and (.score.score > 0) != .score.eligible'

learn fixes_only cycle.fixes_only_scoring=true gate.early_stop=false
none "fixes_only_scoring: the score is fixes alone" fixes_only \
    '.score.score != .score.fixes - .score.base_fixes'
some "fixes_only_scoring: regressions there were" fixes_only '.score.regressions > 0'

learn append_only cycle.append_only=true
is "append_only: only ADD" "$(grep -v '^ADD ' append_only.edits)" ""
none "append_only: no other candidate" append_only '[.edit] | flatten | any(.action != "ADD")'

learn no_clusters cycle.cluster_failures=false
some "cluster_failures: false: candidates are measured" no_clusters '.score'

for how in random proposer; do
    learn "blind_$how" "cycle.blind_select=$how"
    is "blind_select: $how: unmeasured" "$(grep -vc ': unmeasured$' "blind_$how.edits")" 0
    is "blind_select: $how: one an update at most" "$(git -C "blind_$how" log \
        --format='%(trailers:key=Epoch,valueonly,separator=).%(trailers:key=Update,valueonly,separator=)' \
        -- skills | grep -v '^\.$' | sort | uniq -d)" ""
    check "blind_select: $how: some" test -s "blind_$how.edits"
    is "blind_select: $how: no probes" \
        "$(jq .calls.rollout_probe.calls_made "blind_$how.run/run_summary.json")" 0
done
check "blind_select: proposer: the writer was asked" \
    test "$(jq .calls.other.calls_made blind_proposer.run/run_summary.json)" -gt 0

learn repeats gate.repeats=3
none "repeats: said in the evidence" repeats '.rules.repeats != 3'
is "repeats: the same decisions where the model does not waver" "$(cat repeats.edits)" "$(cat plain.edits)"

exits "confirm: is no more" 1 "$GRASP" learn $C --library confirm --run confirm.run --set gate.confirm=true
has "confirm: says what took its place" err 'gate.rule: replicate'
check "confirm: nothing was made" test ! -e confirm

learn no_leak_guard gate.leak_guard=false
is "leak_guard: false: nothing is refused as a leak" \
    "$(jq '.edits_refused.leak' no_leak_guard.run/run_summary.json)" null

learn drawn probes.targeted=false
learn family gate.probe_strata=family probes.targeted=false
family='(.task // .id) | sub("_[^_]*$"; "")'
most() { jq -c "[.probes | map($family) | group_by(.)[] | length] | max" "$1.log" | sort -n | tail -n 1; }
check "probe_strata: family: no family fills the probe set" test "$(most family)" -le "$(most drawn)"

learn strict gate.probe_heldout=strict
none "probe_heldout: strict: nothing to measure the first batch with" strict '.epoch == 0 and .update == 0'
jq -r .task_id strict.run/epoch_0/dev_runs.jsonl >order
none "probe_heldout: strict: no probe is of the batch" strict ".epoch == 0 and ((.update * 32) as \$at |
    ($(jq -Rsc 'split("\n")' order) | .[\$at:\$at + 32]) as \$batch |
    .probes | any((.task // .id) as \$x | \$batch | index(\$x)))"

learn max_proposals cycle.max_proposals=2
some "max_proposals: runs" max_proposals '.score'

learn budget gate.regression_budget=1 gate.early_stop=false
none "regression_budget: 1: a positive score and one regression is eligible" budget \
    '.score.score > 0 and .score.regressions == .score.base_regressions + 1 and (.score.eligible | not)'
none "regression_budget: 1: two are not" budget \
    '.score.regressions > .score.base_regressions + 1 and .score.eligible'

learn small cycle.max_learned_skills=2
is "max_learned_skills: 2 at any commit" "$(git -C small rev-list --all --not refs/notes/gate |
    while read -r c; do git -C small ls-tree --name-only "$c" skills/ 2>/dev/null | wc -l; done |
    sort -n | tail -n 1 | tr -d ' ')" 2

# Early stopping decides nothing.
learn whole gate.early_stop=false
is "early_stop: false: the same edits" "$(cat whole.edits)" "$(cat plain.edits)"
is "early_stop: false: the same trees" "$(git -C whole rev-parse 'best^{tree}')" \
    "$(git -C plain rev-parse 'best^{tree}')"

# --- bisect: which commit repaired this task?
right() { jq -r 'select(.correct) | .task_id' "plain.run/id_test_eval_$1/test_runs.jsonl" | sort; }
right baseline >without
right best >with
id=$(comm -13 without with | head -n 1)
check "a task that the library repaired" test -n "$id"
first=$(git -C plain rev-list --reverse best | while read -r c; do
    "$GRASP" run $C "$id" --library plain --at "$c" --json -q | grep -q '"correct": true' &&
        { echo "$c"; break; }
done)
cat >wrong.sh <<END
# 0 ("wrong", the old term) while the task is not right, 1 once it is
cd "$T" && "$GRASP" run $C "$id" --library plain --at "\$(git -C plain rev-parse HEAD)" --json -q |
    grep -q '"correct": false'
END
git -C plain bisect start --term-old=wrong --term-new=right best "$(git -C plain rev-list --max-parents=0 best)" \
    >bisect 2>&1
check "git bisect run" sh -c "git -C plain bisect run sh '$T/wrong.sh' >>bisect 2>&1"
is "finds the commit" "$(git -C plain rev-parse refs/bisect/right)" "$first"
git -C plain bisect reset >/dev/null 2>&1
exits "and the library can be learned on" 0 "$GRASP" learn $C -q --library plain --run plain.run \
    --set cycle.epochs=1 --set cycle.update_every=32
done_testing
