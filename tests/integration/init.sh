#!/bin/sh
# `grasp init`: a configuration from options and from answers, on the folders as the benchmark has them.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND OPENAI_API_KEY
dead=http://127.0.0.1:1/v1
export OPENAI_BASE_URL=$dead ANTHROPIC_BASE_URL=http://127.0.0.1:1
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
"$GRASP" synth -q --patients 60 --benchmark v2 --out clinic2 >/dev/null || { not_ok "a clinic of v2"; done_testing; }
# tasks_as CLINIC DIR FULL: a clinic's tasks under the names that the benchmark's files have
tasks_as() {
    mkdir -p "$2" && cp "$1"/tasks/split_*.json "$2" && cp "$1/tasks/funcs.json" "$2/funcs_v1.json" &&
        cp "$1/tasks/all_tasks.json" "$2/$3"
}
tasks_as clinic GRASP/benchmarks/MedAgentBench/data/medagentbench test_data_v2.json
tasks_as clinic2 GRASP/benchmarks/MedAgentBench-v2/data/medagentbench new_patient_tasks.json
cp GRASP/benchmarks/MedAgentBench/data/medagentbench/test_data_v2.json GRASP/benchmarks/MedAgentBench-v2/data/medagentbench
V1=GRASP/benchmarks/MedAgentBench/data/medagentbench V2=GRASP/benchmarks/MedAgentBench-v2/data/medagentbench

# --- from options, and then it runs
exits "the simulated model" 0 "$GRASP" init --data GRASP --provider simulated --fhir clinic/fhir
has "what was found" out "MedAgentBench v1 in $T/$V1"
hasnt "nothing failed" out failed
has "what comes next" out "grasp learn grasp.yaml --dry-run"
exits "doctor agrees" 0 "$GRASP" doctor grasp.yaml
exits "it learns as it is" 0 "$GRASP" learn grasp.yaml -q --set cycle.epochs=1 --set cycle.update_every=96
check "library and run are where it says" test -d skills-lib/.git -a -f run-1/run_summary.json
cp clinic/fhir/Patient.ndjson kept && sed -i 1d clinic/fhir/Patient.ndjson
bad "a folder of FHIR data that has changed" "fhir.load[0] ($T/clinic/fhir): has changed" learn grasp.yaml \
    --set cycle.epochs=1 --set cycle.update_every=96
mv kept clinic/fhir/Patient.ndjson
exits "and changed back" 0 "$GRASP" learn grasp.yaml -q --set cycle.epochs=1 --set cycle.update_every=96
rm -rf run-1 skills-lib
cp grasp.yaml before
bad "a file that is there" "is there already and stays as it is" init --data GRASP --provider simulated
check "it is not touched" cmp -s grasp.yaml before
for d in "$V1:v1" "$V2:v2" GRASP:v2; do
    dir=${d%:*} v=${d#*:}
    exits "$dir: $v" 0 "$GRASP" init "sub/$v-$(basename "$dir").yaml" --data "$dir" --provider simulated --benchmark "$v" \
        --fhir clinic/fhir
    check "$dir: its version" grep -q "^  version: $v" "sub/$v-$(basename "$dir").yaml"
    hasnt "$dir: every file is there" "sub/$v-$(basename "$dir").yaml" 'not there'
done
has "v2's own file of all tasks" sub/v2-GRASP.yaml new_patient_tasks.json
exits "a folder says which version it is" 0 "$GRASP" init own.yaml --data "$V2" -p simulated -f clinic2/fhir
has "v2" own.yaml 'version: v2'
bad "the other version's" "holds the task files of v2" init x.yaml --data "$V2" --benchmark v1 -p simulated

for v in 1 2; do
    dir=$V1
    [ $v = 1 ] || dir=$V2
    DATA=$T/$dir "$GRASP" doctor "$ROOT/examples/medagentbench-v$v/grasp.yaml" --json >doctor.json 2>err
    is "examples/medagentbench-v$v takes the folder as it is" \
        "$(jq -r '[.[] | select(.check | startswith("data.")) | .result] | join(" ")' doctor.json)" "ok ok ok ok ok"
done

# --- every kind of endpoint
"$GRASP" init --help >help
sed -n 's/^    {"\([a-z]*\)", "[^"]*", "[a-z]*",.*/\1/p; s/^    {"\([a-z]*\)", "[^"]*",$/\1/p' "$ROOT/runtime/config/starter.c" |
    sort -u >providers
check "endpoints were found" test "$(wc -l <providers)" -ge 5
while read -r p; do
    has "$p: in the help" help "$p"
    case $p in
    simulated) continue ;;
    azure | vllm | llamacpp | ollama) url="--base-url $dead" ;;
    *) url= ;;
    esac
    # shellcheck disable=SC2086
    exits "$p: written" 0 "$GRASP" init "$p.yaml" --data GRASP --provider "$p" --model m-1 --fhir clinic/fhir $url
    is "$p: the endpoint's silence alone fails" "$(grep -c '^failed' out) $(grep -c '^failed   model .*127.0.0.1' out)" '1 1'
    hasnt "$p: no key in the file" "$p.yaml" 'sk-'
    # everything that is commented out is a key that the program has
    sed -n 's/^ *# \([a-z_]*\): .*/\1/p' "$p.yaml" >offered
    while read -r k; do
        for section in model. cycle. benchmark. ''; do
            "$GRASP" help "$section$k" >/dev/null 2>&1 && continue 2
        done
        not_ok "$p: what is offered exists: $k"
    done <offered
done <providers
exits "a model that reasons" 0 "$GRASP" init o.yaml --data GRASP --model gpt-5.1 --fhir clinic/fhir
check "is sent no temperature" test "$(grep -c '^ *\(proposal_\)\?temperature:' o.yaml)" = 0
has "and reasons little" o.yaml '  extra: {reasoning_effort: low}'

# --- FHIR data
exits "a server" 0 "$GRASP" init s.yaml --data GRASP -p simulated --fhir http://127.0.0.1:1/fhir
has "asked over HTTP" s.yaml 'fhir_api_base: "http://127.0.0.1:1/fhir/"'
hasnt "and no store" s.yaml 'store:'
exits "a store to be made" 0 "$GRASP" init st.yaml --data GRASP -p simulated
has "how it is filled" out "grasp fhir import http://localhost:8080/fhir/ --store"
"$GRASP" fhir load -q clinic/fhir --store medagentbench.db >/dev/null
exits "filled" 0 "$GRASP" doctor st.yaml
bad "what is not there" "there is no 'nowhere'" init x.yaml --data GRASP -p simulated --fhir nowhere
usage "a server and files" "not several of these" init x.yaml --data GRASP -p simulated -f clinic/fhir -f http://127.0.0.1:1/fhir

# --- what is missing, and where it is
usage "nobody to ask" "--data, --model missing" init x.yaml
usage "--yes asks nobody" "--yes asks nothing: --model missing" init x.yaml --data GRASP --yes
usage "Azure has no address to go by" "--base-url, --model missing" init x.yaml --data GRASP -p azure
usage "another endpoint" "'azur' is none of openai" init x.yaml --data GRASP -p azur
usage "no address" "does not begin with http:// or https://" init x.yaml --data GRASP -p vllm -m m --base-url localhost:8000/v1
usage "another version" "--benchmark is v1 or v2" init x.yaml --data GRASP -b v3
mkdir empty part
bad "no task files" "has no split_dev.json, split_val.json. The task files are in the repository jomoll/GRASP" \
    init x.yaml --data empty -p simulated
cp "$V1/split_dev.json" part
bad "some" "has no split_val.json" init x.yaml --data part -p simulated
cp "$V1/split_val.json" part
exits "enough to learn" 0 "$GRASP" init part.yaml --data part -p simulated -f clinic/fhir
check "what is not there is marked" grep -q "^  # not there: id_test: \"$T/part/split_id_test.json\"" part.yaml
bad "no folder" "is no folder" init x.yaml --data nowhere -p simulated
check "nothing was written" test ! -e x.yaml

# --- a key that is missing, or wrong
scripted
printf '{"error":{"message":"no","code":"invalid_api_key"}}' >refusal
scripted_serve '=status:401:refusal'
exits "an endpoint that wants a key" 0 "$GRASP" init key.yaml --data GRASP --model m-1 --base-url "$URL" -f clinic/fhir
has "none was sent" out "answers 401, and no key was sent: set model.api_key"
OPENAI_API_KEY=sk-of-somebody-else "$GRASP" doctor key.yaml >out 2>err
has "the wrong one" out "answers 401: is model.api_key right?"
"$GRASP" doctor key.yaml --set data.dev=gone.json >out 2>err
has "doctor names a file once" out "data.dev      cannot open"

# --- at a terminal
if command -v script >/dev/null; then
    # answers FILE ARGUMENT...: a terminal on which FILE is typed
    answers() { file=$1; shift; script -qec "'$GRASP' init $*" /dev/null <"$file" >out 2>&1; }
    printf '%s\n' empty GRASP both v2 nonsense vllm localhost:8000 "$dead" m-1 nowhere clinic/fhir >typed
    check "questions are answered" answers typed t.yaml
    has "where the files come from" out "jomoll/GRASP"
    has "asked again after what is no folder of tasks" out "has no split_dev.json"
    has "asked again after what is no endpoint" out "One of openai, vllm"
    has "after what is no address" out "It begins with http:// or https://"
    has "after what is no version" out "One of v1, v2"
    has "asked again after what is no data" out "there is no 'nowhere'"
    has "asked which one, until it is one" out "It holds v1 and v2. Which one?"
    has "the one that was named" t.yaml 'version: v2'
    check "written as answered" grep -q 'name: "m-1"' t.yaml
    has "the address" t.yaml "base_url: \"$dead\""
    printf 'GRASP\n\n\n\nm-2\nclinic/fhir\n' >typed
    check "empty answers are the defaults" answers typed d.yaml
    has "OpenAI's, from the environment" d.yaml 'base_url: "${OPENAI_BASE_URL:-https://api.openai.com/v1}"'
    printf 'm-3\n' >typed
    check "only what no option says is asked" answers typed o2.yaml -d GRASP -b v1 -p ollama -u "$dead" -f clinic/fhir
    has "one question" o2.yaml 'name: "m-3"'
    printf 'GRASP\n\nvllm\n\004' >typed
    answers typed e.yaml
    has "answers that end" out "the answers ended; nothing was written"
    check "nothing is written then" test ! -e e.yaml
else
    skip "at a terminal" "no script(1)"
fi
done_testing
