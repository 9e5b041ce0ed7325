#!/bin/sh
# An endpoint behind TLS: nghttpx, in front of the simulated model, speaks HTTP/2. The certificate
# counts, and many calls share one connection.
. "$(dirname "$0")/lib.sh"
command -v nghttpx >/dev/null || skip_all 'no nghttpx (Debian: nghttp2-proxy)'
command -v openssl >/dev/null || skip_all 'no openssl'
unset GRASP_BACKEND CURL_CA_BUNDLE SSL_CERT_FILE https_proxy HTTPS_PROXY all_proxy ALL_PROXY
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok 'a clinic'; done_testing; }
for name in ours other; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
        -addext subjectAltName=IP:127.0.0.1 -keyout $name.key -out $name.pem 2>/dev/null
done
port_of() { sed -n 's#^listening on http://127.0.0.1:\([0-9]*\)/v1#\1#p' "$1"; }
bg "$GRASP" model serve --port 0 --latency-ms 20 >served
wait_line served 'listening on'
front() { # a port that was free a moment ago: nghttpx takes no 0
    "$GRASP" model serve --port 0 >free & pid=$!
    wait_line free 'listening on'
    kill $pid
    wait $pid
    bg nghttpx --conf=/dev/null --workers=1 --frontend="127.0.0.1,$(port_of free)" \
        --backend="127.0.0.1,$(port_of served)" --accesslog-file="$T/access" \
        --accesslog-format='$protocol_version $remote_port' ours.key ours.pem >proxy.log 2>&1
    wait_until 5 curl -s -o models --cacert ours.pem "https://127.0.0.1:$(port_of free)/v1/models"
}
for try in 1 2 3 4 5; do front && break; done
: >access
evaluate() { "$GRASP" eval clinic/grasp.yaml --split dev -q --json --set model.kind=openai \
    --set "model.base_url=https://127.0.0.1:$(port_of free)/v1" --set cycle.batch_concurrency=32; }

exits 'a certificate of nobody we know' 1 evaluate
has 'is said to be that' err 'check the base URL and its certificate'
is 'nothing was asked' "$(wc -l <access | tr -d ' ')" 0
export SSL_CERT_FILE="$T/other.pem"
exits 'nor of this authority' 1 evaluate
export SSL_CERT_FILE="$T/ours.pem"
exits 'SSL_CERT_FILE names the authority' 0 evaluate
is 'all is scored' "$(jq '.dev.n_total, .dev.unscored' out | tr '\n' ' ')" '96 0 '
over=$(jq -c .dev out)
if [ "$(wc -l <access)" -gt 100 ]; then ok 'the calls went through the proxy'
else not_ok 'the calls went through the proxy' "$(wc -l <access) of them"; fi
is 'HTTP/2 all of them' "$(cut -d ' ' -f 1 access | sort -u)" 'HTTP/2'
is 'on one connection' "$(cut -d ' ' -f 2 access | sort -u | wc -l | tr -d ' ')" 1
SSL_CERT_FILE=$T/other.pem CURL_CA_BUNDLE=$T/ours.pem
export CURL_CA_BUNDLE
exits 'CURL_CA_BUNDLE goes before it' 0 evaluate
is 'and the score is the same' "$(jq -c .dev out)" "$over"
done_testing
