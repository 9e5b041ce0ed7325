# learn_config.sh - sourced: configurations of the paper's run. learn_configs prints their paths.
learn_configs() {
    m=$GRASP_SHARED/medagentbench
    if [ -d "$m/v1" ] && [ -d "$m/recorded/fhir" ]; then
        cat >v1.yaml <<END
model: {kind: simulated, name: simulated, temperature: 0}
cycle: {proposal_temperature: 1}
data: {dev: $m/v1/split_dev.json, val: $m/v1/split_val.json, id_test: $m/v1/split_id_test.json,
  test: $m/v1/split_test.json, full: $m/v1/test_data_v2.json, funcs: $m/v1/funcs_v1.json}
fhir: {load: [$(find "$m/recorded/fhir" "$m/rebuilt/Observation.ndjson" -name '*.ndjson' | sort | paste -sd, )]}
END
        echo v1.yaml
    fi
    "$GRASP" synth --patients 300 --seed 1 --out clinic >synth.log 2>&1 || { cat synth.log >&2; exit 1; }
    echo clinic/grasp.yaml
}
