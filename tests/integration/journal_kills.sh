#!/bin/sh
# Commands that make, fill or clean a journal, killed at every system call that changes a file, and
# with the disk full from each of them on: the same command again ends as if nothing had happened.
. "$(dirname "$0")/lib.sh"
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" # the leak check does not work in a traced process
unset GRASP_BACKEND
${CC:-cc} -O1 -o kill_at "$ROOT/tests/kill_at.c" 2>cc.err || skip_all 'no C compiler'
./kill_at 0 true || skip_all 'no tracing of processes here'
"$GRASP" synth -q --patients 60 --out clinic || { not_ok 'a clinic'; done_testing; }
task=$(jq -r '.[0].id' clinic/tasks/split_val.json)

keys() { "$GRASP" journal export "$1" | jq -c '[.key, .text]' | sort; }
rollout() { "$@" "$GRASP" run clinic/grasp.yaml "$task" --set journal="$J" --json; }
clean() { "$@" "$GRASP" journal gc "$J" -q; }
calls() { "$GRASP" journal stat "$1" --json | jq .entries; }

# Each point once killed and once with a full disk. PREPARE makes $J; what it ends with is compared.
everywhere() { # NAME PREPARE COMMAND
    name=$1 prepare=$2 command=$3 J=$T/calm
    rm -rf calm
    $prepare; $command ./kill_at -c count 0 >calm.out 2>calm.err
    keys calm >calm.keys
    most=$(cat count) n=0 bad=0
    while [ $((n += 1)) -le "$most" ]; do
        for flag in '' -e; do
            rm -rf "$T/j"; J=$T/j
            $prepare
            $command ./kill_at $flag "$n" >out 2>err
            status=$?
            if [ -z "$flag" ] && [ $status -ne 137 ]; then bad=$((bad + 1)); echo "# $n: not killed"; fi
            if ! $command >out 2>err; then
                bad=$((bad + 1)); echo "# $name, ${flag:-kill} at $n: $(head -n 2 err)"
            elif ! "$GRASP" journal check j >check 2>&1; then
                bad=$((bad + 1)); echo "# $name, ${flag:-kill} at $n: $(head -n 2 check)"
            elif keys j >j.keys; ! cmp -s j.keys calm.keys; then
                bad=$((bad + 1)); echo "# $name, ${flag:-kill} at $n: other calls than undisturbed"
            fi
        done
    done
    is "$name: $most kills and $most full disks leave nothing" "$bad" 0
}

nothing() { :; }
everywhere 'a first rollout' nothing rollout

J=$T/full
rollout >/dev/null 2>&1
for t in $(jq -r '.[1:6][].id' clinic/tasks/split_val.json); do
    "$GRASP" run clinic/grasp.yaml "$t" --set journal="$J" >/dev/null 2>&1
done
copied() { cp -R full "$J"; }
everywhere 'cleaning up' copied clean

# One answer has changed: it goes, and the index is made anew.
word=$("$GRASP" journal export full | jq -r .text | sed -n 's/^FINISH(\["\(S[0-9]*\)"\])$/\1/p' | head -n 1)
damaged() { cp -R full "$J" && LC_ALL=C sed -i "s/FINISH(\[\"$word/FINISH([\"Z${word#?}/" "$J/data.mdb"; }
J=$T/hurt; damaged
exits 'damage is found' 1 "$GRASP" journal check hurt
has 'and what to do is said' err "'grasp journal gc' repairs"
"$GRASP" journal stat hurt --json >before
exits 'a run that asks for it ends' 1 "$GRASP" eval clinic/grasp.yaml --split val --journal hurt --out o
has 'and says why' err 'is damaged'
is 'once' "$(grep -c 'is damaged' err)" 1
is 'it is not paid for again' "$("$GRASP" journal stat hurt --json | jq .damaged)" "$(jq .damaged before)"
everywhere 'cleaning up damage' damaged clean
is 'one call is gone' "$(calls calm)" $(($(calls full) - 1))
done_testing
