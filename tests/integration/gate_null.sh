#!/bin/sh
# grasp gate --null: the library against itself.
. "$(dirname "$0")/lib.sh"

"$GRASP" synth --patients 120 --seed 1 --out clinic >synth.log 2>&1 || skip_all "no grasp synth"
C=clinic/grasp.yaml
"$GRASP" learn $C --set cycle.epochs=1 --set cycle.proposal_temperature=1 --library lib --run run \
    >learn.log 2>&1 || { cat learn.log; not_ok "a learning run"; done_testing; }
NULL="$GRASP gate $C --null --library lib --at best"
refs=$(git -C lib for-each-ref)

exits "at temperature 0" 0 $NULL --set model.temperature=0 --journal j0
has "it says that draws cannot differ" out 'the draws cannot differ'
exits "the journal of it" 0 "$GRASP" journal stat j0 --json
is "has not one call" "$(jq .entries out)" 0
exits "at temperature 0, JSON" 0 $NULL --set model.temperature=0 --json
is "says so, too" "$(jq -c '[.draws_differ, .rounds]' out)" '[false,[]]'

exits "without noise" 0 $NULL --set model.temperature=1 --rounds 5 --json
is "every score is 0" "$(jq -c '[.rounds[].score]' out)" '[0,0,0,0,0]'
check "and every probe agrees" jq -e '.agreement == 1 and (.tasks | length) > 20' out

NOISY="--set model.temperature=1 --set sim.noise=0.05"
exits "with noise" 0 $NULL $NOISY --rounds 30 --json --journal j
cp out noisy.json
is "so many rounds" "$(jq '.rounds | length' noisy.json)" 30
check "scores differ" jq -e '(.min < 0) and (.max > 0) and (.sd > 0.5)' noisy.json
check "useless edits get in" jq -e '.accepted > 0 and .share == .accepted / 30' noisy.json
check "in the interval" jq -e '.interval[0] < .share and .share < .interval[1]' noisy.json
is "those with a score, within the budget" "$(jq '[.rounds[] | select(.accepted)] | length' noisy.json)" \
    "$(jq '[.rounds[] | select(.score > 0 and .regressions <= .base_regressions)] | length' noisy.json)"
check "probes disagree" jq -e '.agreement < 1 and ([.tasks[] | .agreed] | add) < ([.tasks[] | .measured] | add)' \
    noisy.json
exits "again, from the journal" 0 $NULL $NOISY --rounds 30 --json --journal j --replay-only
check "the same" cmp out noisy.json
exits "confirmed" 0 $NULL $NOISY --rounds 30 --json --journal j --set gate.confirm=true
check "confirmation lets fewer in" sh -c \
    "[ $(jq .accepted out) -lt $(jq .accepted noisy.json) ]"
is "the same scores" "$(jq -c '[.rounds[].score]' out)" "$(jq -c '[.rounds[].score]' noisy.json)"
exits "as text" 0 $NULL $NOISY --rounds 30 --journal j --replay-only
has "the share" out 'a useless edit would have been let in: '"$(jq .accepted noisy.json)"' of 30 rounds'
exits "no skills" 0 "$GRASP" gate $C --null --rounds 2 $NOISY
has "are a library, too" out 'no skills against itself, 2 rounds'
exits "stopped by a budget" 3 $NULL $NOISY --rounds 30 --set budget.calls=900
exits "without --null" 2 "$GRASP" gate $C
exits "no rounds" 2 $NULL --rounds 0
is "the library was only read" "$(git -C lib for-each-ref)" "$refs"

done_testing
