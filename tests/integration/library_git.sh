# library_git.sh - a library that a learning run made, judged by the real git.
. "$(dirname "$0")/lib.sh"
export SOURCE_DATE_EPOCH=1700000000 GIT_CONFIG_NOSYSTEM=1 HOME="$T"

"$GRASP" synth -q --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
learn_in() { # LIBRARY RUN
    "$GRASP" learn clinic/grasp.yaml --set cycle.epochs=2 --library "$1" --run "$2" -q >out 2>err
}
learn() { learn_in lib run; }
if learn; then ok "a learning run"; else not_ok "a learning run" "$(tail -n 5 err)"; done_testing; fi
git() { command git -C "$T/lib" "$@"; }

check "fsck is content" git fsck --full --strict
is "the working tree follows" "$(git status --porcelain)" ""
edits=$(git log --format='%(trailers:key=Gate-Score,valueonly,separator=)' | grep -c .)
is "every edit has one score, and it is above zero" \
    "$(git log --format='%(trailers:key=Gate-Score,valueonly,separator=)' | grep -c '^[1-9][0-9]*$')" \
    "$edits"
check "some edit was accepted" test "$edits" -ge 1
is "the subject says the score" \
    "$(git log --grep='^Gate-Score' --format='%s' | grep -vc '^\(ADD\|MODIFY\|REMOVE\).*: +[0-9]')" 0
git log --notes=gate --grep='^Gate-Score' --format=%N | grep -c '"fate": "accepted"' >n
is "every edit has its evidence" "$(cat n)" "$edits"
candidates=$(git for-each-ref refs/grasp/candidates | wc -l)
check "what was refused is kept" test "$candidates" -ge 1
is "and has its evidence" "$(git notes --ref gate list | wc -l)" "$((edits + candidates))"
skill=$(git ls-tree --name-only best skills/ | head -n 1)
is "blame leads to an edit with a score" \
    "$(git blame -s --abbrev=39 best -- "$skill/SKILL.md" | cut -d' ' -f1 | tr -d '^' | sort -u |
        while read -r c; do git log -1 --format='%(trailers:key=Gate-Score,valueonly,separator=)' "$c"
        done | grep -vc '^[1-9]')" 0
check "an edit is one skill" \
    sh -c "git -C lib diff --name-only best~1 best | grep -q '^skills/[a-z0-9-]*/SKILL.md$'"
blob=$(git log -1 --grep='^Probe-Set' --format='%(trailers:key=Probe-Set,valueonly,separator=)')
before=$(git for-each-ref)
git reflog expire --expire=now --all && git gc -q --prune=now
is "gc keeps every ref" "$(git for-each-ref)" "$before"
check "and the probe sets" sh -c "git -C lib cat-file -p $blob | grep -q '^failing '"
check "fsck after gc" git fsck --full --strict
head=$(git rev-parse HEAD)
check "the run again, on packed refs" learn
is "changes nothing" "$(git for-each-ref)" "$before"
command git clone -q lib copy && command git -C copy fetch -q origin 'refs/grasp/*:refs/grasp/*' \
    refs/notes/gate:refs/notes/gate
is "a clone has it all" "$(command git -C copy for-each-ref refs/grasp refs/notes refs/tags)" \
    "$(git for-each-ref refs/grasp refs/notes refs/tags)"

# Killed again and again, and started again: the same commits, notes, refs.
i=0
while [ $i -lt 8 ]; do
    i=$((i + 1))
    "$GRASP" learn clinic/grasp.yaml --set cycle.epochs=2 --library hurt --run killed -q \
        >out 2>err & pid=$!
    n=0
    while kill -0 $pid 2>/dev/null && [ $n -lt $((i * 15)) ]; do
        n=$((n + 1)); command git -C hurt for-each-ref >/dev/null 2>&1
    done
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
done
learn_in hurt killed && ok "a run that was killed eight times ends" ||
    not_ok "a run that was killed eight times ends" "$(cat err)"
check "fsck is content with its library" command git -C hurt fsck --full --strict
is "its skills are the same" "$(command git -C hurt rev-parse 'best^{tree}')" \
    "$(git rev-parse 'best^{tree}')"
is "its candidates are as many" "$(command git -C hurt for-each-ref refs/grasp/candidates | wc -l)" \
    "$candidates"
is "its evidence too" "$(command git -C hurt notes --ref gate list | wc -l)" \
    "$(git notes --ref gate list | wc -l)"

# Somebody else's hands.
echo x >>"lib/$skill/SKILL.md"
exits "an edited library is refused" 1 learn
has "by name" err "$skill/SKILL.md"
is "and left as it is" "$(tail -n 1 "lib/$skill/SKILL.md")" x
git checkout -q -- .
git checkout -q --detach
exits "a detached head is refused" 1 learn
git checkout -q main
git -c user.name=u -c user.email=u@x commit -q --allow-empty -m 'by hand'
# a lock that somebody's git left is found before calls are paid, a live one is waited for
for lock in refs/notes/gate index refs/heads/main; do
    : >"lib/.git/$lock.lock"
    exits "a stale lock of $lock" 3 learn_in lib run2
    has "is named" err "$lock.lock' is there"
    is "and nothing was paid" "$(jq .calls.total.calls_made run2/run_summary.json 2>/dev/null)" ""
    rm "lib/.git/$lock.lock"
done
: >lib/.git/refs/notes/gate.lock
(wait_until 20 grep -qs process lib/.git/grasp.lock && rm lib/.git/refs/notes/gate.lock) &
exits "a live one" 0 learn
wait $!
git reset -q --hard "$head~1"
git -c user.name=u -c user.email=u@x commit -q --allow-empty -m 'by hand'
exits "a branch that has diverged is refused" 1 learn
is "and left where it is" "$(git log -1 --format=%s)" "by hand"
done_testing
