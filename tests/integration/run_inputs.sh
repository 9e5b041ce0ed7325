#!/bin/sh
# A run knows what it decides from: changed files, prompts, settings, endpoints are named before the
# first call, and --accept-changes begins the epoch anew.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
mkdir prompts
C=clinic/grasp.yaml
cp "$C" plain.yaml
printf 'prompt: {dir: %s/prompts}\n' "$T" >>"$C"
cp "$ROOT/skills/prompts/diagnose.md" prompts/
learn() { # OPTIONS...
    "$GRASP" learn "$C" --run run --library lib -q --insist --set cycle.epochs=2 --set cycle.update_every=32 \
        --set cycle.grpo_eval_n=12 --set cycle.batch_concurrency=16 "$@"
}
calls() { "$GRASP" journal stat run/journal --json | jq '[.. | .entries? // empty] | first'; }
state() { cat run/run.json; git -C lib for-each-ref; calls; }

# stopped in the second epoch, some updates into it
learn --set budget.calls=1200 >out 2>err
is "a run that stops in its second epoch" "$(jq -c '[.why]' run/run_summary.json) $(jq '.ends | length' run/run.json)" '["budget"] 1'
is "knows its inputs" "$(jq -r '.inputs | keys[] | select(startswith("prompt") | not)' run/run.json | tr '\n' ' ')" \
    "configuration data.dev data.funcs data.id_test data.test data.val fhir.load[0] fhir.load[1] fhir.load[2] fhir.load[3] fhir.load[4] fhir.load[5] model "
was=$(state)

refused() { # LABEL TEXT OPTIONS...
    label=$1 text=$2; shift 2
    exits "$label: refused" 1 learn "$@"
    has "$label: named" err "$text"
    has "$label: with the way on" err "--accept-changes"
    is "$label: nothing was done" "$(state)" "$was"
}
changed() { # LABEL FILE TEXT: the file has a byte more
    cp "$2" kept
    printf '\n' >>"$2"
    refused "$1" "$3"
    cp kept "$2"
}
for split in dev val id_test test; do
    f=$(jq -r ".inputs[\"data.$split\"].file" run/run.json)
    changed "another $split" "$f" "data.$split ($f): has changed"
done
f=$(jq -r '.inputs["data.funcs"].file' run/run.json)
changed "other functions" "$f" "data.funcs ($f): has changed"
f=$(jq -r '.inputs["fhir.load[0]"].file' run/run.json)
changed "other FHIR data" "$f" "fhir.load[0] ($f): has changed"
changed "another prompt" prompts/diagnose.md "prompt diagnose ("
refused "another setting" "cycle.grpo_k: 4 -> 3" --set cycle.grpo_k=3
jq 'del(.inputs)' run/run.json >old.json
cp run/run.json new.json && cp old.json run/run.json
exits "a run of an earlier version" 3 learn --set budget.calls=1
has "says that it had no hashes" err "kept no hashes of its inputs"
is "and has them from here on" "$(jq -c .inputs run/run.json)" "$(jq -c .inputs new.json)"
exits "again" 3 learn --set budget.calls=1
hasnt "said once" err "kept no hashes"
is "the history is as it was" "$(git -C lib for-each-ref)" "$(echo "$was" | grep refs/)"

# --- begun anew
dev=$(jq -r '.inputs["data.dev"].file' run/run.json)
jq '.[8:]' "$dev" >less && cp less "$dev"
first=$(jq -r .run run/run.json) end=$(jq -r '.ends[0].head' run/run.json) tip=$(git -C lib rev-parse HEAD)
exits "what changed is accepted, and the budget stops it" 3 learn --accept-changes --set budget.calls=50
is "the run has another id" "$([ "$(jq -r .run run/run.json)" != "$first" ] && echo yes)" yes
is "which says what it was" "$(jq -c '.before[0] | [.run, .epoch, .changed]' run/run.json)" "[\"$first\",1,[\"data.dev\"]]"
is "the library is as the epoch found it" "$(git -C lib rev-parse "$(jq -r .start run/run.json)^{tree}")" \
    "$(git -C lib rev-parse "$end^{tree}")"
is "nothing is lost" "$(git -C lib merge-base --is-ancestor "$tip" HEAD && echo kept)" kept
exits "the same command goes on" 0 learn
is "to its end" "$(jq -r .why run/run_summary.json)" done
is "with a score for every epoch, in order" "$(jq -c 'map(.epoch)' run/val_scores.json)" '["baseline",0,1]'
is "the first as it was learned" "$(jq -r '.[1].commit' run/val_scores.json)" "$end"
exits "the library holds together" 0 "$GRASP" skills verify lib
is "git says so, too" "$(git -C lib fsck 2>&1 | grep -v dangling)" ""
before=$(git -C lib for-each-ref; cat run/run.json run/test_scores.json)
exits "once more, changes accepted that there are not" 0 learn --accept-changes
is "changes nothing" "$(git -C lib for-each-ref; cat run/run.json run/test_scores.json)" "$before"
exits "a longer run" 0 learn --accept-changes --set cycle.epochs=3
is "begins where this one ended" "$(jq -c '[.anew.epoch, (.ends | length)]' run/run.json)" '[2,3]'
exits "and holds together" 0 "$GRASP" skills verify lib

# --- accepted before an epoch had ended
cp plain.yaml "$C"
rm -rf run lib
E='--set cycle.update_every=24 --set cycle.grpo_eval_n=16'
# shellcheck disable=SC2086
learn $E --set budget.calls=700 >out 2>err
start=$(jq -r .start run/run.json)
is "something was learned" "$([ "$(git -C lib rev-parse HEAD)" != "$start" ] && echo yes)" yes
jq '.[8:]' "$dev" >less && cp less "$dev"
# shellcheck disable=SC2086
exits "in the first epoch" 0 learn $E --accept-changes --set cycle.epochs=1
is "the library went back to where it began" "$(git -C lib log --format='%(trailers:key=Restores,valueonly,separator=)' "$(jq -r .start run/run.json)" -1)" "$start"
is "it begins at the start" "$(jq -c '[.anew.epoch, (.before[0].changed | sort)]' run/run.json)" '[0,["configuration","data.dev"]]'
exits "that holds together, too" 0 "$GRASP" skills verify lib

# shellcheck disable=SC2086
exits "another endpoint" 3 learn $E --set cycle.epochs=1 --set budget.seconds=0.5 --set model.kind=openai \
    --set model.attempts=1 --set model.name=simulated --set writer.name=simulated --set model.base_url=http://127.0.0.1:9/v1
has "is said" err "another endpoint of its model"

# --- a store, a world of the user's own
# shellcheck disable=SC2046
"$GRASP" fhir load --store store $(jq -r '.inputs | to_entries[] | select(.key | startswith("fhir.load")) | .value.file' run/run.json) >/dev/null 2>&1
rm -rf run lib
C2="--set fhir.load= --set fhir.store=$T/store --set budget.calls=300"
# shellcheck disable=SC2086
learn $C2 >out 2>err
was=$(state)
# shellcheck disable=SC2086
exits "a store that stays as it is" 3 learn $C2
"$GRASP" fhir load --store store "$ROOT/tests/data/fhir_small.ndjson" >/dev/null 2>&1
was=$(state)
# shellcheck disable=SC2086
refused "another store" "fhir.store (" $C2
done_testing
