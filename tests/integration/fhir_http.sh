#!/bin/sh
# `grasp fhir load|serve|search|import|check` as a user meets them, with curl for a client.
. "$(dirname "$0")/lib.sh"

# ---- data: 3 patients, 50 glucose values of S1 ----
{
    for p in 1 2 3; do
        echo "{\"resourceType\":\"Patient\",\"id\":\"S$p\",\"identifier\":[{\"system\":\"urn:mrn\",\"value\":\"S$p\"}],\"name\":[{\"family\":\"Doe$p\",\"given\":[\"Ann\"]}],\"birthDate\":\"1970-01-0$p\"}"
    done
} >Patient.ndjson
i=0
while [ $i -lt 50 ]; do
    echo "{\"resourceType\":\"Observation\",\"id\":\"g$i\",\"status\":\"final\",\"code\":{\"coding\":[{\"code\":\"GLU\"}],\"text\":\"GLU\"},\"subject\":{\"reference\":\"Patient/S1\"},\"effectiveDateTime\":\"2023-11-$(printf %02d $((i % 28 + 1)))T10:00:00+00:00\",\"valueQuantity\":{\"value\":$((100 + i)).50,\"unit\":\"mg/dL\"}}"
    i=$((i + 1))
done >Observation.ndjson

# ---- load ----
exits "load: NDJSON" 0 "$GRASP" fhir load --store db Patient.ndjson Observation.ndjson
has "load: the summary counts" out "53 resources loaded into db"
gzip -k Patient.ndjson
exits "load: gzip" 0 "$GRASP" fhir load --store gz Patient.ndjson.gz --json
is "load: --json" "$(jq -c '[.loaded,.skipped,.total]' out)" "[3,0,3]"
exits "load: standard input" 0 sh -c '"$0" fhir load --store std --json - <Patient.ndjson' "$GRASP"
is "load: standard input counts" "$(jq .total out)" 3
head -c 400 Patient.ndjson >cut.ndjson
echo >>cut.ndjson
sed -n 3p Patient.ndjson >>cut.ndjson
exits "load: a line cut in half is skipped" 0 "$GRASP" fhir load --store cut --json cut.ndjson
has "load: file and line are told" err "cut.ndjson:3: "
is "load: the rest is loaded" "$(jq -c '[.loaded,.skipped]' out)" "[3,1]"
exits "load: --strict stops" 1 "$GRASP" fhir load --store strict --strict cut.ndjson
has "load: --strict tells where" err "cut.ndjson:3: "
exits "load: an unreadable file" 1 "$GRASP" fhir load --store db Patient.ndjson missing.ndjson
has "load: an unreadable file is named" err "cannot read 'missing.ndjson': No such file"
mkdir folder folder/inner && cp Patient.ndjson folder/ && cp Observation.ndjson folder/inner/ && echo x >folder/notes
exits "load: a folder" 0 "$GRASP" fhir load --store folder.db --json folder
is "load: a folder, whole" "$(jq -c '[.loaded,.skipped,.total]' out)" "[53,0,53]"
mkfifo fifo
exits "load: a FIFO is no input" 1 "$GRASP" fhir load --store db fifo
mkdir notours && touch notours/file
exits "load: a directory that is no store" 1 "$GRASP" fhir load --store notours Patient.ndjson
is "load: it is left as it was" "$(ls notours)" file
exits "load: nothing usable" 1 "$GRASP" fhir load --store html "$0"
cat >bundle.json <<'JSON'
{
  "resourceType": "Bundle",
  "type": "transaction",
  "entry": [
    {"fullUrl": "urn:uuid:11111111-1111-1111-1111-111111111111",
     "resource": {"resourceType": "Condition", "subject": {"reference": "urn:uuid:22222222-2222-2222-2222-222222222222"}},
     "request": {"method": "POST", "url": "Condition"}},
    {"fullUrl": "urn:uuid:22222222-2222-2222-2222-222222222222",
     "resource": {"resourceType": "Patient", "active": true},
     "request": {"method": "POST", "url": "Patient"}}
  ]
}
JSON
exits "load: a transaction Bundle" 0 "$GRASP" fhir load --store bundle bundle.json
exits "search: its urn references are resolved" 0 "$GRASP" fhir search --store bundle \
    'Condition?patient=22222222-2222-2222-2222-222222222222'
is "search: found" "$(jq .total out)" 1
exits "search: without a store of its own" 0 "$GRASP" fhir search --data Patient.ndjson Patient/S2
is "search: a read" "$(jq -r .birthDate out)" 1970-01-02
exits "search: an unknown parameter" 1 "$GRASP" fhir search --store db 'Patient?nonsense=1'
has "search: says what to change" out nonsense
exits "search: unknown parameters ignored" 0 "$GRASP" fhir search --store db \
    --unknown-params=ignore 'Patient?nonsense=1'
exits "search: no store" 1 "$GRASP" fhir search --store nowhere Patient
has "search: no store says how to make one" err "grasp fhir load --store nowhere"
is "search: no store is made" "$(ls -d nowhere 2>/dev/null)" ""

# ---- a disk that fills up: a file size limit, and a small tmpfs where we may mount one ----
i=0
while [ $i -lt 400 ]; do
    sed "s/\"g\([0-9]*\)\"/\"x$i-\1\"/" Observation.ndjson
    i=$((i + 1))
done >big.ndjson
check "disk: something is there before" "$GRASP" fhir load --store full Patient.ndjson
size=$(($(stat -c %s full/data.mdb) / 512 + 1024))
exits "disk: file size limit" 1 sh -c "ulimit -f $size; exec \"\$0\" fhir load --store full big.ndjson" "$GRASP"
has "disk: said clearly" err "loading big.ndjson into 'full': "
has "disk: with what to look at" err "is the disk full?"
exits "disk: what was there before still is" 0 "$GRASP" fhir search --store full 'Patient?family=Doe2'
is "disk: and can be found" "$(jq .total out)" 1
mkdir small
if mount -t tmpfs -o size=2m tmpfs small 2>/dev/null; then
    exits "disk: full file system" 1 "$GRASP" fhir load --store small/db Patient.ndjson big.ndjson
    has "disk: full file system is said" err "is the disk full?"
    exits "disk: its store still opens" 0 "$GRASP" fhir search --store small/db 'Patient?_summary=count'
    umount small
else
    skip "disk: full file system" "mounting a tmpfs is not allowed here"
fi

# ---- serve ----
bg "$GRASP" fhir serve --store db --port 0 >serve 2>serve.err
server=$!
wait_line serve "listening on" || { not_ok "the server starts" "$(cat serve.err)"; done_testing; }
base=$(sed -n 's/^listening on //p' serve)
port=$(echo "$base" | sed 's/.*:\([0-9]*\)\/.*/\1/')
is "serve: says its base" "$base" "http://127.0.0.1:$port/fhir/"
# req LABEL STATUS CURL_ARGS...: body to $T/body, headers to $T/head
req() {
    label=$1 want=$2; shift 2
    got=$(curl -sS -m 20 -o "$T/body" -D "$T/head" -w '%{http_code}' "$@")
    tr -d '\r' <"$T/head" >"$T/head.lf"
    is "$label" "$got" "$want"
}
fhir="Content-Type: application/fhir+json"

req "capabilities" 200 "${base}metadata"
is "capabilities: the version" "$(jq -r .fhirVersion body)" 4.0.1
has "capabilities: content type" head.lf "Content-Type: application/fhir+json;charset=UTF-8"
req "read" 200 "${base}Patient/S1"
has "read: ETag" head.lf 'ETag: W/"1"'
has "read: Last-Modified" head.lf 'Last-Modified: '
is "read: number literals are as loaded" "$(curl -sS "${base}Observation/g0" | grep -c '100\.50')" 1
req "HEAD" 200 -I "${base}Patient/S1"
has "HEAD: ETag" head.lf 'ETag: W/"1"'
is "HEAD: the length of what GET sends" "$(sed -n 's/^Content-Length: //p' head.lf)" \
    "$(curl -sS "${base}Patient/S1" | wc -c | tr -d ' ')"
req "read: no such id" 404 "${base}Patient/none"
is "read: OperationOutcome" "$(jq -r .resourceType body)" OperationOutcome
req "outside the base" 404 "http://127.0.0.1:$port/other"
has "outside the base: says where it is" body "/fhir/"
req "Accept: XML" 406 -H 'Accept: application/fhir+xml' "${base}Patient/S1"
req "Accept: JSON with quality" 200 -H 'Accept: application/json;q=0.9, */*;q=0.1' "${base}Patient/S1"

req "create" 201 -H "$fhir" -d '{"resourceType":"Patient","name":[{"family":"New"}]}' "${base}Patient"
location=$(sed -n 's/^Location: //p' head.lf)
id=$(jq -r .id body)
has "create: Location" head.lf "Location: ${base}Patient/$id/_history/1"
req "create: Location can be read" 200 "$location"
req "update with If-Match" 200 -X PUT -H "$fhir" -H 'If-Match: W/"1"' \
    -d "{\"resourceType\":\"Patient\",\"id\":\"$id\",\"active\":true}" "${base}Patient/$id"
has "update: new ETag" head.lf 'ETag: W/"2"'
req "update with an old If-Match" 412 -X PUT -H "$fhir" -H 'If-Match: W/"1"' \
    -d "{\"resourceType\":\"Patient\",\"id\":\"$id\"}" "${base}Patient/$id"
req "update: as new" 201 -X PUT -H "$fhir" -d '{"resourceType":"Patient","id":"mine"}' "${base}Patient/mine"
req "delete" 204 -X DELETE "${base}Patient/$id"
req "delete: gone" 410 "${base}Patient/$id"
req "broken JSON" 400 -H "$fhir" -d '{"resourceType":' "${base}Patient"
req "wrong media type" 415 -H 'Content-Type: text/csv' -d 'a,b' "${base}Patient"
head -c 34000000 /dev/zero >zeros
req "a body that is too large" 413 -H "$fhir" -H 'Expect:' --data-binary @zeros "${base}Patient"
req "a compressed body" 415 -H "$fhir" -H 'Content-Encoding: gzip' --data-binary @Patient.ndjson.gz "${base}Patient"
req "an unknown method" 405 -X PROPFIND -H "$fhir" -d '{}' "${base}Patient/S1"
req "patch" 200 -X PATCH -H 'Content-Type: application/json-patch+json' \
    -d '[{"op":"add","path":"/active","value":true}]' "${base}Patient/S2"
is "patch: done" "$(jq -c '[.active,.meta.versionId]' body)" '[true,"2"]'
req "If-None-Exist: one match" 200 -H "$fhir" -H 'If-None-Exist: identifier=urn:mrn|S1' \
    -d '{"resourceType":"Patient"}' "${base}Patient"
is "If-None-Exist: that is the answer" "$(jq -r .id body)" S1
req "Prefer: return=minimal" 201 -H "$fhir" -H 'Prefer: return=minimal' -X PUT \
    -d '{"resourceType":"Patient","id":"min"}' "${base}Patient/min"
is "Prefer: return=minimal has no body" "$(wc -c <body | tr -d ' ')" 0
req "delete what it made" 204 -X DELETE "${base}Patient/min"
req "Prefer: handling=lenient" 200 -H 'Prefer: handling=lenient' "${base}Patient?nonsense=1"
req "_history needs --history" 400 "${base}Patient/S1/_history"
req "everything" 200 "${base}Patient/S1/\$everything"
is "everything: all that is S1's" "$(jq -r '.entry|length' body)" 51

req "search by GET" 200 "${base}Observation?patient=S1&code=GLU"
is "search: total, first page" "$(jq -c '[.total,(.entry|length)]' body)" "[50,20]"
jq -c '[.entry[].resource.id]' body >byget
req "search by POST" 200 -d 'patient=S1&code=GLU' "${base}Observation/_search"
is "search by POST: the same" "$(jq -c '[.entry[].resource.id]' body)" "$(cat byget)"
req "search: two equal dates" 400 "${base}Observation?date=2023-11-01&date=2023-11-02"
next="${base}Observation?patient=S1&code=GLU&_count=15"
pages=0
: >ids
while [ -n "$next" ] && [ $pages -lt 20 ]; do
    curl -sS "$next" >page
    jq -r '.entry[].resource.id' page >>ids
    next=$(jq -r '[.link[]|select(.relation=="next")|.url][0] // ""' page)
    pages=$((pages + 1))
done
is "paging: to the end" "$pages $(sort -u ids | wc -l | tr -d ' ')" "4 50"

cat >batch.json <<'JSON'
{"resourceType":"Bundle","type":"batch","entry":[
 {"request":{"method":"GET","url":"Patient/S1"}},
 {"request":{"method":"GET","url":"Patient/none"}},
 {"resource":{"resourceType":"Patient","id":"b1"},"request":{"method":"PUT","url":"Patient/b1"}}]}
JSON
req "batch" 200 -H "$fhir" -d @batch.json "${base}"
is "batch: each entry its status" "$(jq -c '[.entry[].response.status[0:3]]' body)" '["200","404","201"]'
cat >bad.json <<'JSON'
{"resourceType":"Bundle","type":"transaction","entry":[
 {"resource":{"resourceType":"Patient","id":"t1"},"request":{"method":"PUT","url":"Patient/t1"}},
 {"request":{"method":"DELETE","url":"Patient/S3"}},
 {"resource":{"resourceType":"Nonsense"},"request":{"method":"POST","url":"Nonsense"}}]}
JSON
got=$(curl -sS -o body -w '%{http_code}' -H "$fhir" -d @bad.json "$base")
is "transaction: a bad entry fails it" "${got%??}" 4
req "transaction: nothing of it is there" 404 "${base}Patient/t1"
req "transaction: nothing of it is gone" 200 "${base}Patient/S3"

i=0
while [ $i -lt 80 ]; do
    i=$((i + 1))
    echo "{\"resourceType\":\"Encounter\",\"id\":\"e$i\",\"status\":\"finished\"}" >e$i.json
    echo "e$i"
done | xargs -P 8 -I ID curl -sS -o /dev/null -X PUT -H "$fhir" -d @ID.json "${base}Encounter/ID"
is "eight writers at once: nothing is lost" \
    "$(curl -sS "${base}Encounter?_count=5000" | jq -c '[.total,(.entry|map(.resource.id)|unique|length)]')" "[80,80]"
got=$(curl -sS -o /dev/null -w '%{http_code}' --path-as-is "${base}../../etc/passwd")
is "a path with dots is a client's error" "${got%??}" 4
got=$(curl -sS -o /dev/null -w '%{http_code}' "${base}Patient/%00%ff%zz?%=%&&=")
is "bytes that mean nothing are a client's error" "${got%??}" 4

is "keep-alive: six requests, one connection" \
    "$(curl -sS -o /dev/null -w '%{num_connects}\n' "${base}Patient/S[1-3]" "${base}Patient/S[1-3]" | awk '{s+=$1} END {print s}')" 1
req "a long URL is an answer, not a cut" 414 "${base}Patient?name=$(head -c 70000 /dev/zero | tr '\0' a)"

exits "serve: port in use" 1 "$GRASP" fhir serve --store other --port "$port"
has "serve: port in use is said" err "port $port on 127.0.0.1 is in use"
exits "serve: a port that is none" 2 "$GRASP" fhir serve --port 70000
exits "serve: no store" 1 "$GRASP" fhir serve --port 0
exits "serve: unreadable data" 1 "$GRASP" fhir serve --data missing.ndjson --port 0

# ---- import from the running server ----
exits "import: everything" 0 "$GRASP" fhir import "$base" --store copy --json
is "import: as many as there are" "$(jq -c '[.loaded,.skipped]' out)" "[135,0]"
exits "import: some types" 0 "$GRASP" fhir import "${base%/}" --store some --type Patient --json
is "import: only those" "$(jq .loaded out)" 5
exits "import: pages in the copy" 0 "$GRASP" fhir search --store copy 'Observation?patient=S1&_summary=count'
is "import: all Observations" "$(jq .total out)" 50
exits "import: not FHIR" 1 "$GRASP" fhir import "http://127.0.0.1:$port/other" --store no
exits "import: not a URL" 1 "$GRASP" fhir import "file:///etc" --store no

exits "check: a store that is served" 0 "$GRASP" fhir check --store db
has "check: all are counted" out "resources, all of them sound"
kill -INT $server
wait $server
is "serve: SIGINT ends it cleanly" $? 0
is "serve: said nothing" "$(cat serve.err)" ""
exits "import: nobody there" 3 "$GRASP" fhir import "$base" --store no
bg "$GRASP" fhir serve --data Patient.ndjson --port 0 --base "http://example.org/r4" \
    --read-only >serve2 2>&1
server=$!
wait_line serve2 "listening on"
base=$(sed -n 's/^listening on //p' serve2)
is "serve: the path is that of --base" "$(echo "$base" | sed 's/.*:[0-9]*//')" "/r4/"
req "serve: --base" 200 "${base}Patient?_count=1"
is "serve: --base is where links lead" "$(jq -r '.entry[0].fullUrl' body)" "http://example.org/r4/Patient/S1"
req "serve: --read-only" 405 -X PUT -H "$fhir" -d '{"resourceType":"Patient","id":"x"}' "${base}Patient/x"
kill -TERM $server
wait $server
is "serve: SIGTERM ends it cleanly" $? 0
mkdir tmp
bg env TMPDIR=$T/tmp "$GRASP" fhir serve --data Patient.ndjson --port 0 >serve3 2>&1
server=$!
wait_line serve3 "listening on"
kill -KILL $server
wait $server 2>/dev/null
is "serve: a throw-away store leaves nothing behind" "$(ls tmp)" ""
exits "after serving, the store holds what was written" 0 "$GRASP" fhir search --store db Patient/mine

# ---- check ----
exits "check: DIR" 0 "$GRASP" fhir check gz --json
is "check: --json" "$(jq -c . out)" '{"sound":true,"resources":3,"damaged":0,"missing":0,"dangling":0,"unsummed":0}'
exits "check: another base" 0 sh -c '"$0" fhir search --store gz --base http://other/ Patient && "$0" fhir check gz' "$GRASP"
cp -r gz hurt
LC_ALL=C sed -i 's/"family":"Doe2"/"family":"Dae2"/' hurt/data.mdb
exits "check: damage is found" 1 "$GRASP" fhir check hurt
has "check: and what to do is said" err "grasp fhir load --store NEW"
exits "check: --json says so, too" 1 "$GRASP" fhir check hurt --json
is "check: what is damaged" "$(jq -c '[.sound,.resources,.damaged]' out)" "[false,2,1]"
cp gz/data.mdb hurt/data.mdb
truncate -s 8192 hurt/data.mdb
exits "check: a store that was cut off" 1 "$GRASP" fhir check hurt
has "check: how it ended" err "is damaged"
is "check: nothing is repaired" "$(stat -c %s hurt/data.mdb)" 8192
mkdir empty
exits "check: an empty directory" 1 "$GRASP" fhir check empty
is "check: no store is made in it" "$(ls empty)" ""
exits "check: nothing there" 1 "$GRASP" fhir check nowhere
exits "check: two stores" 2 "$GRASP" fhir check gz --store db
done_testing
