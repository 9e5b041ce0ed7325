#!/bin/sh
# grasp skills: history of a library that a learning run made, held against plain git.
. "$(dirname "$0")/lib.sh"

# --- a learned library: the simulated model on a synthetic clinic, or on the shared one
make_config() {
    if "$GRASP" synth --help >/dev/null 2>&1 &&
        "$GRASP" synth --patients 120 --seed 1 --out clinic >synth.log 2>&1; then
        CONFIG=$T/clinic/grasp.yaml
        return 0
    fi
    m=$GRASP_SHARED/medagentbench/v1 c=$GRASP_SHARED/vectors/clinic_v1
    [ -d "$m" ] && [ -d "$c" ] || return 1
    cat >c.yaml <<END
model: {kind: simulated}
cycle: {update_every: 48, grpo_k: 4, grpo_eval_n: 36, seed: 1, proposal_temperature: 1}
data: {dev: $m/split_dev.json, val: $m/split_val.json, full: $m/test_data_v2.json, funcs: $m/funcs_v1.json}
benchmark: {version: v1}
fhir: {load: [$c/Patient.ndjson, $c/Observation.ndjson]}
END
    CONFIG=$T/c.yaml
}
make_config || skip_all "neither grasp synth nor the shared clinic"
"$GRASP" learn "$CONFIG" --set cycle.epochs=2 --set cycle.batch_concurrency=32 --library lib \
    --run run >learn.log 2>&1 || { cat learn.log; not_ok "a learning run"; done_testing; }
S() { sub=$1; shift; "$GRASP" skills "$sub" "$@"; }
G() { git -C lib "$@"; }
accepted=$(G log --format=%s | grep -c '^\(ADD\|MODIFY\|REMOVE\) ')
refused=$(G for-each-ref refs/grasp/candidates | wc -l | tr -d ' ')
[ "$accepted" -ge 2 ] && ok "several edits were accepted ($accepted)" || not_ok "several accepted" "$accepted"
[ "$refused" -ge 4 ] && ok "more were refused ($refused)" || not_ok "more refused" "$refused"

# --- list, show
S list lib --json >list.json
is "list: the skills" "$(jq -r '.[].name' list.json | sort)" "$(ls lib/skills | sort)"
name=$(jq -r '.[0].name' list.json)
S show lib "$name" >shown
check "show: byte for byte" cmp shown "lib/skills/$name/SKILL.md"
is "list --at the root: nothing" "$(S list lib --at "$(G rev-list --max-parents=0 HEAD)" --json)" "[]"
exits "show: an unknown skill" 1 "$GRASP" skills show lib "${name}x"
has "did you mean" err "did you mean '$name'"
exits "an unknown revision" 1 "$GRASP" skills list lib --at nowhere
has "is named" err nowhere
exits "no library" 1 "$GRASP" skills list "$T/clinic-not"

# --- log
S log lib --json >log.json
is "log: git's commits" "$(jq -r '.[].commit' log.json)" "$(G log --first-parent --format=%H)"
is "log: git's scores" "$(jq -r '.[] | select(.kind == "edit") | .score' log.json)" \
    "$(G log --format='%(trailers:key=Gate-Score,valueonly)' | grep .)"
S log lib >log.txt
is "log: a line a commit" "$(wc -l <log.txt)" "$(($(jq length log.json) + 1))"
is "log --rejected: all of them" "$(S log lib --rejected | grep -c '^x')" "$refused"
S rejected lib --json >rejected.json
is "rejected: all candidates" "$(jq -r '.[].commit' rejected.json | sort)" \
    "$(G for-each-ref --format='%(objectname)' refs/grasp/candidates | sort)"
is "rejected: each has a reason" "$(jq '[.[] | select(.why == "no evidence")] | length' rejected.json)" 0

# --- evidence
last=$(jq -r '[.[] | select(.kind == "edit")][0].commit' log.json)
S evidence lib "$last" --json >evidence.json
G notes --ref=gate show "$last" | jq -S . >note.json
is "evidence: the note" "$(jq -S . evidence.json)" "$(cat note.json)"
S evidence lib "$last" --all >evidence.txt
is "evidence: a row a probe" "$(grep -c '^  .*\(failing\|passing\) ' evidence.txt)" \
    "$(jq '.probes | length' evidence.json)"
is "evidence: what it fixed" "$(grep -c '  fixed$' evidence.txt)" \
    "$(jq '[.probes[] | select(.base != "pass" and .cand == "pass")] | length' evidence.json)"
exits "evidence of the root: none" 1 "$GRASP" skills evidence lib "$(G rev-list --max-parents=0 HEAD)"

# --- blame and diff, against the notes and git
fixed=$(jq -r '[.probes[] | select(.base != "pass" and .cand == "pass")][0].id' evidence.json)
S blame lib "$fixed" --json >blame.json
is "blame: the notes say the same" "$(jq -r '.[] | select(.set == "probes") | .commit + " " + .effect' blame.json)" \
    "$(for c in $(G log --first-parent --format=%H); do
        G notes --ref=gate show "$c" 2>/dev/null | jq -r --arg c "$c" --arg t "$fixed" '.probes[] |
            select(.id == $t and (.base == "pass") != (.cand == "pass")) |
            $c + (if .cand == "pass" then " fixed" else " broke" end)'; done)"
is "blame: that commit is among them" "$(jq -r --arg c "$last" '[.[] | select(.commit == $c)] | length' blame.json)" 1
exits "blame: a task that was never a probe" 1 "$GRASP" skills blame lib nosuchtask_1
has "points to bisect" err "skills bisect"
root=$(G rev-list --max-parents=0 HEAD)
S diff lib "$root" HEAD --json >diff.json
is "diff: git's files" "$(jq -r '.skills[] | .name' diff.json | sort)" \
    "$(G diff --name-only "$root" HEAD -- skills | cut -d/ -f2 | sort -u)"
is "diff: the commits between" "$(jq -r '.steps[].commit' diff.json)" "$(G rev-list --first-parent "$root..HEAD")"
is "diff backwards: no steps" "$(S diff lib HEAD "$root" --json | jq -c '[.in_line, .steps]')" '[false,[]]'

# --- verify
exits "verify: a learned library holds" 0 "$GRASP" skills verify lib --strict
has "verify says so" out "everything holds"
before=$(find lib/.git/objects -type f | wc -l)
S verify lib >/dev/null
is "verify writes nothing" "$(find lib/.git/objects -type f | wc -l)" "$before"
git clone -q --bare lib clone.git 2>/dev/null
exits "verify: a clone without the notes" 1 "$GRASP" skills verify clone.git
has "misses them" out "it has no evidence"
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

# --- rank
cat >rank.jsonl <<'END'
{"skills": [{"name": "b", "description": "potassium", "tags": ["low potassium"], "content": "x"}, {"name": "a", "description": "age", "tags": "", "content": "y"}], "messages": [{"role": "user", "content": "Is there a low potassium?"}]}

{"skills": [], "messages": [{"role": "user", "content": "hello"}]}
END
is "rank: skills in the line" "$(S rank rank.jsonl -k 1)" '{"order":["b","a"],"scores":[31,1],"top":["b"]}
{"order":[],"scores":[],"top":[]}'
printf '{"library":"lib","at":"HEAD","messages":[{"role":"user","content":"x"}]}\n' >rank.jsonl
is "rank: a library" "$(S rank <rank.jsonl | jq -r '.order[]' | sort)" "$(ls lib/skills | sort)"
printf '{"skills": 1}\n' >rank.jsonl
exits "rank: a line that is no question" 1 "$GRASP" skills rank rank.jsonl
has "rank: which line" err "rank.jsonl:1"
if [ -f "$GRASP_SHARED/vectors/select.json" ]; then
    jq -c '.[]' "$GRASP_SHARED/vectors/select.json" >select.jsonl
    S rank select.jsonl >ranked.jsonl
    is "rank: the shared vectors" "$(jq -c '[.order, .top]' ranked.jsonl)" "$(jq -c '[.order, .top3]' select.jsonl)"
else
    skip "rank: the shared vectors" "no shared vectors"
fi

# --- import and export
data=$ROOT/tests/data
check "import: a dry run" "$GRASP" skills import imported "$data/flat" --dry-run
[ -e imported ] && not_ok "a dry run writes nothing" || ok "a dry run writes nothing"
S import imported "$data/flat" >import.txt
has "import says what had to be changed" import.txt "became"
is "import: one commit on top of the first" "$(git -C imported rev-list --count HEAD)" 2
is "import: its trailers" "$(git -C imported log -1 --format='%(trailers:key=Imported-From,valueonly)%(trailers:key=Gate-Score,valueonly)' | xargs)" "flat unmeasured"
exits "import again: nothing to do" 0 "$GRASP" skills import imported "$data/flat"
is "import again: no commit" "$(git -C imported rev-list --count HEAD)" 2
name=$(ls imported/skills | head -n 1)
mkdir -p "other/$name"; sed 's/^description: .*/description: "Something else."/' "imported/skills/$name/SKILL.md" >"other/$name/SKILL.md"
exits "import: an existing name is refused" 1 "$GRASP" skills import imported other
has "import: and named" err "another skill '$name'"
exits "import --replace" 0 "$GRASP" skills import imported other --replace
has "import --replace: it is there" "imported/skills/$name/SKILL.md" "Something else."
exits "import: a source without skills" 1 "$GRASP" skills import imported "$T/run"
exits "an import verifies" 0 "$GRASP" skills verify imported
has "as what it is" out "imported, not measured"
exits "but not strictly" 1 "$GRASP" skills verify imported --strict
check "fsck of an imported library" git -C imported fsck --full --strict

check "export" "$GRASP" skills export lib exported
exits "export into a folder that is not empty" 1 "$GRASP" skills export lib exported
is "export: every skill" "$(ls exported | sort)" "$(ls lib/skills | sort)"
changed=$(G diff --name-only "$last~1" "$last" -- skills | head -n 1 | cut -d/ -f2)
is "export: what the gate measured" \
    "$(sed -n 's/^  gate-\(score\|fixes\|regressions\): "\(.*\)"/\2/p' "exported/$changed/SKILL.md" | tr '\n' ' ')" \
    "$(jq -r '"\(.score.score) \(.score.fixes) \(.score.regressions) "' evidence.json)"
is "export: the tasks" "$(sed -n 's/^  gate-tasks: "\(.*\)"/\1/p' "exported/$changed/SKILL.md")" \
    "$(jq -r '.triggering_tasks | join(" ")' evidence.json)"
is "export: the rest as it was" "$(grep -v '^  gate-' "exported/$changed/SKILL.md")" "$(cat "lib/skills/$changed/SKILL.md")"
check "export --flat" "$GRASP" skills export lib flat --flat
flat=flat/$(echo "$changed" | tr - _).md
has "export --flat: probe_score" "$flat" "  probe_score: $(jq .score.score evidence.json)"
has "export --flat: triggering tasks" "$flat" "  - $(jq -r '.triggering_tasks[0]' evidence.json)"

# the released libraries, in and out again
for dir in "$GRASP_SHARED"/reference/libraries/*/; do
    [ -d "$dir" ] || { skip "the released libraries" "not there"; break; }
    n=$(basename "$dir")
    check "import $n" "$GRASP" skills import "in/$n" "$dir"
    check "export $n" "$GRASP" skills export "in/$n" "flats/$n" --flat
    is "$n: the same files" "$(cd "flats/$n" && ls)" "$(cd "$dir" && ls -- *.md)"
    for f in "$dir"*.md; do # the same but for where a description with escapes is wrapped
        [ "$(tr -d ' \\\n' <"$f")" = "$(tr -d ' \\\n' <"flats/$n/$(basename "$f")")" ] ||
            not_ok "$n: $f comes back" "$(diff "$f" "flats/$n/$(basename "$f")")"
    done
    "$GRASP" skills import "again/$n" "flats/$n" >/dev/null
    is "$n: read again it is the same tree" "$(git -C "again/$n" rev-parse 'HEAD^{tree}')" \
        "$(git -C "in/$n" rev-parse 'HEAD^{tree}')"
done

done_testing
