#!/bin/sh
# Commands that make, fill or clean a journal, killed at every system call that changes a file, and
# with the disk full from each of them on: the same command again ends as if nothing had happened.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/half_made.sh"
half_made_tools || skip_all "$half_why"
unset GRASP_BACKEND
"$GRASP" synth -q --patients 60 --out clinic || { not_ok 'a clinic'; done_testing; }
task=$(jq -r '.[0].id' clinic/tasks/split_val.json)

rollout() { "$@" "$GRASP" run "$T/clinic/grasp.yaml" "$task" --set journal="$PWD/j" --json; }
clean() { "$@" "$GRASP" journal gc j -q; }
calls() { "$GRASP" journal stat "$1" --json | jq .entries; }
left() { half_files; "$GRASP" journal check j; "$GRASP" journal export j | jq -c '[.key, .text]' | sort; }

nothing() { :; }
half_made 'a first rollout' nothing rollout left

for t in $(jq -r '.[:6][].id' clinic/tasks/split_val.json); do
    "$GRASP" run clinic/grasp.yaml "$t" --set journal="$T/full" >/dev/null 2>&1
done
copied() { cp -R "$T/full" j; }
half_made 'cleaning up' copied clean left

# One answer has changed: it goes, and the index is made anew.
word=$("$GRASP" journal export full | jq -r .text | sed -n 's/^FINISH(\["\(S[0-9]*\)"\])$/\1/p' | head -n 1)
damaged() { cp -R "$T/full" j && LC_ALL=C sed -i "s/FINISH(\[\"$word/FINISH([\"Z${word#?}/" j/data.mdb; }
damaged && mv j hurt
exits 'damage is found' 1 "$GRASP" journal check hurt
has 'and what to do is said' err "'grasp journal gc' repairs"
"$GRASP" journal stat hurt --json >before
exits 'a run that asks for it ends' 1 "$GRASP" eval clinic/grasp.yaml --split val --journal hurt --out o
has 'and says why' err 'is damaged'
is 'once' "$(grep -c 'is damaged' err)" 1
is 'it is not paid for again' "$("$GRASP" journal stat hurt --json | jq .damaged)" "$(jq .damaged before)"
half_made 'cleaning up damage' damaged clean left
damaged && clean
is 'one call is gone' "$(calls j)" $(($(calls full) - 1))
done_testing
