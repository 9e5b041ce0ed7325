#!/bin/sh
# Broken endpoints, FHIR servers that are not there, hostile agents: what is said, what is left behind,
# what was spent.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
scripted

touch started

# --- endpoints
KEY=sk-test-0123456789abcdef-secret
serve() { scripted_serve "$@"; }
requests() { grep -c ' HTTP/' ep.log; }
remote() { # SUBCOMMAND ARGUMENTS...
    c=$1; shift
    [ "$c" = eval ] && set -- "$@" --no-journal
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
exits "401: a learning run" 1 remote learn --run refused --library refused-lib
hasnt "nothing was learned, and nothing is said to be" out "what was learned"
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
exits "a dry run says that the server is not there" 3 "$GRASP" learn clinic/remote.yaml --dry-run \
    --set task.fhir_api_base=http://127.0.0.1:9/fhir/
has "which one" err "http://127.0.0.1:9/fhir/"

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
find . -type f -newer started -not -name requests -not -name key -print0 |
    xargs -0 grep -lF "$KEY" 2>/dev/null | sort >leaks
is "the key is in no file that was written" "$(cat leaks)" ""
check "though it was sent" grep -qF "Bearer $KEY" requests
done_testing
