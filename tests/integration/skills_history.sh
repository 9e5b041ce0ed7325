#!/bin/sh
# grasp skills: history of a library that a learning run made, held against plain git.
. "$(dirname "$0")/lib.sh"
learned
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
gone "$GRASP" skills log lib
is "log: a reader who has seen enough is no error" "$code $(cat err)" "0 "
is "log | head" "$(S log lib | head -n 1)" "$(head -n 1 log.txt)"
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
is "evidence: both ends of every probe that was measured" "$(jq '.seen.probes | length' evidence.json)" \
    "$(jq '[.probes[] | select(.cand != "pending" and .cand != "unscored")] | length' evidence.json)"
task=$(jq -r '[.probes[] | select(.base != "pass" and .cand == "pass")][0].id' evidence.json)
S evidence lib "$last" "$task" >ends.txt
S evidence lib "$last" "$task" --json >ends.json
is "evidence of a task: the outcomes, side by side" "$(grep -c '^outcome  *fail  *│ pass' ends.txt)" 1
is "evidence of a task: reasons of what failed, none of what passed" \
    "$(jq -c '[(.seen.before.reasons | length > 0), .seen.after.reasons]' ends.json)" '[true,[]]'
is "evidence of a task: as wide as 100 columns at most" \
    "$(awk '{ gsub(/│/, "|") } length($0) > 100' ends.txt)" ""
is "evidence of a task: the edit is among what was shown" \
    "$(jq '(.skills.after - .skills.before) | length > 0' ends.json)" true
key=$(jq -r .seen.after.call ends.json)
"$GRASP" journal show run "$key" --json >call.json
is "evidence of a task: its call is in the journal" \
    "$(jq -r '.text' call.json | grep -cF "FINISH($(jq -r .seen.after.answer ends.json))")" 1
exits "evidence of a task that was no probe" 1 "$GRASP" skills evidence lib "$last" nosuchtask_1
has "is said" err "none of the probes"
for c in $(G notes --ref=gate list | cut -d' ' -f2); do
    printf '%s %s\n' "$(G log -1 --format='%(trailers:key=Update,valueonly,separator=)' "$c")-$(G log -1 \
        --format='%(trailers:key=Epoch,valueonly,separator=)' "$c")" "$(G notes --ref=gate show "$c" | wc -c)"
done | awk '{ n[$1] += $2 } END { for (u in n) if (n[u] > 200000) print u, n[u] }' >long
is "evidence: the notes of an update have 200 KB at most" "$(cat long)" ""
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

export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x
cand=$(G for-each-ref --format='%(refname)' refs/grasp/candidates | head -n 1)

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

# --- bisect, against git's
dev=$(dirname "$CONFIG")/tasks/split_dev.json
[ -f "$dev" ] || dev=$GRASP_SHARED/medagentbench/v1/split_dev.json
"$GRASP" run "$CONFIG" "$fixed" --exit-code --library lib --at HEAD --journal j >/dev/null 2>&1; now=$?
asked=0 agreed=0 changed=0
for task in "$fixed" $(jq -r '.[].id' "$dev" | head -n 24); do
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
first=$(for task in "$fixed" $(jq -r '.[].id' "$dev" | head -n 24); do
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
changed_skill=$(G diff --name-only "$last~1" "$last" -- skills | head -n 1 | cut -d/ -f2)
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
done_testing
