# sim_learning.sh - what the gate is worth with the simulated model, on a synthetic clinic: a gated run
# accepts some edits, refuses more and gains; the same run without the gate ends clearly lower.
. "$(dirname "$0")/lib.sh"

check "a clinic" "$GRASP" synth --patients 150 --seed 1 --out "$T/clinic"

# learn NAME SETTING: learns into $T/NAME; $T/NAME.out has the summary
learn() {
    check "a run with $2" sh -c '"$1" learn "$2/clinic/grasp.yaml" --library "$2/$3-library" \
        --run "$2/$3" --set "$4" >"$2/$3.out" 2>&1' - "$GRASP" "$T" "$1" "$2"
}
last() { jq '[.[] | select(.epoch != "baseline")][-1].score * 1000 | floor' "$T/$1/val_scores.json"; }
learn gated cycle.no_gate=false
learn ungated cycle.no_gate=true

base=$(jq '.[0].score * 1000 | floor' "$T/gated/val_scores.json")
gated=$(last gated) ungated=$(last ungated)
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
done_testing
