#!/bin/sh
# grasp skills merge: another library's skills, one by one through the gate.
. "$(dirname "$0")/lib.sh"

"$GRASP" synth --patients 120 --seed 1 --out clinic >synth.log 2>&1 || skip_all "no grasp synth"
C=clinic/grasp.yaml
export SOURCE_DATE_EPOCH=1700000000
learn() { # LIBRARY OPTIONS...
    lib=$1; shift
    "$GRASP" learn $C --set cycle.proposal_temperature=1 --library $lib --run run-$lib "$@" \
        >$lib.log 2>&1 || { cat $lib.log; not_ok "learning $lib"; done_testing; }
}
learn a --set cycle.epochs=1 --set cycle.update_every=60
learn b --set cycle.epochs=1 --set cycle.no_gate=true --set cycle.seed=7 --set sim.profile=weak
refs() { git -C "$1" for-each-ref --format='%(objectname) %(refname)'; }
cp -r a a2
before=$(git -C a rev-parse HEAD) theirs=$(refs b)

exits "merge" 0 "$GRASP" skills merge $C --library a --from b --json --journal j
cp out merge.json
is "every skill of the other library" "$(jq -r '.steps[].name' merge.json)" \
    "$(git -C b ls-tree --name-only HEAD:skills)"
check "some were measured" jq -e '[.steps[] | select(.measured)] | length > 2' merge.json
check "and not all let in" jq -e '[.steps[] | select(.measured)] | length > $n' \
    --argjson n "$(jq .accepted merge.json)" merge.json
accepted=$(jq .accepted merge.json)
is "a commit for each that was let in" "$(git -C a log --format=%s "$before..HEAD" | wc -l)" "$accepted"
is "in order" "$(git -C a log --reverse --format=%H "$before..HEAD")" \
    "$(jq -r '.steps[] | select(.fate == "accepted") | .commit' merge.json)"
run=$(jq -r .run merge.json)
is "a candidate for each that was not" \
    "$(git -C a for-each-ref --format='%(objectname)' "refs/grasp/candidates/$run")" \
    "$(jq -r '.steps[] | select(.measured and .fate != "accepted") | .commit' merge.json)"
for c in $(git -C a log --format=%H "$before..HEAD"); do
    is "it says where it is from" "$(git -C a log -1 --format='%(trailers:key=Merged-From,valueonly)' "$c")" \
        "$(git -C b rev-parse HEAD)"
    check "its evidence lets it in" sh -c \
        "git -C a notes --ref=gate show $c | jq -e '.score.eligible and (.seen.probes | length > 0) and .fate == \"accepted\"'"
done
is "its files follow" "$(git -C a status --porcelain)" ""
check "verify: everything holds" "$GRASP" skills verify a
is "the other library is only read" "$(refs b)" "$theirs"
name=$(jq -r '[.steps[] | select(.fate == "accepted" and .action == "ADD")][0].name // empty' merge.json)
if [ -n "$name" ]; then
    body() { "$GRASP" skills show "$1" "$name" | sed '1,/^---$/d' | sed '1,/^---$/d'; }
    is "a skill that came has its body" "$(body a)" "$(body b)"
else
    not_ok "at least one ADD is let in"
fi

# --- again: nothing to pay, nothing changes
all=$(refs a)
unset SOURCE_DATE_EPOCH
exits "again, from the journal" 0 "$GRASP" skills merge $C --library a --from b --json --journal j \
    --replay-only
is "the same report" "$(cat out)" "$(cat merge.json)"
is "the same objects" "$(refs a)" "$all"
export SOURCE_DATE_EPOCH=1700000000

# --- stopped by a budget, and gone on with
stops=0 rc=3
while [ $rc -eq 3 ] && [ $stops -lt 40 ]; do
    "$GRASP" skills merge $C --library a2 --from b --json --journal j2 \
        --set budget.calls=$((300 * (stops + 1))) >out 2>err # what was spent before counts, too
    rc=$?
    stops=$((stops + 1))
done
is "it ends" $rc 0
[ $stops -gt 2 ] && ok "after several budgets ($stops)" || not_ok "after several budgets" "$stops"
is "as if never stopped" "$(sed 's/"a2"/"a"/' out)" "$(cat merge.json)"
is "also its objects" "$(refs a2)" "$all"

# --- what is not measured
exits "into itself" 0 "$GRASP" skills merge $C --library a --from a --json --journal j
is "all is there already" "$(jq -r '[.steps[].fate] | unique[]' out)" same
is "and nothing happens" "$(refs a)" "$all"
exits "a full library" 0 "$GRASP" skills merge $C --library a2 --from b --journal j \
    --set cycle.max_learned_skills=1
has "has no room" out 'the library is full'
git init -q bad
mkdir -p bad/skills/quoter
task=$(jq -r '.[0].id' clinic/tasks/split_dev.json)
printf -- '---\nname: quoter\ndescription: about %s\n---\n\nThe answer of %s.\n' "$task" "$task" \
    >bad/skills/quoter/SKILL.md
git -C bad add . && git -C bad -c user.name=x -c user.email=x@y commit -qm one
exits "a skill that quotes a task" 0 "$GRASP" skills merge $C --library a --from bad --journal j
has "is refused" out 'it quotes the benchmark'
is "unmeasured" "$(refs a)" "$all"
mkdir -p tagged/skills/labs
git init -q tagged
printf -- '---\nname: labs\ndescription: about labs\nmetadata:\n  tags: "labs %s"\n---\n\nLook.\n' "$task" \
    >tagged/skills/labs/SKILL.md
git -C tagged add . && git -C tagged -c user.name=x -c user.email=x@y commit -qm one
exits "a skill that quotes a task in a tag" 0 "$GRASP" skills merge $C --library a --from tagged --json --journal j
is "is refused as a leak, too" "$(jq -c '[.steps[].fate]' out)" '["leak"]'
is "also unmeasured" "$(refs a)" "$all"
exits "no such library" 1 "$GRASP" skills merge $C --library a --from nowhere
has "is named" err nowhere
exits "from what?" 2 "$GRASP" skills merge $C --library a
echo more >>a/README.md
exits "a library with changes" 1 "$GRASP" skills merge $C --library a --from b --journal j
is "is left alone" "$(refs a)" "$all"

done_testing
