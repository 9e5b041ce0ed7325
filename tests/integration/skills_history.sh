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

done_testing
