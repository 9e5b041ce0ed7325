#!/bin/sh
# Endpoints as they are reached: a unix socket, a certificate of the client's own, proxies for http and
# https, and streams whose timeout is between two chunks.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND CURL_CA_BUNDLE SSL_CERT_FILE http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
command -v python3 >/dev/null || skip_all "no python3"
command -v openssl >/dev/null || skip_all "no openssl"
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
jq '.[:3]' clinic/tasks/split_val.json >x.json && mv x.json clinic/tasks/split_val.json
for name in server client other; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$name" \
        -addext "subjectAltName=IP:127.0.0.1,DNS:model.test" -keyout $name.key -out $name.pem 2>/dev/null ||
        { not_ok "a certificate"; done_testing; }
done
bg python3 "$ROOT/tests/tools/transports.py" "$T/sock" server.pem server.key client.pem >ways 2>>asked
wait_line ways listening || { cat asked; not_ok "the endpoints start"; done_testing; }
port() { sed -n "s/^$1 //p" ways; }

ask() { # OPTIONS...: three tasks, one call each
    : >asked
    "$GRASP" eval clinic/grasp.yaml --split val --json -q --no-journal --out o --set model.kind=openai --set model.name=m \
        --set model.attempts=1 --set cycle.max_rounds=1 --set model.timeout=20 "$@"
}
said() { jq -rs 'map(.result) | unique | join(" ")' o/val/test_runs.jsonl; }
reached() { # LABEL WAY OPTIONS...
    label=$1 way=$2; shift 2
    exits "$label" 0 ask "$@"
    is "$label: its answers" "$(said)" '["reached"]'
    is "$label: that way, and no other" "$(cut -d' ' -f1 asked | sort -u | tr '\n' ' ')" "$way "
}
reached "a unix socket" unix --set "model.unix_socket=$T/sock" --set model.base_url=http://model.test/v1
exits "one that is not there" 3 ask --set "model.unix_socket=$T/none" --set model.base_url=http://model.test/v1

export SSL_CERT_FILE="$T/server.pem"
mtls="https://127.0.0.1:$(port mtls)/v1"
reached "a client's certificate" mtls --set "model.base_url=$mtls" --set "model.client_cert=$T/client.pem" \
    --set "model.client_key=$T/client.key"
is "is the one that was named" "$(awk '{print $3}' asked | sort -u)" client
if ask --set "model.base_url=$mtls" >out 2>err; then not_ok "without one"; else ok "without one"; fi
is "nothing is answered" "$(wc -l <asked | tr -d ' ')" 0
if ask --set "model.base_url=$mtls" --set "model.client_cert=$T/other.pem" --set "model.client_key=$T/other.key" >out 2>err
then not_ok "another's"; else ok "another's"; fi
exits "a file that is none" 1 ask --set "model.base_url=$mtls" --set "model.client_cert=$T/nothing.pem"
has "is named" err nothing.pem

proxy="http://127.0.0.1:$(port proxy)"
export http_proxy="$proxy" https_proxy="$proxy"
reached "a proxy for http" proxy --set model.base_url=http://model.test/v1
is "gets the whole address" "$(awk '{print $2}' asked | sort -u)" http://model.test/v1/chat/completions
exits "a proxy for https" 0 ask --set model.base_url=https://model.test/v1 \
    --set "model.client_cert=$T/client.pem" --set "model.client_key=$T/client.key"
is "connects, and sees no more" "$(cut -d' ' -f1,2 asked | sort -u | tr '\n' ' ')" \
    "connect model.test:443 mtls /v1/chat/completions "
reached "this machine is asked itself" mtls --set "model.base_url=$mtls" --set "model.client_cert=$T/client.pem" \
    --set "model.client_key=$T/client.key"
unset http_proxy https_proxy

reached "a stream that takes longer than the timeout, but never pauses so long" slow --set model.stream=true \
    --set model.timeout=1.5 --set "model.base_url=http://127.0.0.1:$(port slow)/v1"
exits "one that stops in the middle" 3 ask --set model.stream=true --set model.timeout=0.4 \
    --set "model.base_url=http://127.0.0.1:$(port stuck)/v1"
is "is no answer" "$(jq -rs 'map(.status) | unique | join(" ")' o/val/test_runs.jsonl)" unscored
done_testing
