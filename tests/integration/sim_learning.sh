# sim_learning.sh - what the gate is worth with the simulated model, on a synthetic clinic: a gated run
# accepts some edits, refuses more and gains; the same run without the gate ends clearly lower.
. "$(dirname "$0")/lib.sh"

check "a clinic" "$GRASP" synth --patients 150 --seed 1 --out "$T/clinic"

# learn NAME SETTING [SEED]: learns into $T/NAME; $T/NAME.out has the summary
learn() {
    check "a run with $2" sh -c '"$1" learn "$2/clinic/grasp.yaml" --library "$2/$3-library" \
        --run "$2/$3" --set "$4" --set cycle.seed="$5" >"$2/$3.out" 2>&1' - "$GRASP" "$T" "$1" "$2" \
        "${3:-1}"
}
# last NAME...: where the runs end, on the average
last() {
    for run; do jq '[.[] | select(.epoch != "baseline")][-1].score' "$T/$run/val_scores.json"; done |
        jq -s 'add / length * 1000 | floor'
}
learn gated cycle.no_gate=false
for seed in 1 2 3 4 5 6; do learn ungated$seed cycle.no_gate=true $seed; done

base=$(jq '.[0].score * 1000 | floor' "$T/gated/val_scores.json")
gated=$(last gated) ungated=$(last ungated1 ungated2 ungated3 ungated4 ungated5 ungated6)
echo "# val per mille: no skills $base, gated $gated, ungated $ungated"
check "no skills: neither hopeless nor free" [ "$base" -gt 200 -a "$base" -lt 550 ]
check "the gated run gains" [ "$gated" -gt $((base + 150)) ]
check "without the gate it ends clearly lower" [ "$ungated" -lt $((gated - 150)) ]
accepted=$(git -C "$T/gated-library" log --format='%(trailers:key=Gate-Score,valueonly)' | grep -c .)
refused=$(git -C "$T/gated-library" for-each-ref refs/grasp/candidates | wc -l)
echo "# accepted $accepted, refused $refused"
check "several edits accepted" [ "$accepted" -ge 3 ]
check "more refused" [ "$refused" -gt "$accepted" ]
has "says that it was simulated" "$T/gated.out" "simulated model"

# Each switch, lambda and the budget change what is decided, at one of a few seeds at least. Where no
# regression is let in lambda cannot matter, so it is tried without the rule on regressions.
decided() { # SEED KEY=VALUE...: the trees of the branch; a run that was made before is not made again
    seed=$1; shift
    d="$T/d-$seed-$(echo "$*" | tr -c 'a-z0-9\n' _)"
    if [ ! -d "$d" ]; then
        for k in "$@"; do set -- "$@" --set "$k"; shift; done
        "$GRASP" learn "$T/clinic/grasp.yaml" -q --library "$d" --run "$d.run" --set cycle.epochs=3 \
            --set "cycle.seed=$seed" "$@" >"$d.out" 2>&1 || { cat "$d.out"; return 1; }
    fi
    git -C "$d" log --format=%T main
}
matters() { # LABEL SETTING [OTHER SETTING]
    for seed in $(seq 24); do
        decided $seed ${3:-cycle.no_gate=false} >"$T/one" && decided $seed $2 >"$T/two" ||
            { not_ok "$1: a run"; return; }
        cmp -s "$T/one" "$T/two" || { ok "$1 changes what is decided (seed $seed)"; return; }
    done
    not_ok "$1 changes what is decided"
}
matters no_gate cycle.no_gate=true
matters regression_gate cycle.regression_gate=false
matters fixes_only_scoring cycle.fixes_only_scoring=true
matters append_only cycle.append_only=true
matters cluster_failures cycle.cluster_failures=false
matters blind_select cycle.blind_select=random
matters regression_budget gate.regression_budget=2
matters lambda "cycle.regression_gate=false gate.invalid_action_penalty=1" \
    "cycle.regression_gate=false gate.invalid_action_penalty=4"
done_testing
