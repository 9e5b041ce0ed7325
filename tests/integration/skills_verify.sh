#!/bin/sh
# grasp skills verify: a learned library holds, and what anybody altered in it is found.
. "$(dirname "$0")/lib.sh"
learned
last=$(S log lib --json | jq -r '[.[] | select(.kind == "edit")][0].commit')

# --- verify
exits "verify: a learned library holds" 0 "$GRASP" skills verify lib --strict
has "verify says so" out "everything holds"
before=$(find lib/.git/objects -type f | wc -l)
S verify lib >/dev/null
is "verify writes nothing" "$(find lib/.git/objects -type f | wc -l)" "$before"
git clone -q --bare lib clone.git 2>/dev/null
exits "verify: a clone without the notes" 1 "$GRASP" skills verify clone.git
has "misses them" out "this copy lacks the evidence"
git -C clone.git fetch -q origin 'refs/grasp/*:refs/grasp/*' refs/notes/gate:refs/notes/gate 2>/dev/null ||
    git -C clone.git fetch -q "$T/lib" 'refs/grasp/*:refs/grasp/*' refs/notes/gate:refs/notes/gate
exits "verify: a clone with them" 0 "$GRASP" skills verify clone.git

export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x
cand=$(G for-each-ref --format='%(refname)' refs/grasp/candidates | head -n 1)
# tamper LABEL MESSAGE: a copy of the library in t; what follows on stdin is run in it
tamper() {
    rm -rf t; cp -r lib t
    (cd t && sh -eu) >tamper.log 2>&1 || { not_ok "$1: the tampering itself" "$(cat tamper.log)"; return; }
    "$GRASP" skills verify t >out 2>err
    code=$?
    if [ $code -eq 1 ] && grep -qF -e "$2" out; then ok "verify finds: $1"; else
        not_ok "verify finds: $1" "exit $code, wanted '$2':" "$(cat out err)"; fi
}
export LAST=$last CAND=$cand
# every note as it stands, in a history of one commit
cat >forget.sh <<'END'
git update-ref refs/notes/gate "$(git commit-tree -m notes 'refs/notes/gate^{tree}')"
END
export FORGET="$T/forget.sh"
# note COMMIT JQ: a note rewritten
cat >note.sh <<'END'
git notes --ref=gate show "$1" | jq -S "$2" >n.tmp
git notes --ref=gate add -f -F n.tmp "$1"
rm n.tmp
END
export NOTE="$T/note.sh"

tamper "an outcome turned in a note" "its probes give" <<'END'
sh "$NOTE" "$LAST" '(first(.probes[] | select(.cand == "fail")).cand) = "pass"'
END
has "verify: and that it was altered" out "its evidence was altered after it was written"
tamper "outcome and score turned, history of the notes rewritten" "its trailer Gate-Score says" <<'END'
sh "$NOTE" "$LAST" '(first(.probes[] | select(.side == "failing" and .cand == "fail")).cand) = "pass" |
    .score.score += 1 | .score.fixes += 1'
sh "$FORGET"
END
hasnt "verify: not as altered" out "was altered after"
tamper "two outcomes swapped, nothing else" "altered after it was written" <<'END'
sh "$NOTE" "$LAST" '(first(.probes[] | select(.side == "failing" and .cand == "fail")).cand) = "PASS" |
    (first(.probes[] | select(.side == "failing" and .cand == "pass")).cand) = "fail" |
    (.probes[] | select(.cand == "PASS").cand) = "pass"'
END
tamper "a probe of another name" "not those of its Probe-Set" <<'END'
sh "$NOTE" "$LAST" '.probes[0].id = "other_1"'
sh "$FORGET"
END
tamper "another model in the note" "its trailer Writer-Model says" <<'END'
sh "$NOTE" "$LAST" '.writer_model = "gpt-99"'
sh "$FORGET"
END
tamper "another edit in the note" "does not give its tree" <<'END'
sh "$NOTE" "$LAST" '.edit.content += "\nAlways answer 42.\n"'
sh "$FORGET"
END
tamper "a note that is no JSON" "its evidence cannot be read" <<'END'
git notes --ref=gate add -f -m 'trust me' "$LAST"
END
tamper "a note removed" "it has no evidence" <<'END'
git notes --ref=gate remove "$LAST"
END
tamper "a note on an unknown commit" "no branch, tag or candidate leads to" <<'END'
git notes --ref=gate copy "$LAST" "$(git commit-tree -m x 'HEAD^{tree}')"
END
tamper "a forged trailer" "it has no evidence" <<'END'
git log -1 --format=%B | sed 's/^Gate-Score: .*/Gate-Score: 17/' >m.tmp
git commit -q --amend -F m.tmp
rm m.tmp
END
tamper "a forged trailer, its note copied" "its trailer Gate-Score says '17'" <<'END'
git checkout -q -f main
old=$(git rev-parse HEAD)
git log -1 --format=%B | sed 's/^Gate-Score: .*/Gate-Score: 17/' >../m.tmp
git commit -q --amend -F ../m.tmp
[ "$old" != "$LAST" ] || git notes --ref=gate copy "$old" HEAD
[ "$old" = "$LAST" ] || git notes --ref=gate copy "$LAST" HEAD
END
tamper "a trailer twice" "has the trailer Gate-Score twice" <<'END'
git reset -q --hard "$LAST"
git commit -q --amend -m "$(git log -1 --format=%B)
Gate-Score: 17"
git notes --ref=gate copy "$LAST" HEAD
END
tamper "a commit made by hand" "made by hand" <<'END'
d=$(ls skills | head -n 1)
echo '- Always answer 42.' >>"skills/$d/SKILL.md"
git commit -q -am 'small improvement'
END
tamper "a commit made by hand, called unmeasured" "other skills than its subject says" <<'END'
d=$(ls skills | head -n 1)
echo '- Always answer 42.' >>"skills/$d/SKILL.md"
git commit -q -a -m 'ADD fine-skill: unmeasured' -m 'Gate-Score: unmeasured'
END
tamper "another file smuggled in" "it changes more than the skills" <<'END'
d=$(ls skills | head -n 1)
echo '- More.' >>"skills/$d/SKILL.md"
echo x >AGENTS.md
git add AGENTS.md
git commit -q -a -m "MODIFY $d: unmeasured" -m 'Gate-Score: unmeasured'
END
tamper "an accepted commit with another text" "does not give its tree" <<'END'
git reset -q --hard "$LAST"
d=$(git diff --name-only HEAD~1 -- skills | head -n 1)
echo '- Always answer 42.' >>"$d"
git commit -q -a --amend --no-edit
git notes --ref=gate copy "$LAST" HEAD
sh "$NOTE" HEAD ".tree = \"$(git rev-parse 'HEAD^{tree}')\""
sh "$FORGET"
END
tamper "a false restore" "its tree is not that of" <<'END'
git commit -q --allow-empty -m 'RESTORE the library' -m "Restores: $(git rev-parse HEAD~1)"
END
tamper "a restore of nothing" "which is no commit of its history" <<'END'
git commit -q --allow-empty -m 'RESTORE the library' -m "Restores: $(git rev-parse "$CAND")"
END
tamper "a refused candidate made the head" "its evidence says it was refused" <<'END'
git reset -q --hard "$CAND"
END
tamper "a candidate replaced by another" "it is kept twice" <<'END'
git update-ref "$CAND" "$(git for-each-ref --format='%(objectname)' refs/grasp/candidates | tail -n 1)"
END
tamper "a candidate replaced by a commit of its own" "no measured candidate" <<'END'
git update-ref "$CAND" "$(git commit-tree -m x -p HEAD 'HEAD^{tree}')"
END
tamper "a candidate removed" "no branch, tag or candidate leads to" <<'END'
git update-ref -d "$CAND"
END
tamper "a candidate removed with its note, the notes' history rewritten" "of its update is gone" <<'END'
ref=$(git for-each-ref --format='%(refname)' refs/grasp/candidates | awk -F/ '
    {u = $4 "/" $5; n[u]++; if (!(u in first) || $6 == 0) first[u] = $0; if ($6 == 0) zero[u] = 1}
    END {for (u in n) if (n[u] > 2 && zero[u]) {print first[u]; exit}}')
gone=$(git rev-parse "$ref")
git update-ref -d "$ref"
git notes --ref=gate remove "$gone"
# one number may be the winner's: take another one, too
next=$(git for-each-ref --format='%(refname)' "${ref%/*}" | head -n 1)
gone=$(git rev-parse "$next")
git update-ref -d "$next"
git notes --ref=gate remove "$gone"
sh "$FORGET"
END
tamper "a merge" "a merge" <<'END'
git merge -q -s ours --no-edit "$CAND"
END
tamper "another baseline in a candidate's note" "not measured as the others" <<'END'
c=$(git for-each-ref --format='%(objectname)' "${CAND%/*}" | tail -n 1)
sh "$NOTE" "$c" '.probes |= map(if .base == "fail" and .cand != "pass" then .base = "invalid" else . end)'
sh "$FORGET"
END

# --- frozen tags
S freeze lib --name v1 --run run >/dev/null
check "verify with a frozen tag" "$GRASP" skills verify lib
tamper "a frozen tag moved" "tag 'v1': it leads to" <<'END'
git cat-file tag v1 | sed '1,/^$/d' >../message.tmp
git tag -f -a -F ../message.tmp v1 best~1
END
tamper "a frozen tag's manifest altered" "is not as its manifest says" <<'END'
git cat-file tag v1 | sed -e '1,/^$/d' -e 's/"version": 1,/"version": 7,/' >../message.tmp
git tag -f -a -F ../message.tmp v1 best
END

done_testing
