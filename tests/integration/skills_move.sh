#!/bin/sh
# grasp skills import, export, freeze: a library's skills on their way in and out.
. "$(dirname "$0")/lib.sh"
learned
last=$(S log lib --json | jq -r '[.[] | select(.kind == "edit")][0].commit')
S evidence lib "$last" --json >evidence.json
export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x

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
# a link that git was told to ignore leads nowhere
git clone -q lib linked && git -C linked reset -q --hard "$(git -C lib rev-list --max-parents=0 HEAD | tail -n 1)"
mkdir elsewhere && ln -s "$T/elsewhere" linked/skills && echo skills >>linked/.git/info/exclude
bad "a link in the place of a folder" "skills of the library 'linked' is no folder" skills import linked exported
is "nothing is written through it" "$(ls elsewhere)" ""
exits "the same export again" 0 "$GRASP" skills export lib exported
mkdir own && echo mine >own/notes
exits "export into a folder that is not empty" 1 "$GRASP" skills export lib own
is "export: what is in it stays alone" "$(ls own)" notes
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
is "freeze: the run's score" "$(jq ".scores.val.with_skills.score + 0" manifest.json)" \
    "$(jq --arg c "$(G rev-parse 'best^{commit}')" '[.[] | select(.epoch != "baseline" and .commit == $c)][-1].score + 0' run/val_scores.json)"
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

# run folders of the reference implementation: what is in best/ is taken, and that is said
mkdir -p ref/skills/best/.history ref/skills/learned
for f in best/a best/b learned/a learned/c; do
    printf -- '---\ndescription: d\nname: %s_x\nprovenance:\n  action: ADD\n  epoch: 1\n  no_gate: true\ntags: []\nversion: 1\n---\n\n# %s\n' \
        "$(basename $f)" $f >ref/skills/$f.md
done
cp ref/skills/best/a.md ref/skills/best/.history/a_v1.md
echo '{}' >ref/test_scores.json
for from in ref ref/skills ref/skills/best; do
    rm -rf rlib rflat
    exits "import $from" 0 "$GRASP" skills import rlib $from
    is "$from: the skills of best/" "$(git -C rlib ls-tree --name-only HEAD skills/ | tr '\n' ' ')" "skills/a-x skills/b-x "
    "$GRASP" skills export rlib rflat --flat >/dev/null
    is "$from: come back as they were" "$(cat rflat/a_x.md rflat/b_x.md)" "$(cat ref/skills/best/a.md ref/skills/best/b.md)"
done
"$GRASP" skills import rlib2 ref >out
has "it says which" out "ref: a run folder; its skills are those of skills/best"
rm -r ref/skills/best
exits "a run that has not ended" 0 "$GRASP" skills import rlib3 ref
has "has learned ones" out "those of skills/learned"
for dir in "$GRASP_SHARED"/reference/runs/*/; do
    [ -d "$dir" ] || { skip "released runs" "not there"; break; }
    n=$(basename "$dir")
    exits "import the run $n" 0 "$GRASP" skills import "runs/$n" "$dir"
    is "$n: all of best/" "$(git -C "runs/$n" ls-tree --name-only HEAD skills/ | wc -l)" \
        "$(find "$dir/skills/best" -maxdepth 1 -name '*.md' | wc -l)"
    "$GRASP" skills export "runs/$n" "runflats/$n" --flat >/dev/null
    for f in "$dir"skills/best/*.md; do
        [ "$(tr -d ' \\\n' <"$f")" = "$(tr -d ' \\\n' <"runflats/$n/$(basename "$f")")" ] ||
            not_ok "$n: $f comes back" "$(diff "$f" "runflats/$n/$(basename "$f")")"
    done
done

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
