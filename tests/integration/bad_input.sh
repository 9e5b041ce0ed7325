#!/bin/sh
# Wrong input, broken endpoints, hostile agents: what is said, what is left behind, what was spent.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
endpoint="$GRASP_BUILD/tools/endpoint"
[ -x "$endpoint" ] || skip_all "$endpoint is not built (make test builds it)"
C=clinic/grasp.yaml
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

# --- configuration
bad() { # LABEL TEXT ARGUMENTS...: fails with 1, the message holds TEXT
    label=$1 text=$2; shift 2
    exits "$label" 1 "$GRASP" "$@"
    has "$label: said" err "$text"
}
usage() { # LABEL TEXT ARGUMENTS...: wrong usage, 2
    label=$1 text=$2; shift 2
    exits "$label" 2 "$GRASP" "$@"
    has "$label: said" err "$text"
}
y() { printf '%b' "$1" >y.yaml; }
bad "no configuration" "cannot open 'none.yaml'" eval none.yaml
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

# --- command lines
usage "unknown split" "'vla' is none of dev" eval $C --split vla
usage "a revision of no library" "--library" eval $C --at best
usage "--set without a value" "needs key=value" eval $C --set cycle.epochs
usage "--set of an unknown key" "did you mean 'cycle.epochs'?" eval $C --set cycle.epoch=3
usage "--replay-only without a journal" "--journal" eval $C --replay-only
printf '%s\n' learn eval run grade doctor report transfer skills fhir model journal gate synth >commands
"$GRASP" --help >help 2>&1
while read -r c; do
    grep -q "^ *$c " help || continue
    exits "$c --help" 0 "$GRASP" "$c" --help
    has "$c --help: usage" out "grasp $c"
    subs=$("$GRASP" "$c" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -v '^$')
    for s in $subs; do
        "$GRASP" "$c" "$s" --help 2>/dev/null | grep -q "grasp $c $s" || continue
        usage "$c $s: unknown option" "--no-such-option" "$c" "$s" --no-such-option
        usage "$c $s: too many operands" "grasp $c $s" "$c" "$s" a b c d e f g h --no-such
        echo "$c $s" >>seen
    done
    grep -q "^$c " seen 2>/dev/null && { usage "$c alone" "needs a command" "$c"
        usage "$c and rubbish" "is not a command" "$c" rubbish; continue; }
    usage "$c: unknown option" "--no-such-option" "$c" --no-such-option
    case $c in synth) ;; *) usage "$c without operands" "needs" "$c" ;; esac
done <commands
check "commands with subcommands were found" grep -q '^skills list' seen
usage "nothing" "usage" # prints the overview
usage "unknown command" "did you mean 'learn'" lern

# --- endpoints
KEY=sk-test-0123456789abcdef-secret
ENDPOINT=
serve() { # RULE...
    [ -z "$ENDPOINT" ] || kill "$ENDPOINT"
    : >ep.log
    bg env ENDPOINT_KEEP="$T/requests" "$endpoint" "$@" >ep.log 2>ep.err
    ENDPOINT=$!
    wait_line ep.log "listening on" || cat ep.err
    URL=$(sed -n 's/^listening on //p' ep.log)
}
requests() { grep -c ' HTTP/' ep.log; }
remote() { # SUBCOMMAND ARGUMENTS...
    c=$1; shift
    "$GRASP" "$c" $C "$@" --set model.kind=openai --set "model.base_url=$URL" \
        --set "model.api_key=$KEY" --set model.attempts=2 --set cycle.batch_concurrency=4 -q
}
broken() { # LABEL EXIT TEXT RULE
    serve "$4"
    exits "$1" "$2" remote eval --split val --out broken
    has "$1: said" err "$3"
    hasnt "$1: no key on stderr" err "$KEY"
    hasnt "$1: no score of 0 %" out "0.0 %"
}
printf '<html><body>Sign in</body></html>' >html
printf '{"error":{"message":"Incorrect API key provided: %s","code":"invalid_api_key"}}' $KEY >key
printf '{"error":{"message":"The model foo does not exist","code":"model_not_found"}}' >nomodel
printf 'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"choices":[{"mess' >cut
printf 'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"choices":[{"mes' >half
broken "HTML" 1 "the reply is HTML" =status:200:html
broken "401" 1 "check the API key" =status:401:key
broken "404: the model" 1 "The model foo does not exist" =status:404:nomodel
broken "a redirect" 1 "redirects, which is not followed" =status:302:html
broken "a cut reply" 3 "run the same command again" =head:cut
broken "half a JSON" 3 "run the same command again" =head:half
broken "a reset" 3 "could be scored (" =reset
broken "50 MB" 3 "could be scored (" =big:50000000
is "50 MB: few of them were fetched" "$([ "$(requests)" -le 80 ] && echo yes)" yes
printf 'FINISH([\377\376 1])' >say
serve =say:say
exits "invalid UTF-8 is an answer" 0 remote eval --split val --out utf
is "and the files are UTF-8" "$(jq -r .status utf/val/test_runs.jsonl | sort -u)" completed
printf 'FINISH(["a\0b"])' >say
serve =say:say
exits "a NUL is an answer" 0 remote eval --split val --out nul
is "kept as it is" "$(jq -r '.messages[1].content | explode | index(0) != null' nul/val/test_runs.jsonl | sort -u)" true
kill "$ENDPOINT"; wait "$ENDPOINT" 2>/dev/null; ENDPOINT=
exits "nobody listens" 3 remote eval --split val
has "said" err "could be scored ("
exits "a library that is not there" 1 remote eval --library gone
has "comes first" err "no skill library in 'gone'"

# --- FHIR servers
sed '/^fhir:/,/^$/d' $C >clinic/remote.yaml
serve =say:say
far() { "$GRASP" eval clinic/remote.yaml --set "task.fhir_api_base=$FHIR" --set model.kind=openai \
    --set "model.base_url=$URL" --set fhir.timeout=5 -q "$@"; }
FHIR=http://127.0.0.1:9/fhir/
exits "a FHIR server that does not answer" 3 far
has "is named" err "the FHIR server http://127.0.0.1:9/fhir/ does not answer"
is "before a call is paid for" "$(requests)" 0
FHIR=gopher://127.0.0.1/
exits "a FHIR base that is no URL of ours" 3 far --set fhir.timeout=1
is "before a call is paid for, too" "$(requests)" 0
exits "apply, without the data" 1 far --set fhir.writes=apply
has "is refused" err "fhir.writes"
exits "a dry run does not need the server" 0 "$GRASP" learn clinic/remote.yaml --dry-run \
    --set task.fhir_api_base=http://127.0.0.1:9/fhir/

# --- the agent's wall
port=${URL##*:}; port=${port%/v1}
for try in "GET http://127.0.0.1:$port/fhir/Patient?x=1" 'GET https://localhost:8080/fhir/Patient' \
    'GET file:///etc/passwd' 'GET http://localhost:8080/fhir/../admin' \
    'GET http://localhost:8080/fhir/%2e%2e/admin' 'GET http://localhost:8080@127.0.0.1/fhir/Patient' \
    'GET http://user:pw@localhost:8080/fhir/Patient' 'GET http://localhost:8080.example/fhir/Patient' \
    'GET //etc/passwd' 'GET Patient?name=x' 'GET http://localhost:80800/fhir/Patient'; do
    printf '%s' "$try" >say
    serve =say:say
    remote run task1_1 --set cycle.max_rounds=2 --json >out 2>err
    is "refused, and told: $try" "$(jq -r '.messages[2].content' out | cut -d: -f1)" \
        "Error in sending the GET request"
    is "the rollout goes on" "$(jq -r .status out)" "task limit reached"
    is "nobody but the model was asked" "$(grep -c fhir ep.log)" 0
done

# --- secrets
find . -type f -newer commands -not -name requests -not -name key -print0 |
    xargs -0 grep -lF "$KEY" 2>/dev/null | sort >leaks
is "the key is in no file that was written" "$(cat leaks)" ""
check "though it was sent" grep -qF "Bearer $KEY" requests
done_testing
