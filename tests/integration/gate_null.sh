#!/bin/sh
# grasp gate --null: the library against itself.
. "$(dirname "$0")/lib.sh"

"$GRASP" synth --patients 120 --seed 1 --out clinic >synth.log 2>&1 || skip_all "no grasp synth"
C=clinic/grasp.yaml
"$GRASP" learn $C --set cycle.epochs=1 --set cycle.proposal_temperature=1 --library lib --run run \
    >learn.log 2>&1 || { cat learn.log; not_ok "a learning run"; done_testing; }
NULL="$GRASP gate $C --null --library lib --at best"
refs=$(git -C lib for-each-ref)

exits "at temperature 0" 0 $NULL --set model.temperature=0 --rounds 2 --journal j0
has "every reply was the same" out 'every reply came again byte for byte'
exits "the journal of it" 0 "$GRASP" journal stat j0 --json
check "has calls of all its draws" test "$(jq .entries out)" -gt 1000

exits "without noise" 0 $NULL --set model.temperature=1 --rounds 2 --json
is "every score is 0" "$(jq -c '[.candidates[].score] | unique' out)" '[0]'
is "K edits a round" "$(jq -c '[.rounds, .k, (.candidates | length)]' out)" '[2,4,8]'
check "and every probe agrees" jq -e '.agreement == 1 and (.tasks | length) > 20' out
check "no outcome flips, no edit gets in" jq -e '.noise.alike and .accepted == 0 and .rounds_fooled == 0' out

NOISY="--set model.temperature=0 --set sim.noise=0.12"
exits "with noise, the paper's rule" 0 $NULL $NOISY --rounds 12 --json --journal j --set gate.rule=paper
cp out noisy.json
is "so many rounds" "$(jq -c '[.rounds, (.candidates | length)]' noisy.json)" '[12,48]'
check "scores differ, also at temperature 0" jq -e '(.min < 0) and (.max > 0) and (.sd > 0.5)' noisy.json
check "useless edits get in" jq -e '.accepted > 0 and .share == .accepted / 48' noisy.json
check "in the interval" jq -e '.interval[0] < .share and .share < .interval[1]' noisy.json
check "more often one of four than each" jq -e '.share_of_updates > .share' noisy.json
is "those with a score, within the budget" "$(jq '[.candidates[] | select(.accepted)] | length' noisy.json)" \
    "$(jq '[.candidates[] | select(.score > 0 and .regressions <= .base_regressions)] | length' noisy.json)"
check "probes disagree" jq -e '.agreement < 1 and ([.tasks[] | .agreed] | add) < ([.tasks[] | .measured] | add)' \
    noisy.json
exits "again, from the journal" 0 $NULL $NOISY --rounds 12 --json --journal j --replay-only --set gate.rule=paper
check "the same" cmp out noisy.json
exits "as text" 0 $NULL $NOISY --rounds 12 --journal j --replay-only --set gate.rule=paper
has "the share" out 'a useless edit would have been let in: '"$(jq .accepted noisy.json)"' of 48'
exits "with noise, the default rule" 0 $NULL $NOISY --rounds 12 --json
is "is the one for noise" "$(jq -r .rule out)" replicate
check "it measured that outcomes flip" jq -e '.noise.alike | not' out
check "and lets fewer in" test "$(jq .accepted out)" -lt "$(jq .accepted noisy.json)"
exits "no skills" 0 "$GRASP" gate $C --null --rounds 2 $NOISY
has "are a library, too" out 'no skills against itself, 2 rounds of 36 probes and 4 edits'
exits "stopped by a budget" 3 $NULL $NOISY --rounds 30 --set budget.calls=1500
exits "without --null" 2 "$GRASP" gate $C
exits "no rounds" 2 $NULL --rounds 0
is "the library was only read" "$(git -C lib for-each-ref)" "$refs"

done_testing
