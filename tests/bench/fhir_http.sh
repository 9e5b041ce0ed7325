#!/bin/sh
# fhir_http.sh - searches and reads over HTTP against `grasp fhir serve`, asked by wrk from another
# process: requests per second and latency percentiles. GRASP_BENCH_N Observations (default 100000),
# GRASP_BENCH_SECONDS for each row (default 5).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
: "${GRASP:=$root/build/grasp}" "${GRASP_BENCH_N:=100000}" "${GRASP_BENCH_SECONDS:=5}"
if ! command -v wrk >/dev/null; then
    echo "not measured: wrk is not installed (Debian: apt-get install wrk)"
    exit 0
fi
T=$(mktemp -d) || exit 1
server=
trap '[ -z "$server" ] || kill $server 2>/dev/null; wait; rm -rf "$T"' EXIT
cd "$T" || exit 1

awk -v n="$GRASP_BENCH_N" 'BEGIN {
    srand(1)
    for (i = 0; i < n; i++) {
        code = int(rand() * 20)
        printf "{\"resourceType\":\"Observation\",\"id\":\"o%d\",\"status\":\"final\",\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"LAB%d\"}],\"text\":\"LAB%d\"},\"subject\":{\"reference\":\"Patient/S%d\"},\"effectiveDateTime\":\"2023-%02d-%02dT10:00:00+00:00\",\"valueQuantity\":{\"value\":%d.5,\"unit\":\"mg/dL\"}}\n",
            i, code, code, int(i / 100), 1 + int(rand() * 12), 1 + int(rand() * 28), int(rand() * 300)
    }
}' >data.ndjson
"$GRASP" fhir load -q --store db data.ndjson >/dev/null || exit 1
"$GRASP" fhir serve --store db --port 0 >serve &
server=$!
i=0
until grep -q 'listening on' serve; do
    i=$((i + 1)); [ $i -lt 200 ] || { echo "the server does not start"; exit 1; }
    sleep 0.05
done
base=$(sed -n 's/^listening on //p' serve)

cat >search.lua <<'EOF_LUA'
local patients = tonumber(os.getenv("PATIENTS"))
math.randomseed(7)
request = function()
   return wrk.format("GET", string.format("/fhir/Observation?patient=S%d&code=LAB%d",
      math.random(0, patients - 1), math.random(0, 19)))
end
EOF_LUA
cat >read.lua <<'EOF_LUA'
local n = tonumber(os.getenv("GRASP_BENCH_N"))
math.randomseed(7)
request = function()
   return wrk.format("GET", string.format("/fhir/Observation/o%d", math.random(0, n - 1)))
end
EOF_LUA
cat >done.lua <<'EOF_LUA'
done = function(summary, latency)
   local e = summary.errors
   io.write(string.format("%10.0f/s  p50 %7.3f ms  p90 %7.3f ms  p99 %7.3f ms  p99.9 %7.3f ms  failed %d\n",
      summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3,
      latency:percentile(90) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3,
      e.connect + e.read + e.write + e.status + e.timeout))
end
EOF_LUA
cat done.lua >>search.lua
cat done.lua >>read.lua
export GRASP_BENCH_N PATIENTS=$(((GRASP_BENCH_N + 99) / 100))
echo "$GRASP_BENCH_N Observations, $(getconf _NPROCESSORS_ONLN) processors shared by server and wrk"
for what in search read; do
    for c in 1 16 256; do
        printf '%-6s %4d connections ' $what $c
        wrk -t 1 -c $c -d "${GRASP_BENCH_SECONDS}s" -s $what.lua "$base" | tail -n 1
    done
done
