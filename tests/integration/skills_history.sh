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
changed_skill=$(G diff --name-only "$last~1" "$last" -- skills | head -n 1 | cut -d/ -f2)
is "export: what the gate measured" \
    "$(sed -n 's/^  gate-\(score\|fixes\|regressions\): "\(.*\)"/\2/p' "exported/$changed_skill/SKILL.md" | tr '\n' ' ')" \
    "$(jq -r '"\(.score.score) \(.score.fixes) \(.score.regressions) "' evidence.json)"
is "export: the tasks" "$(sed -n 's/^  gate-tasks: "\(.*\)"/\1/p' "exported/$changed_skill/SKILL.md")" \
    "$(jq -r '.triggering_tasks | join(" ")' evidence.json)"
is "export: the rest as it was" "$(grep -v '^  gate-' "exported/$changed_skill/SKILL.md")" "$(cat "lib/skills/$changed_skill/SKILL.md")"
check "export --flat" "$GRASP" skills export lib flat --flat
flat=flat/$(echo "$changed_skill" | tr - _).md
has "export --flat: probe_score" "$flat" "  probe_score: $(jq .score.score evidence.json)"
has "export --flat: triggering tasks" "$flat" "  - $(jq -r '.triggering_tasks[0]' evidence.json)"

# --- freeze
exits "freeze: a name is needed" 2 "$GRASP" skills freeze lib
exits "freeze: not the name that learning moves" 2 "$GRASP" skills freeze lib --name best
check "freeze" "$GRASP" skills freeze lib --name v1 --run run
tag=$(G rev-parse v1)
is "freeze: an annotated tag" "$(G cat-file -t v1)" tag
is "freeze: of the best revision" "$(G rev-parse 'v1^{commit}')" "$(G rev-parse 'best^{commit}')"
S freeze lib --check v1 --json >manifest.json
is "freeze: the tree" "$(jq -r .tree manifest.json)" "$(G rev-parse 'best^{tree}')"
is "freeze: each skill's hash" "$(jq -r '.skills[] | .sha256 + "  skills/" + .name + "/SKILL.md"' manifest.json)" \
    "$(cd lib && git ls-tree -r --name-only best skills | while read -r f; do
        echo "$(git show "best:$f" | sha256sum | cut -d' ' -f1)  $f"; done)"
is "freeze: the run's score" "$(jq .scores.val.with_skills.score manifest.json)" \
    "$(jq --arg c "$(G rev-parse 'best^{commit}')" '[.[] | select(.epoch != "baseline" and .commit == $c)][-1].score' run/val_scores.json)"
if [ "$(jq length run/test_scores.json)" -gt 0 ]; then
    is "freeze: the final scores" "$(jq -c '[.scores.id_test.baseline.n_correct, .scores.id_test.with_skills.n_correct]' manifest.json)" \
        "$(jq -c '[.id_test.baseline.n_correct, .id_test.best.n_correct]' run/test_scores.json)"
fi
is "freeze: who" "$(jq -r .executor_model manifest.json)" simulated
check "freeze the same again" "$GRASP" skills freeze lib --name v1 --at best
is "freeze the same again: the same tag" "$(G rev-parse v1)" "$tag"
exits "freeze another revision under that name" 1 "$GRASP" skills freeze lib --name v1 --at best~1
has "is refused" err "frozen means frozen"
is "freeze: the tag stays" "$(G rev-parse v1)" "$tag"
exits "freeze: another revision gets no final scores" 0 "$GRASP" skills freeze lib --name v0 --at best~1 --run run --json
is "freeze: none in its manifest" "$(jq -c '[.scores.id_test, .scores.test]' out)" '[null,null]'
G tag -d v0 >/dev/null
exits "freeze: a tag without manifest" 1 "$GRASP" skills freeze lib --check best
check "verify with a frozen tag" "$GRASP" skills verify lib
tamper "a frozen tag moved" "tag 'v1': it leads to" <<'END'
git cat-file tag v1 | sed '1,/^$/d' >../message.tmp
git tag -f -a -F ../message.tmp v1 best~1
END
tamper "a frozen tag's manifest altered" "is not as its manifest says" <<'END'
git cat-file tag v1 | sed -e '1,/^$/d' -e 's/"version": 1,/"version": 7,/' >../message.tmp
git tag -f -a -F ../message.tmp v1 best
END

# --- bisect, against git's
dev=$(dirname "$CONFIG")/tasks/split_dev.json
[ -f "$dev" ] || dev=$GRASP_SHARED/medagentbench/v1/split_dev.json
"$GRASP" run "$CONFIG" "$fixed" --exit-code --library lib --at HEAD --journal j >/dev/null 2>&1; now=$?
asked=0 agreed=0 changed=0
for task in $(jq -r '.[].id' "$dev" | head -n 24); do
    if S bisect "$CONFIG" lib "$task" --journal j --json >bisect.json 2>bisect.err; then
        changed=$((changed + 1))
        # the first two are the ends; then git asks about the same ones in the same order
        not=; [ "$(jq -r .before bisect.json)" = correct ] || not='!'
        rm -rf b; git clone -q lib b
        (cd b && git bisect start HEAD "$root" && git bisect run sh -c \
            "$not '$GRASP' run '$CONFIG' '$task' --library . --at HEAD --exit-code --journal '$T/j'") >git.txt 2>&1
        asked=$((asked + 1))
        if [ "$(cd b && git rev-parse refs/bisect/bad)" = "$(jq -r .first bisect.json)" ] &&
            [ "$(cd b && git bisect log | sed -n 's/^git bisect \(good\|bad\) //p')" = \
              "$(jq -r '.steps[2:][].commit' bisect.json)" ]; then
            agreed=$((agreed + 1))
        else
            not_ok "bisect $task: as git" "$(cat bisect.json git.txt)"
        fi
        steps=$(jq .rollouts bisect.json) n=$(git -C lib rev-list --count "$root..HEAD") most=2
        while [ "$n" -gt 1 ]; do n=$(((n + 1) / 2)) most=$((most + 1)); done
        [ "$steps" -le "$most" ] || not_ok "bisect $task: few rollouts" "$steps, $most should do"
    else
        has "bisect $task: says that nothing changed" bisect.err "no change between them"
    fi
done
[ "$changed" -gt 0 ] && ok "bisect: some tasks changed ($changed)" || not_ok "bisect: no task changed"
is "bisect: git bisect run finds the same by the same steps" "$agreed" "$asked"
first=$(for task in $(jq -r '.[].id' "$dev" | head -n 24); do
    S bisect "$CONFIG" lib "$task" --journal j --json 2>/dev/null && break; done)
task=$(echo "$first" | jq -r .task) commit=$(echo "$first" | jq -r .first)
S bisect "$CONFIG" lib "$task" --journal j --replay-only --json >again.json
is "bisect again: from the journal" "$(jq -c '[.first, .steps]' again.json)" "$(echo "$first" | jq -c '[.first, .steps]')"
if [ "$(echo "$first" | jq -r .after)" = correct ]; then old=bad new=good; else old=good new=bad; fi
S bisect "$CONFIG" lib "$task" --journal j --$old "$root" --$new "$commit" --json >narrow.json
is "bisect with both ends given" "$(jq -r .first narrow.json)" "$commit"
S bisect "$CONFIG" lib "$task" --journal j --$old "$commit~1" --$new "$commit" --json >narrow.json
is "bisect of one step: no rollout" "$(jq -c '[.first, .rollouts]' narrow.json)" "[\"$commit\",0]"
exits "bisect: one commit only" 1 "$GRASP" skills bisect "$CONFIG" lib "$task" --good HEAD --bad HEAD
exits "bisect: an end that is elsewhere" 1 "$GRASP" skills bisect "$CONFIG" lib "$task" --good "$cand"
has "bisect: and says so" err "is not in the history"
exits "run --exit-code: an unknown task stops git bisect" 128 "$GRASP" run "$CONFIG" no_such --exit-code
[ "$now" -le 1 ] && ok "run --exit-code: 0 or 1" || not_ok "run --exit-code" "$now"
exits "run --exit-code: unscored is skipped" 125 "$GRASP" run "$CONFIG" "$task" --exit-code \
    --set model.kind=openai --set model.base_url=http://127.0.0.1:9/v1 --set model.attempts=1 --set model.name=x

# --- plain git
check "git fsck --full --strict" git -C lib fsck --full --strict
is "git log with the score trailer" "$(G log --format='%s|%(trailers:key=Gate-Score,valueonly,separator=)' -1 "$last")" \
    "$(G log -1 --format=%s "$last")|$(jq .score.score evidence.json)"
G log --notes=gate -1 "$last" >noted.txt
has "git log --notes=gate" noted.txt '"schema": "grasp-evidence-1"'
is "git blame names the commits" "$(G blame -s -l "$last" -- "skills/$changed_skill/SKILL.md" | cut -d' ' -f1 | tr -d '^' | sort -u | grep -c "$last")" 1
is "git diff best~1 best" "$(G diff --name-only best~1 best | wc -l | tr -d ' ')" "$(S diff lib best~1 best --json | jq '.skills | length')"
G for-each-ref refs/grasp refs/notes >refs.before
G reflog expire --expire=now --all && G gc -q --prune=now --aggressive
G for-each-ref refs/grasp refs/notes >refs.after
check "gc keeps candidates, probe sets and notes" cmp refs.before refs.after
check "verify after gc" "$GRASP" skills verify lib
is "nothing of ours is left in the working tree" "$(G status --porcelain)" ""

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
