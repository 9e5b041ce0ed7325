#!/bin/sh
# Learning under noise, end to end: the simulated model with flipped outcomes, several seeds, rules
# side by side; libraries are scored again without noise. A row per run on standard output:
#     benchmark noise rule temperature seed best_id best_test last_id last_test good useless harmful calls
# (percent correct; accepted edits by their noise-free change on dev). The simulated model says that the
# machinery works, nothing about language models.
#     noise.sh [-v "v1 v2"] [-n "0 0.05 0.12"] [-r "auto paper"] [-t 0] [-s "1 2"] [-b paper]   (these are the defaults)
# The rules "neither", "targeted", "wide" and "both" are auto without and with probes.targeted and gate.revise: wide;
# the table compares with the rule of -b. OLD=PROGRAM runs the rule "old" with another program over HTTP, against this one's model serve.
# The table at the end is noise_table.awk of the rows.
set -eu
: "${GRASP:?the program}" "${GRASP_SHARED:=../shared}"
versions="v1 v2" noises="0 0.05 0.12" rules="auto paper" temperatures=0 seeds="1 2" base=paper
while getopts v:n:r:t:s:b: o; do
    case $o in
    v) versions=$OPTARG ;; n) noises=$OPTARG ;; r) rules=$OPTARG ;;
    t) temperatures=$OPTARG ;; s) seeds=$OPTARG ;; b) base=$OPTARG ;; *) exit 2 ;;
    esac
done
T=$(mktemp -d)
trap 'kill $served 2>/dev/null; rm -rf "$T"' EXIT
served=
m=$GRASP_SHARED/medagentbench

shared_config() { # VERSION FULL STORE-FILES...
    v=$1 full=$2; shift 2
    echo 'model: {kind: simulated, name: simulated}'
    echo 'cycle: {batch_concurrency: 64, proposal_temperature: 1}'
    echo "benchmark: {version: $v}"
    echo "data: {dev: $m/$v/split_dev.json, val: $m/$v/split_val.json, id_test: $m/$v/split_id_test.json,"
    echo "  test: $m/$v/split_test.json, full: $m/$v/$full, funcs: $m/$v/funcs_v1.json}"
    echo "fhir: {load: [$(printf '%s, ' "$@")]}"
}
for v in $versions; do
    if [ -d "$m/$v" ] && [ -d "$GRASP_SHARED/vectors/clinic_v2" ]; then
        case $v in
        v1) shared_config v1 test_data_v2.json "$m"/recorded/fhir/*.ndjson "$m"/rebuilt/*.ndjson ;;
        v2) shared_config v2 new_patient_tasks.json "$GRASP_SHARED"/vectors/clinic_v2/*.ndjson ;;
        esac >"$T/$v.yaml"
    else
        "$GRASP" synth --patients 300 --seed 1 --benchmark "$v" --out "$T/clinic-$v" >/dev/null 2>&1
        sed "s|: tasks/|: $T/clinic-$v/tasks/|; s|- fhir/|- $T/clinic-$v/fhir/|" \
            "$T/clinic-$v/grasp.yaml" >"$T/$v.yaml"
    fi
done

score() { # CONFIG LIBRARY REV SPLITS FILTER: without noise, whatever the run had
    "$GRASP" eval "$1" -q --library "$2" --at "$3" --split "$4" --json --journal "$T/free" \
        --set model.temperature=0 | jq -r "$5"
}
# Each accepted edit, by what it does to dev without noise: good, useless, harmful.
judge() { # CONFIG LIBRARY
    good=0 useless=0 harmful=0
    for c in $(git -C "$2" log --reverse --format='%H %s' | awk '$2 ~ /^(ADD|MODIFY|REMOVE)$/ {print $1}'); do
        before=$(score "$1" "$2" "$c~1" dev '.dev.n_correct') after=$(score "$1" "$2" "$c" dev '.dev.n_correct')
        if [ "$after" -gt "$before" ]; then good=$((good + 1))
        elif [ "$after" -eq "$before" ]; then useless=$((useless + 1))
        else harmful=$((harmful + 1)); fi
    done
}
run() { # VERSION NOISE RULE TEMPERATURE SEED
    c=$T/$1.yaml d=$T/run; rm -rf "$d"; mkdir "$d"
    program=$GRASP
    set -- "$@" "$c" -q --library "$d/lib" --run "$d/run" --journal "$d/journal" \
        --set cycle.seed="$5" --set model.temperature="$4"
    v=$1 noise=$2 rule=$3 t=$4 seed=$5; shift 5
    case $rule in
    auto) set -- "$@" --set sim.noise="$noise" --set sim.seed="$seed" ;;
    neither | targeted | wide | both)
        targeted=false revise=winner
        case $rule in targeted | both) targeted=true ;; esac
        case $rule in wide | both) revise=wide ;; esac
        set -- "$@" --set sim.noise="$noise" --set sim.seed="$seed" --set probes.targeted=$targeted \
            --set gate.revise=$revise ;;
    paper) set -- "$@" --set sim.noise="$noise" --set sim.seed="$seed" --set gate.rule=paper \
        --set model.draws=fresh --set checkpoint.rule=max ;;
    repeats) set -- "$@" --set sim.noise="$noise" --set sim.seed="$seed" --set gate.rule=paper \
        --set model.draws=fresh --set checkpoint.rule=max --set gate.repeats=3 ;;
    old | http)
        "$GRASP" model serve --port 0 --noise "$noise" --seed "$seed" >"$T/served" 2>&1 & served=$!
        while ! grep -q '^listening on ' "$T/served"; do :; done
        set -- "$@" --set model.kind=openai --set model.name=simulated --set \
            "model.base_url=$(sed -n 's/^listening on //p' "$T/served")"
        [ "$rule" = http ] || program=$OLD ;;
    esac
    "$program" learn "$@" >"$d/log" 2>&1 || { cat "$d/log" >&2; return 1; }
    [ -z "$served" ] || { kill "$served"; wait "$served" 2>/dev/null || true; served=; }
    best=HEAD; git -C "$d/lib" rev-parse -q --verify best^{commit} >/dev/null && best=best
    # HEAD is the best again; the last one is what RESTORE replaced
    last=HEAD; case $(git -C "$d/lib" log -1 --format=%s) in RESTORE*) last=HEAD~1 ;; esac
    b=$(score "$c" "$d/lib" "$best" id_test,test '"\(.id_test.score * 100) \(.test.score * 100)"')
    l=$(score "$c" "$d/lib" "$last" id_test,test '"\(.id_test.score * 100) \(.test.score * 100)"')
    judge "$c" "$d/lib"
    printf '%s %s %s %s %s %s %s %d %d %d %s\n' "$v" "$noise" "$rule" "$t" "$seed" "$b" "$l" $good $useless \
        $harmful "$(jq .calls.total.calls_made "$d/run/run_summary.json")"
}
for v in $versions; do
    for noise in $noises; do
        for seed in $seeds; do
            rm -rf "$T/free"
            for rule in $rules; do
                for t in $temperatures; do run "$v" "$noise" "$rule" "$t" "$seed" | tee -a "$T/rows"; done
            done
        done
    done
done
awk -v base="$base" -f "$(dirname "$0")/noise_table.awk" "$T/rows"
