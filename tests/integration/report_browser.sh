#!/bin/sh
# The pages of `grasp report` in headless Chromium, driven by playwright-core (tests/browser): updates,
# diffs, traces, several runs, a phone, the dark, paper, the keyboard, axe.
. "$(dirname "$0")/lib.sh"

command -v node >/dev/null && command -v npm >/dev/null || skip_all "node and npm are not installed"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip_all "playwright needs node 20, this is $(node --version)"
for browser in /usr/lib/chromium/chromium "$(command -v chromium)" "$(command -v chromium-browser)" \
    "$(command -v google-chrome)" ''; do
    [ -x "$browser" ] && break
done
[ -n "$browser" ] || skip_all "there is no Chromium"

# Installed once per build folder, from the lock file.
dir=$GRASP_BUILD/browser
if ! cmp -s "$ROOT/tests/browser/package-lock.json" "$dir/installed"; then
    rm -rf "$dir" && mkdir -p "$dir" || exit 1
    cp "$ROOT/tests/browser/package.json" "$ROOT/tests/browser/package-lock.json" "$dir/"
    (cd "$dir" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund) >"$T/npm" 2>&1 ||
        skip_all "npm could not install playwright-core: $(grep -m1 'npm error' "$T/npm" | cut -c1-120)"
    cp "$dir/package-lock.json" "$dir/installed"
fi
cp "$ROOT"/tests/browser/*.mjs "$dir/"

"$GRASP" synth -q --patients 60 --seed 1 --out clinic >log 2>&1 || { cat log; exit 1; }
sed -i -e 's/epochs: .*/epochs: 2/' -e 's/grpo_eval_n: .*/grpo_eval_n: 12/' clinic/grasp.yaml
for seed in 2 3 4; do
    exits "run $seed" 0 "$GRASP" learn clinic/grasp.yaml --set cycle.seed=$seed --run run-$seed \
        --library lib-$seed -q --no-journal
done
exits "a page of one" 0 "$GRASP" report run-2 --out one.html
exits "of three" 0 "$GRASP" report run-2 run-3 run-4 --out three.html
cp -R run-2 died && rm -f died/run_summary.json died/test_scores.json && rm -rf died/epoch_1 died/*_eval_*
exits "of one that died" 0 "$GRASP" report died --out died.html
cp -R run-2 hostile
bad='<script>window.hacked=1</script><img src=x onerror="window.hacked=1"><b id=hostile>\u001b[31m</b>'
for f in hostile/epoch_*/skill_updates.json hostile/epoch_*/failure_taxonomy.json; do
    jq --arg bad "$bad" 'walk(if type == "string" and length > 20 then . + $bad else . end)' "$f" >x &&
        mv x "$f"
done
jq -c --arg bad "$bad" '.result = $bad | .reasons = [$bad]' hostile/epoch_1/dev_runs.jsonl >x &&
    mv x hostile/epoch_1/dev_runs.jsonl
exits "of hostile texts" 0 "$GRASP" report hostile --out hostile.html

timeout 200 node "$dir/report.mjs" "$browser" "$T" >tap 2>err
status=$?
sed -n 's/^\(not \)\{0,1\}ok [0-9]* - /&/p; /^#/p' tap >lines
while IFS= read -r line; do
    case $line in
        "ok "*) ok "${line#ok * - }" ;;
        "not ok "*) not_ok "${line#not ok * - }" ;;
        *) echo "$line" ;;
    esac
done <lines
[ $status -eq 0 ] && ok "it came to its end" || not_ok "it came to its end" "$(tail -n 12 err)"
done_testing
