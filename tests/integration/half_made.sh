#!/bin/sh
# Every command that changes files, killed at system calls that do, and with the disk full: the same
# command again ends as if nothing had happened. A sample of the points; tests/bench/half_made.sh
# tries all of them. HALF_ONLY=fhir: rows whose name contains it.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/half_made.sh"
half_made_tools || skip_all "$half_why"
unset GRASP_BACKEND
: "${HALF_POINTS:=2}"
row() { case $1 in *"${HALF_ONLY:-}"*) half_made "$@" ;; esac; }
nothing() { :; }

# ---- what the commands work on: a small clinic, two libraries, a run, a store ----
"$GRASP" synth -q --patients 60 --seed 1 --out clinic >log 2>&1 || { cat log; exit 1; }
for f in dev val test id_test; do
    jq '.[:16]' "clinic/tasks/split_$f.json" >x.json && mv x.json "clinic/tasks/split_$f.json"
done
sed -i -e 's/epochs: .*/epochs: 1/' -e 's/update_every: .*/update_every: 16/' -e 's/grpo_k: .*/grpo_k: 2/' \
    -e 's/grpo_eval_n: .*/grpo_eval_n: 8/' clinic/grasp.yaml
C=$T/clinic/grasp.yaml
learn() { # LIBRARY OPTIONS...
    lib=$1; shift
    "$GRASP" learn "$C" --set cycle.proposal_temperature=1 --library "$lib" --run "run-$lib" -q "$@" \
        >log 2>&1 || { cat log; not_ok "learning $lib"; done_testing; }
}
learn lib --set cycle.seed=2 # one that accepts something
learn other --set cycle.no_gate=true --set cycle.seed=7 --set sim.profile=weak
"$GRASP" skills freeze lib --name v1 -q >log 2>&1 || { cat log; exit 1; }
"$GRASP" skills export other folders -q >log 2>&1 || { cat log; exit 1; }
"$GRASP" eval "$C" --split val -q --journal j --out o >log 2>&1 || { cat log; exit 1; }
"$GRASP" fhir load -q --store s.db clinic/fhir/Patient.ndjson >log 2>&1 || { cat log; exit 1; }
cp -R lib hand # with an edit that no gate measured
for f in hand/skills/*/SKILL.md; do echo 'By hand.' >>"$f"; done
git -C hand -c user.name=n -c user.email=e commit -qam 'By hand'
cat >bundle.json <<'END'
{"resourceType": "Bundle", "type": "transaction", "entry": [
 {"fullUrl": "urn:uuid:11111111-1111-1111-1111-111111111111",
  "resource": {"resourceType": "Encounter", "status": "finished",
   "subject": {"reference": "urn:uuid:22222222-2222-2222-2222-222222222222"},
   "serviceProvider": {"reference": "Organization?identifier=urn:o|1"}},
  "request": {"method": "POST", "url": "Encounter"}},
 {"fullUrl": "urn:uuid:22222222-2222-2222-2222-222222222222",
  "resource": {"resourceType": "Patient", "active": true},
  "request": {"method": "POST", "url": "Patient"}}]}
END
echo '{"resourceType":"Organization","id":"o1","identifier":[{"system":"urn:o","value":"1"}]}' >org.ndjson
bg "$GRASP" fhir serve --store s.db --port 0 >serve 2>&1
wait_line serve "listening on" || { cat serve; exit 1; }
BASE=$(sed -n 's/^listening on //p' serve)

with_lib() { cp -R "$T/lib" lib; }
with_run() { with_lib && cp -R "$T/run-lib" run; }
with_both() { with_lib && cp -R "$T/other" other; }
with_hand() { cp -R "$T/hand" lib; }
with_journal() { # with a call that is damaged
    cp -R "$T/j" j
    LC_ALL=C sed -i 's/FINISH(\["S/FINISH(["Z/' j/data.mdb
}
with_store() { "$GRASP" fhir load -q --store s.db "$T/org.ndjson" "$T/clinic/fhir/Condition.ndjson" >log 2>&1; rm -f log; }

do_learn() { "$@" "$GRASP" learn "$C" --library lib --run run -q; }
do_eval() { "$@" "$GRASP" eval "$C" --split val --library lib --out o -q; }
do_import() { "$@" "$GRASP" skills import lib "$T/folders" -q; }
do_import_replace() { "$@" "$GRASP" skills import lib "$T/folders" --replace -q; }
do_export() { "$@" "$GRASP" skills export lib out -q; }
do_export_flat() { "$@" "$GRASP" skills export lib out --flat -q; }
do_freeze() { "$@" "$GRASP" skills freeze lib --name v2 --run run -q; }
do_merge() { "$@" "$GRASP" skills merge "$C" --library lib --from other --journal j -q; }
do_ack() { "$@" "$GRASP" skills ack lib HEAD --why 'Read and found good' -q; }
do_report() { "$@" "$GRASP" report run --out page.html -q; }
do_transfer() { "$@" "$GRASP" transfer "$C" --library lib --at v1 --to simulated:weak --split test --journal j --out o -q; }
do_regate() { "$@" "$GRASP" transfer "$C" --library lib --at v1 --to simulated:weak --split test --regate --journal j --out o -q; }
do_compare() { "$@" "$GRASP" compare "$C" --methods none,grasp --seeds 1 --out m -q; }
do_gc() { "$@" "$GRASP" journal gc j -q; }
do_synth() { "$@" "$GRASP" synth --patients 60 --out c -q; }
do_init() { # a file that is there is never overwritten
    [ ! -f grasp.yaml ] || return 0
    "$@" "$GRASP" init --data "$T/clinic/tasks" --provider simulated --fhir "$T/clinic/fhir" -q
}
do_load() { "$@" "$GRASP" fhir load --store s.db "$T/bundle.json" "$T/clinic/fhir/Patient.ndjson" "$T/org.ndjson" -q; }
do_fhir_import() { "$@" "$GRASP" fhir import "$BASE" --store s.db --type Patient -q; }

timeless() { jq -S 'walk(if type == "object" then del(.seconds, .cpu_seconds, .calls, .endpoint, .journal, .spent) else . end)' "$1"; }
state_lib() { half_files; half_library lib; }
state_files() { half_files; find . -path '*/.git' -prune -o -path '*/journal' -prune -o -type f ! -name '*.log' ! -name '*.json' -print | sort | xargs sha256sum; }
state_learn() {
    state_lib
    timeless run/run_summary.json
    find run -type f ! -path '*/journal/*' ! -name run.log ! -name run_summary.json ! -name spent.json | sort | xargs sha256sum
    "$GRASP" journal export run | jq -r .key | sort
}
state_transfer() { state_lib; timeless o/transfer.json; }
state_compare() {
    (cd m && half_library cells/grasp+seed-1/library && find . -name run_summary.json | sort | while read -r f; do timeless "$f"; done)
    "$GRASP" compare m -q --csv
}
state_journal() { half_files; "$GRASP" journal check j; "$GRASP" journal export j | jq -c '[.key, .text]' | sort; }
state_store() {
    half_files
    for t in Patient Organization Encounter Condition; do
        "$GRASP" fhir search --store s.db "$t?_count=5000" | jq -cS '.total, (.entry[]?.resource | del(.meta))' | sort
    done
}

row 'learn, a start' nothing do_learn state_learn
row 'eval' with_lib do_eval state_files
row 'skills import' nothing do_import state_lib
row 'skills import, more' with_lib do_import_replace state_lib
row 'skills export' with_lib do_export state_files
row 'skills export, flat' with_lib do_export_flat state_files
row 'skills freeze' with_run do_freeze state_lib
row 'skills merge' with_both do_merge state_lib
row 'skills ack' with_hand do_ack state_lib
row 'report' with_run do_report state_files
row 'transfer' with_lib do_transfer state_transfer
row 'transfer, regated' with_lib do_regate state_transfer
row 'compare' nothing do_compare state_compare
row 'journal gc' with_journal do_gc state_journal
row 'synth' nothing do_synth state_files
row 'init' nothing do_init state_files
row 'fhir load' nothing do_load state_store
row 'fhir load, more' with_store do_load state_store
row 'fhir import' nothing do_fhir_import state_store

# ---- few descriptors: said as what it is, and with more the same command ends the same ----
half_fresh nothing; do_learn >log 2>&1; rm log; state_learn >"$T/half.calm" 2>&1
bad='' said=0
for n in 6 8 10 12 14 16 17 18 19; do
    half_fresh nothing
    (exec >"$T/half.out" 2>"$T/half.err"; ulimit -n $n; do_learn) && continue
    grep -q 'Too many open files' "$T/half.err" && said=$((said + 1)) || bad="$bad $n: $(cat "$T/half.err")"
    do_learn >"$T/half.out" 2>&1 || bad="$bad $n, again: $(tail -n 1 "$T/half.out")"
    state_learn >"$T/half.state" 2>&1
    diff "$T/half.calm" "$T/half.state" >"$T/half.diff" || bad="$bad $n: ends otherwise: $(head -n 4 "$T/half.diff")"
done
cd "$T"
is "learn with few descriptors: called that, and it goes on" "$bad" ""
[ $said -gt 4 ] && ok "$said limits were too small" || not_ok "limits that are too small" "$said"
done_testing
