#!/bin/sh
# Synthetic patients of Synthea: NDJSON as it comes, Bundles of the shapes that Synthea writes (made
# from it), and a thousand searches that jq answers as well, from the files alone.
. "$(dirname "$0")/lib.sh"

data=$GRASP_SHARED/fhir/synthea
[ -d "$data" ] || skip_all "no Synthea data"
command -v jq >/dev/null && command -v curl >/dev/null || skip_all "jq or curl is not installed"

# ---- NDJSON: a folder of gzipped files; references by identifier are to files that come later ----
exits "load: the folder" 0 "$GRASP" fhir load --store db --json "$data"
total=$(zcat "$data"/*.ndjson.gz | wc -l | tr -d ' ')
is "load: all of it, every reference resolved" \
    "$(jq -c '[.loaded,.skipped,.unresolved,.total]' out)" "[$total,0,0,$total]"

bg "$GRASP" fhir serve --store db --port 0 >serve 2>&1
wait_line serve "listening on" || { not_ok "the server starts" "$(cat serve)"; done_testing; }
base=$(sed -n 's/^listening on //p' serve)

# ---- a thousand searches: "query TAB ids" by jq, which knows nothing of our index ----
zcat "$data"/*.ndjson.gz >all.ndjson
jq -rs '
  (map(select(.identifier) | . as $r | .identifier[] |
       {key: "\($r.resourceType)?identifier=\(.system)|\(.value)", value: "\($r.resourceType)/\($r.id)"})
   | from_entries) as $names
  | def ref: (.reference // empty) | if test("\\?") then $names[.] else . end;
    def codes: .coding[]? | "\(.system)|\(.code)";
    [ .[] | . as $r | .resourceType as $t
      | ( "identifier=" + (.identifier[]? | "\(.system)|\(.value)"),
          "status=" + (.status | strings),
          "gender=" + (.gender // empty),
          "birthdate=" + (.birthDate // empty),
          "family=" + (.name | arrays | .[] | .family // empty),
          "class=" + (if $t == "Encounter" then .class.code else empty end),
          "code=" + ((.code, .medicationCodeableConcept | objects) | codes),
          "vaccine-code=" + (.vaccineCode | objects | codes),
          "clinical-status=" + (.clinicalStatus | objects | codes),
          "patient=" + ((.subject, .patient) | objects | ref),
          "participant=" + (.participant | arrays | .[].individual | objects | ref),
          "service-provider=" + (.serviceProvider | objects | ref),
          "requester=" + (.requester | objects | ref),
          "encounter=" + (if $t != "Immunization" then .encounter | objects | ref else empty end),
          ( ((.subject, .patient) | objects | ref) as $p
            | ((.code, .medicationCodeableConcept | objects) | codes)
            | "patient=\($p)&code=\(.)" ) )
      | {q: "\($t)?\(.)", id: $r.id} ]
  | group_by(.q) | map("\(.[0].q)\t\(map(.id) | unique | join(","))")
  | (length / 1000 | floor) as $step | [range(0; 1000) as $i | .[$i * $step]] | .[]' all.ndjson >expected
is "a thousand searches are made" "$(wc -l <expected | tr -d ' ')" 1000
cut -f1 expected | jq -rR --arg base "$base" '
  def enc: gsub("(?<c>[^A-Za-z0-9?=&._~-])"; .c | @uri);
  "url = \"\($base)\(enc)&_count=5000&_elements=id&_pretty=false\"", "output = -"' >urls
curl -sS -m 200 -K urls >answers
jq -r 'if .entry then [.entry[].resource.id] | sort | join(",") else .total // .issue[0].diagnostics end' \
    answers >found
cut -f2 expected >want
is "each finds what jq finds" "$(paste found want | awk -F'\t' '$1 != $2' | wc -l | tr -d ' ')" 0
paste found want expected | awk -F'\t' '$1 != $2 {print "# " $3 ": " $1 " instead of " $2}' | head -5

# ---- Bundles: hospitals and practitioners in batches, a patient in a transaction ----
bg "$GRASP" fhir serve --store db2 --port 0 >serve2 2>&1
wait_line serve2 "listening on" || { not_ok "the server starts" "$(cat serve2)"; done_testing; }
base=$(sed -n 's/^listening on //p' serve2)
batch() { # TYPES...: their resources without ids, each created only once
    jq -cs --arg types "$*" '($types / " ") as $t | {resourceType: "Bundle", type: "batch", entry:
        [.[] | select(.resourceType as $r | $t | index($r)) |
         {fullUrl: "urn:uuid:\(.id)", resource: del(.id), request: {method: "POST", url: .resourceType,
          ifNoneExist: "identifier=\(.identifier[0].system)|\(.identifier[0].value)"}}]}' all.ndjson
}
post() { curl -sS -m 100 -H 'Content-Type: application/fhir+json' --data-binary @"$1" "$base"; }
statuses() { jq -c '[.entry[].response.status[0:3]] | group_by(.) | map({(.[0]): length}) | add'; }
batch Organization Location >hospitals.json
batch Practitioner >practitioners.json
n=$(jq '.entry|length' hospitals.json)
is "hospitals: all created" "$(post hospitals.json | statuses)" "{\"201\":$n}"
is "hospitals: once more, none created" "$(post hospitals.json | statuses)" "{\"200\":$n}"
n=$(jq '.entry|length' practitioners.json)
is "practitioners: all created" "$(post practitioners.json | statuses)" "{\"201\":$n}"

# What one patient has, named by urn: references to what is not in the Bundle are searches.
jq -cs '
  (map(select(.resourceType == "Patient"))[0].id) as $p
  | [.[] | select(.resourceType == "Patient" and .id == $p
                  or ((.subject, .patient) | objects | .reference == "Patient/\($p)"))] as $own
  | ($own | map({key: "\(.resourceType)/\(.id)", value: "urn:uuid:\(.id)"}) | from_entries) as $urn
  | {resourceType: "Bundle", type: "transaction", entry: [$own[] |
      {fullUrl: "urn:uuid:\(.id)", request: {method: "POST", url: .resourceType},
       resource: (del(.id) | walk(if type == "object" and (.reference | type == "string") and $urn[.reference]
                                  then .reference = $urn[.reference] else . end))}]}' all.ndjson >patient.json
n=$(jq '.entry|length' patient.json)
post patient.json >answer
is "a patient: $n entries created" "$(statuses <answer)" "{\"201\":$n}"
# everything stored: no reference is a urn or a search, and each leads to something
for type in $(jq -r '.entry[].resource.resourceType' patient.json hospitals.json practitioners.json | sort -u); do
    curl -sS "$base$type?_count=5000"
done >stored
jq -r '.entry[]? | .fullUrl | split("/") | .[-2:] | join("/")' stored | sort -u >there
jq -r '.entry[]? | .resource | .. | objects | .reference | strings | select(startswith("#") | not)' stored |
    sort -u >referred
is "a patient: references are many" "$([ "$(wc -l <referred)" -gt 20 ] && echo yes)" yes
is "a patient: every reference leads to something" "$(comm -23 referred there)" ""
jq -c '.entry[0].resource.subject.reference = "Practitioner?identifier=urn:none|0"
       | .entry |= map(select(.resource.resourceType != "Patient"))[0:2]
       | .entry[0].resource.subject = {reference: "Patient?identifier=urn:none|0"}' patient.json >lost.json
before=$(curl -sS "${base}Encounter?_summary=count" | jq .total)
got=$(post lost.json | jq -r .resourceType)
is "a reference that finds nothing undoes the transaction" \
    "$got $(curl -sS "${base}Encounter?_summary=count" | jq .total)" "OperationOutcome $before"
done_testing
