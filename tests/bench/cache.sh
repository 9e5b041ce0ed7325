#!/bin/sh
# cache.sh - how much of the prompts of the paper's run is new to a prompt cache: learning over HTTP
# from `grasp model serve --cache`, 64 calls at once, latencies drawn (lognormal, CACHE_MS on average,
# sigma 0.8), so that what is asked at the same time cannot be cached yet.
#     ideal       one machine, steps of a token, nothing forgotten
#     20          20 machines, any of which a request goes to
#     20, keys    the same with model.prompt_cache_key: a conversation stays on its machine
#     OpenAI      20 machines as OpenAI's guide describes them, 15 requests a minute and key (with
#                 CACHE_MS of 200 instead of seconds these are CACHE_RATE)
# CLIENT: another version of the program that asks, for before and after. CACHE_CONFIGS: other
# configurations.
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/learn_config.sh"

CLIENT=${CLIENT:-$GRASP} MS=${CACHE_MS:-200} RATE=${CACHE_RATE:-300}

row() { # LABEL CONFIG CACHE OPTIONS...
    label=$1 config=$2 cache=$3; shift 3
    "$GRASP" model serve --port 0 --latency "lognormal:$MS,0.8" --cache "$cache" >served &
    server=$!
    until url=$(sed -n 's/^listening on //p' served) && [ "$url" ]; do
        kill -0 $server 2>/dev/null || exit 1
    done
    rm -rf lib run
    "$CLIENT" learn "$config" --library lib --run run -q --set model.kind=openai \
        --set model.base_url="$url" --set cycle.batch_concurrency=64 "$@" >out 2>err ||
        { cat err; kill $server; exit 1; }
    kill -INT $server
    wait $server
    printf '%-10s %9s %12s %8s %%   %s\n' "$label" "$(sed -n 's/ calls answered.*//p' served)" \
        "$(sed -n 's/ prompt tokens,.*//p' served)" "$(sed -n 's/.*cached, \(.*\) % new/\1/p' served)" \
        "$(git -C lib rev-parse 'main^{tree}' | cut -c1-6)"
}

IDEAL=lifetime=0,rate=0,block=1,minimum=0
for config in ${CACHE_CONFIGS:-$(learn_configs)}; do
    echo "$config"
    echo 'cache          calls prompt tokens     new   tree of the library'
    row ideal "$config" machines=1,$IDEAL
    row 20 "$config" machines=20,lifetime=0,rate=1,block=1,minimum=0
    [ "$CLIENT" != "$GRASP" ] || {
        row '20, keys' "$config" machines=20,$IDEAL --set model.prompt_cache_key=true
        row 'OpenAI' "$config" machines=20,rate=$RATE --set model.prompt_cache_key=true
    }
done
