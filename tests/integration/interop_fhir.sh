#!/bin/sh
# FHIR clients that are not ours (from npm; tests/interop/README.md) against `grasp fhir serve`.
. "$(dirname "$0")/lib.sh"

command -v node >/dev/null && command -v npm >/dev/null || skip_all "node and npm are not installed"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip_all "the client needs node 20, this is $(node --version)"

# Installed once per build folder, from the lock file.
dir=$GRASP_BUILD/interop
if ! cmp -s "$ROOT/tests/interop/package-lock.json" "$dir/installed"; then
    rm -rf "$dir" && mkdir -p "$dir" || exit 1
    cp "$ROOT/tests/interop/package.json" "$ROOT/tests/interop/package-lock.json" "$dir/"
    (cd "$dir" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund \
        --omit=optional --omit=peer) >"$T/npm" 2>&1 ||
        skip_all "npm could not install the client: $(grep -m1 'npm error' "$T/npm" | cut -c1-120)"
    cp "$dir/package-lock.json" "$dir/installed"
fi
cp "$ROOT"/tests/interop/*.mjs "$ROOT/tests/interop/README.md" "$dir/"

bg "$GRASP" fhir serve --store "$T/db" --history --port 0 >"$T/serve" 2>&1
wait_line "$T/serve" "listening on" || { not_ok "the server starts" "$(cat "$T/serve")"; done_testing; }
base=$(sed -n 's/^listening on //p' "$T/serve")
run() { # SCRIPT ARGS...: its TAP as ours
    script=$1; shift
    timeout 100 node "$dir/$script" "$base" "$@" >"$T/tap" 2>"$T/err"
    status=$?
    sed -n "s/^\\(not \\)\\{0,1\\}ok [0-9]* - /&/p; /^#/p" "$T/tap" >"$T/lines"
    while IFS= read -r line; do
        case $line in
            "ok "*) ok "${line#ok * - }" ;;
            "not ok "*) not_ok "${line#not ok * - }" ;;
            *) echo "$line" ;;
        esac
    done <"$T/lines"
    is "$script came to its end" "$status" "$(grep -q '^not ok ' "$T/tap" && echo 1 || echo 0)"
}
run fhir_client.mjs
run fhir_calls.mjs "$dir/README.md"
done_testing
