#!/bin/sh
# A FHIR client that is not ours (fhir-kit-client from npm) against `grasp fhir serve`.
. "$(dirname "$0")/lib.sh"

command -v node >/dev/null && command -v npm >/dev/null || skip_all "node and npm are not installed"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip_all "the client needs node 20, this is $(node --version)"

# Installed once per build folder, from the lock file.
dir=$GRASP_BUILD/interop
if ! cmp -s "$ROOT/tests/interop/package-lock.json" "$dir/installed"; then
    rm -rf "$dir" && mkdir -p "$dir" || exit 1
    cp "$ROOT/tests/interop/package.json" "$ROOT/tests/interop/package-lock.json" "$dir/"
    (cd "$dir" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund) >"$T/npm" 2>&1 ||
        skip_all "npm could not install the client: $(grep -m1 'npm error' "$T/npm" | cut -c1-120)"
    cp "$dir/package-lock.json" "$dir/installed"
fi
cp "$ROOT/tests/interop/fhir_client.mjs" "$dir/"

bg "$GRASP" fhir serve --store "$T/db" --port 0 >"$T/serve" 2>&1
wait_line "$T/serve" "listening on" || { not_ok "the server starts" "$(cat "$T/serve")"; done_testing; }
base=$(sed -n 's/^listening on //p' "$T/serve")
timeout 100 node "$dir/fhir_client.mjs" "$base" >"$T/tap" 2>"$T/err"
status=$?
grep -E '^(not )?ok |^#' "$T/tap"
N=$(grep -cE '^(not )?ok ' "$T/tap")
BAD=$(grep -c '^not ok ' "$T/tap")
is "the client came to its end" "$status" "$([ "$BAD" -eq 0 ] && echo 0 || echo 1)"
done_testing
