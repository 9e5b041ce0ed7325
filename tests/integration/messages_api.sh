#!/bin/sh
# A learning run through Anthropic's Messages API, streamed and over TLS, ends as it does without.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND CURL_CA_BUNDLE SSL_CERT_FILE
export SOURCE_DATE_EPOCH=1700000000
command -v python3 >/dev/null || skip_all "no python3"
command -v openssl >/dev/null || skip_all "no openssl"

"$GRASP" synth -q --patients 60 --seed 1 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
for f in dev val test id_test; do
    jq '.[:12]' "clinic/tasks/split_$f.json" >x.json && mv x.json "clinic/tasks/split_$f.json"
done
sed -e 's/^  kind: simulated.*/  name: simulated/' -e 's/epochs: .*/epochs: 1/' \
    -e 's/update_every: .*/update_every: 12/' -e 's/batch_concurrency: .*/batch_concurrency: 8/' \
    -e 's/grpo_k: .*/grpo_k: 2/' -e 's/grpo_eval_n: .*/grpo_eval_n: 8/' clinic/grasp.yaml >clinic/c.yaml

bg "$GRASP" model serve --port 0 >serve.log 2>serve.err
wait_line serve.log "listening on" || { cat serve.err; not_ok "the simulated model serves"; done_testing; }
PLAIN=$(sed -n 's/^listening on //p' serve.log)
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost >openssl.log 2>&1 || { cat openssl.log; not_ok "a certificate"; done_testing; }
bg python3 "$ROOT/tests/tools/messages_proxy.py" cert.pem key.pem "$PLAIN" >proxy.log 2>proxy.err
wait_line proxy.log "listening on" || { cat proxy.err; not_ok "the proxy starts"; done_testing; }
TLS=$(sed -n 's/^listening on //p' proxy.log)

learn() { # DIR OPTIONS...
    dir=$1; shift
    mkdir -p "$dir"
    (cd "$dir" && exec "$GRASP" learn ../clinic/c.yaml --library library --run run -q "$@")
}
exits "through chat completions" 0 learn plain --set model.kind=openai --set "model.base_url=$PLAIN" \
    --set model.identity=same
export SSL_CERT_FILE="$T/cert.pem"
exits "through the Messages API, streamed, over TLS" 0 learn messages --set model.kind=anthropic \
    --set "model.base_url=$TLS" --set model.identity=same --set model.stream=true \
    --set model.api_key=key-of-the-test
cat proxy.err
refs() { git -C "$1/library" for-each-ref --format='%(objectname) %(refname)'; }
is "the same library" "$(refs messages)" "$(refs plain)"
check "the same scores" cmp messages/run/test_scores.json plain/run/test_scores.json
is "no call was made twice" "$(jq .endpoint.retries messages/run/run_summary.json)" 0
"$GRASP" journal export messages/run/journal >exported 2>/dev/null
has "the journal has the thinking" exported "a thought"
is "the traces' messages have not" "$(grep -c 'a thought' messages/run/epoch_0/dev_runs.jsonl)" 0
is "tokens are counted" "$(jq '.calls.total.prompt_tokens' messages/run/run_summary.json)" \
    "$(jq '.calls.total.prompt_tokens' plain/run/run_summary.json)"
unset SSL_CERT_FILE
exits "a certificate that nobody vouches for" 1 "$GRASP" eval clinic/c.yaml --split val \
    --set model.kind=anthropic --set "model.base_url=$TLS" --set model.api_key=key-of-the-test --set model.attempts=1
has "is said" err "certificate"
done_testing
