#!/bin/sh
# What becomes of a library elsewhere: learned on one benchmark and used on the other, learned by one
# model and used by another. All with the simulated model: these figures say that the machinery works,
# nothing about language models.
#     cross.sh [EPOCHS]     (default 5, the paper's)
# With the shared task sets where they are, else on synthetic clinics.
set -eu
: "${GRASP:?the program}" "${GRASP_SHARED:=../shared}"
epochs=${1:-5}
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
m=$GRASP_SHARED/medagentbench

shared_config() { # VERSION FULL STORE-FILES...
    v=$1 full=$2; shift 2
    echo 'model: {kind: simulated, temperature: 0}'
    echo 'cycle: {batch_concurrency: 64, proposal_temperature: 1}'
    echo "benchmark: {version: $v}"
    echo "data: {dev: $m/$v/split_dev.json, val: $m/$v/split_val.json, id_test: $m/$v/split_id_test.json,"
    echo "  test: $m/$v/split_test.json, full: $m/$v/$full, funcs: $m/$v/funcs_v1.json}"
    echo "fhir: {load: [$(printf '%s, ' "$@")]}"
}
if [ -d "$m/v1" ] && [ -d "$m/v2" ] && [ -d "$GRASP_SHARED/vectors/clinic_v2" ]; then
    echo "MedAgentBench task sets, $epochs epochs"
    shared_config v1 test_data_v2.json "$m"/recorded/fhir/*.ndjson "$m"/rebuilt/*.ndjson >"$T/v1.yaml"
    shared_config v2 new_patient_tasks.json "$GRASP_SHARED"/vectors/clinic_v2/*.ndjson >"$T/v2.yaml"
else
    echo "synthetic clinics, $epochs epochs"
    for v in v1 v2; do
        "$GRASP" synth --patients 300 --seed 1 --benchmark $v --out "$T/clinic-$v" >/dev/null 2>&1
        sed "s|: tasks/|: $T/clinic-$v/tasks/|; s|- fhir/|- $T/clinic-$v/fhir/|" \
            "$T/clinic-$v/grasp.yaml" >"$T/$v.yaml"
    done
fi

learn() { # NAME CONFIG PROFILE
    name=simulated
    [ "$3" = default ] || name=simulated-$3
    "$GRASP" learn "$T/$2.yaml" --set cycle.epochs="$epochs" --set cycle.proposal_temperature=1 \
        --set sim.profile="$3" --set model.name=$name --library "$T/$1" --run "$T/run-$1" \
        >"$T/$1.log" 2>&1 || { cat "$T/$1.log"; exit 1; }
}
percent() { # FILTER FILE
    printf '%.1f' "$(jq "$1 * 100" "$2")"
}

echo
echo "library learned on, evaluated on (default profile): % correct without, with, difference"
printf '%-10s %-10s %22s %22s\n' 'learned on' evaluated id_test test
for on in v1 v2; do
    learn "lib-$on" $on default
    for at in v1 v2; do
        "$GRASP" transfer "$T/$at.yaml" --library "$T/lib-$on" --at best --to simulated --json \
            >"$T/x.json" 2>/dev/null
        printf '%-10s %-10s' $on $at
        for split in id_test test; do
            s=".executors[0].splits.$split"
            printf ' %7s %7s %+6.1f' "$(percent "$s.baseline.score" "$T/x.json")" \
                "$(percent "$s.library.score" "$T/x.json")" "$(jq "$s.difference" "$T/x.json")"
        done
        echo
    done
done

echo
echo "library learned by, used by (v1, id_test): % correct without, with, pruned by --regate;"
echo "probes passed with the library and with the pruned one"
printf '%-10s %-10s %8s %8s %8s  %s\n' 'learned by' 'used by' without with pruned probes
for source in weak default strong; do
    learn "lib-$source" v1 $source
    before=$(git -C "$T/lib-$source" rev-parse best)
    "$GRASP" transfer "$T/v1.yaml" --library "$T/lib-$source" --at best --split id_test --regate \
        --to simulated:weak --to simulated --to simulated:strong --json >"$T/x.json" 2>/dev/null
    [ "$before" = "$(git -C "$T/lib-$source" rev-parse best)" ] || { echo 'the tag moved'; exit 1; }
    for i in 0 1 2; do
        e=".executors[$i]"
        to=$(jq -r "$e.to" "$T/x.json")
        [ "$to" = simulated ] && to=simulated:default
        printf '%-10s %-10s %8s %8s %8s  %s of %s, %s\n' $source "${to#simulated:}" \
            "$(percent "$e.splits.id_test.baseline.score" "$T/x.json")" \
            "$(percent "$e.splits.id_test.library.score" "$T/x.json")" \
            "$(percent "$e.splits.id_test.pruned.score" "$T/x.json")" \
            "$(jq "$e.regate.probes.passed_with_library" "$T/x.json")" \
            "$(jq "$e.regate.probes.n" "$T/x.json")" \
            "$(jq "$e.regate.probes.passed_pruned" "$T/x.json")"
    done
done
