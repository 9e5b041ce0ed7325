#!/bin/sh
# A server that is killed in the middle of transactions: each of them is in the store whole or not at
# all, and those that were answered are. (Loads: half_made.sh.)
. "$(dirname "$0")/lib.sh"

writer() { # NAME: transactions one after the other until nobody answers; those answered to NAME.acks
    i=0
    while [ $i -lt 2000 ]; do
        i=$((i + 1)) id=$1-$i
        code=$(curl -sS -m 20 -o "$1.body" -w '%{http_code}' -H 'Content-Type: application/fhir+json' -d \
            '{"resourceType":"Bundle","type":"transaction","entry":[
              {"request":{"method":"PUT","url":"Patient/'"$id"'"},"resource":{"resourceType":"Patient","id":"'"$id"'"}},
              {"request":{"method":"PUT","url":"Condition/'"$id"'"},"resource":{"resourceType":"Condition","id":"'"$id"'",
               "subject":{"reference":"Patient/'"$id"'"}}},
              {"request":{"method":"PUT","url":"Patient/counter"},"resource":{"resourceType":"Patient","id":"counter",
               "name":[{"family":"'"$id"'"}]}}]}' "$BASE" 2>/dev/null) || return 0
        [ "$code" = 200 ] && echo "$id" >>"$1.acks"
    done
}
ids() { "$GRASP" fhir search --store db "$1?_count=5000&_elements=id" | jq -r '.entry[]?.resource.id' | sort; }
enough() { [ "$(cat ./*.acks 2>/dev/null | wc -l)" -ge "$1" ]; }

total=0
for round in 1 2 3 4 5 6; do
    bg "$GRASP" fhir serve --store db --port 0 >serve 2>&1
    server=$!
    wait_line serve "listening on" || { not_ok "round $round: the server starts" "$(cat serve)"; done_testing; }
    BASE=$(sed -n 's/^listening on //p' serve)
    writer "a$round" & one=$!
    writer "b$round" & two=$!
    wait_until 60 enough $((total + round * 5))
    kill -KILL $server
    wait $server $one $two 2>/dev/null
    total=$(cat ./*.acks | wc -l)
    ids Patient | grep -v counter >patients
    ids Condition >conditions
    is "round $round: every transaction is whole" "$(diff patients conditions)" ""
    cat ./*.acks | sort >acks
    is "round $round: what was answered is there" "$(comm -23 acks patients)" ""
    last=$("$GRASP" fhir search --store db Patient/counter | jq -r '.name[0].family')
    check "round $round: the last write is one of the last" grep -qx "$last" patients
done
[ "$total" -gt 60 ] && ok "$total transactions were answered" || not_ok "enough transactions" "$total"
exits "the store loads and serves on" 0 "$GRASP" fhir load -q --store db "$ROOT/tests/data/fhir_small.ndjson"
done_testing
