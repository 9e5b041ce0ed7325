#!/bin/sh
# Wrong input in files: configurations, tasks, FHIR data. What is said, and where.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
C=clinic/grasp.yaml
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

# --- configuration
y() { printf '%b' "$1" >y.yaml; }
bad "no configuration" "there is no configuration 'none.yaml'; grasp init writes one" eval none.yaml
bad "a directory" "Is a directory" eval clinic
y 'cycle:\n  epoch: 3\n'; bad "misspelt key" "y.yaml:2: there is no key 'cycle.epoch'; did you mean 'cycle.epochs'?" eval y.yaml
y 'cycel:\n  epochs: 3\n'; bad "misspelt section" "y.yaml:1: there is no key 'cycel'; did you mean 'cycle'?" eval y.yaml
y 'cycle: 3\n'; bad "a section as a value" "y.yaml:1: 'cycle' holds keys of its own" eval y.yaml
y 'cycle:\n  epochs: many\n'; bad "a word for a number" "y.yaml:2: cycle.epochs must be a whole number from 0 to 1000" eval y.yaml
y 'skills:\n  inject: some\n'; bad "a wrong choice" "skills.inject must be one of all top_k" eval y.yaml
y 'data:\n  dev: [1\n'; bad "no YAML" "y.yaml:3:1:" eval y.yaml
y 'cycle:\n  epochs: ${NOT_SET_AT_ALL}\n'; bad "a variable that is not set" "y.yaml:2: the environment variable NOT_SET_AT_ALL" eval y.yaml
y ''; bad "nothing" "data.val names no task file" eval y.yaml
bad "learn without dev" "data.dev names no task file" learn y.yaml
bad "a dry run too" "data.dev names no task file" learn y.yaml --dry-run
y 'agent_preset: gone\n'; bad "a preset that is not there" "agents/gone.yaml" eval y.yaml
bad "unknown kind of model" "none of openai" eval $C --set model.kind=opena
bad "an endpoint without URL" "base URL" eval $C --set model.kind=openai
bad "a password in a URL" "model.base_url: the URL holds a user name or password" eval $C \
    --set model.kind=openai --set model.base_url=https://me:hunter2@example.org/v1
hasnt "is not repeated" err hunter2
y 'model:\n  kind: openai\n  endpoints:\n    - base_url: http://me:hunter2@127.0.0.1:1/v1\n'
bad "in one of several, too" "model.endpoints: the URL holds" eval y.yaml
exits "simulated, with a base_url" 0 "$GRASP" eval $C --set model.base_url=http://127.0.0.1:9/v1 -q
has "is warned about" err "the endpoint that model.base_url names is not asked"

# --- task files, FHIR data
t() { printf '%b' "$1" >t.json; }
with() { bad "$1" "$2" eval $C --set "data.val=$T/t.json"; }
bad "task file not there" "data.val: cannot open" eval $C --set data.val=gone.json
t '[\n {"id": "task1_1", "instruction": "x", "eval_MRN": "S1"},\n {"id":\n'; with "half a task file" "t.json:4:"
t '[\n {"id": "task1_1", "instruction": "x"}]'; with "no eval_MRN" "task 'task1_1': no 'eval_MRN'"
t '[\n {"instruction": "x", "eval_MRN": "S1"}]'; with "no id" "no 'id'"
t '[]'; with "no tasks" "no tasks in it"
t '[{"id": "task1_1", "instruction": "\0377", "eval_MRN": "S1"}]'; with "not UTF-8" "t.json:1:"
t '[{"id": "tusk_1", "instruction": "x", "eval_MRN": "S1"}]'; with "nobody grades it" "no grader for family 'tusk'"
python3 -c 'print("[" * 100000)' >t.json 2>/dev/null || awk 'BEGIN { for (i = 0; i < 100000; i++) printf "[" }' >t.json
with "nested rubbish" "t.json:1:"
mkdir tasks_dir; bad "a directory of tasks" "Is a directory" eval $C --set "data.val=$T/tasks_dir"
bad "FHIR data not there" "gone.ndjson" eval $C --set fhir.load=[gone.ndjson]
head -c 1200 clinic/fhir/Patient.ndjson >cut.ndjson
exits "FHIR data cut in half" 0 "$GRASP" eval $C --set "fhir.load=[$T/cut.ndjson]" -q
has "is said with file and line" err "cut.ndjson:2:"
echo nonsense >nothing.ndjson
bad "FHIR data with nothing in it" "no FHIR resource" eval $C --set "fhir.load=[$T/nothing.ndjson]"

# ---- files that are not what they seem: none is waited for or read without end ----
mkfifo pipe
ln -s /dev/zero zero
truncate -s 3G huge
export OPENAI_API_KEY=
for f in pipe zero huge; do
    case $f in pipe) why='is a named pipe' ;; zero) why='is a device' ;; huge) why='longer than' ;; esac
    for key in data.val data.funcs model.api_key_file; do
        bad "$f as $key" "$why" eval $C --split val --set "$key=$T/$f" --set model.kind=openai \
            --set model.name=m --set model.base_url=http://127.0.0.1:9/v1
    done
    bad "$f as a configuration" "$why" eval $f
    bad "$f as episodes" "$why" grade $f
    [ $f = huge ] || bad "$f as FHIR data" "$why" eval $C --split val --set "fhir.load=[$T/$f]"
    mkdir -p "j$f" && ln -s "$T/$f" "j$f/data.mdb"
    bad "$f as a journal" "no" journal stat "j$f"
    mkdir -p "s$f/one" && ln -s "$T/$f" "s$f/one/SKILL.md"
    bad "$f as a skill" "s$f" skills import "l$f" "s$f"
done
rm huge
# --- a FHIR store with bytes flipped, and one that is not there
"$GRASP" fhir load -q --store flipped.db clinic/fhir/*.ndjson >/dev/null
LC_ALL=C sed -i 's/"valueQuantity"/"valueQuantitx"/g' flipped.db/data.mdb
store() { "$GRASP" eval $C --split val --set 'fhir.load=[]' --set "fhir.store=$T/$1"; }
exits "a store that is damaged scores nobody" 3 store flipped.db
has "and is named as that" err "FHIR store: a damaged"
exits "a store that is not there" 1 store no-such.db
has "is not an empty clinic" err "has no resources"

done_testing
