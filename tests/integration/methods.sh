#!/bin/sh
# The methods that GRASP is compared with, on the synthetic clinic with the simulated model: each
# learns, is looked at and goes on after it was stopped, as GRASP does.
. "$(dirname "$0")/lib.sh"

"$GRASP" synth --patients 300 --seed 1 --out clinic >/dev/null || exit 1
learn() { # learn NAME ARGUMENTS...
    name=$1; shift
    "$GRASP" learn clinic/grasp.yaml --library "$name/library" --run "$name/run" \
        --insist --set cycle.epochs=2 "$@" >"$name.out" 2>"$name.err"
}
trees() { git -C "$1/library" log --format='%T %s'; }
score() { jq ".id_test.$2.score" "$1/run/test_scores.json"; }
isnt() { if [ "$2" != "$3" ]; then ok "$1"; else not_ok "$1" "both are $2"; fi; }
higher() { # higher LABEL A B: A is more than B
    if [ "$(jq -n "$2 > $3")" = true ]; then ok "$1"; else not_ok "$1" "$2 is not more than $3"; fi
}

learn none --set method=none
is 'none: scores without skills' "$(jq -c '[.id_test, .test | .baseline == .best]' none/run/test_scores.json)" \
    '[true,true]'
is 'none: nothing is learned' "$(trees none | wc -l)" 1
is 'none: nothing but a baseline on val' "$(jq -c 'map(.epoch)' none/run/val_scores.json)" '["baseline"]'
is 'none: the summary names it' "$(jq -r .method none/run/run_summary.json)" none

for m in seq_memory batch_memory expel evo_memory skillx; do
    d=$(echo $m | tr _ -)
    for f in published repaired; do
        learn $m-$f --set method=$m --set method.fidelity=$f
        is "$m, $f: learns to the end" "$(jq -r '.status, .method, .fidelity' $m-$f/run/run_summary.json | paste -sd' ')" \
            "done $m $f"
        isnt "$m, $f: what it learned matters" "$(score $m-$f best)" "$(score $m-$f baseline)"
        check "$m, $f: the history holds" "$GRASP" skills verify $m-$f/library
        has "$m, $f: verify says what it is" .out "what the method $m ($f) keeps"
    done
    higher "$m: what it learned helps" "$(score $m-published best)" "$(score $m-published baseline)"
    is "$m: the baseline is the one without it" "$(score $m-published baseline)" "$(score none baseline)"
    check "$m: the log" "$GRASP" skills log $m-published/library
    has "$m: the log says how much is kept" .out "ADD $d: "
    check "$m: the document is shown" "$GRASP" skills show $m-published/library $d
    has "$m: ... and what it is" .out "It is no skill"
    learn $m-slow --set method=$m --set cycle.batch_concurrency=1
    is "$m: the same whatever the concurrency" "$(trees $m-slow)" "$(trees $m-published)"
    learn $m-stopped --set method=$m --set budget.calls=900
    is "$m: a budget stops it" $? 3
    learn $m-stopped --set method=$m
    is "$m: ... and it goes on to the same" "$(trees $m-stopped)" "$(trees $m-published)"
    is "$m: ... with the same scores" "$(jq -c . $m-stopped/run/test_scores.json)" \
        "$(jq -c . $m-published/run/test_scores.json)"
done

# Frozen and transferred as a library is.
check 'a memory is frozen' "$GRASP" skills freeze seq_memory-published/library --name notes-1 \
    --run seq_memory-published/run
check '... and holds' "$GRASP" skills freeze seq_memory-published/library --check notes-1
check '... and is tried on another model' "$GRASP" transfer clinic/grasp.yaml --library \
    seq_memory-published/library --at notes-1 --to simulated:weak --split id_test --out weak --json
[ -s weak/transfer.json ] && ok '... with its scores' || not_ok '... with its scores'
check 'eval takes it' "$GRASP" eval clinic/grasp.yaml --split id_test --library \
    seq_memory-published/library --at best --out eval
is '... and scores as the run did' "$(jq .score eval/id_test/test_score.json)" \
    "$(score seq_memory-published best)"

check 'the report' "$GRASP" report expel-repaired/run --out page.html
has '... names the method' page.html 'method expel (repaired)'
is '... and the interval of each score' "$(grep -cE 'class="all".*( of [0-9]+, [0-9]+ to [0-9]+<.*){2}' page.html)" 2
has '... and what changed' page.html 'rules, unmeasured'

# In a matrix: arms say which of both they are.
exits 'methods side by side' 0 "$GRASP" compare clinic/grasp.yaml \
    --methods none,seq_memory,expel:repaired --set cycle.epochs=1 --out matrix -q
has '... as released' out 'seq_memory-published'
has '... and as they say' out 'expel-repaired'
usage 'a method that there is not' "'expel:new' is none of grasp, none, seq_memory" \
    compare clinic/grasp.yaml --methods expel:new --out x
usage 'one that has no other side' "'grasp:repaired' is none of" \
    compare clinic/grasp.yaml --methods grasp:repaired --out x

# Killed while it learns, it goes on to the same.
"$GRASP" learn clinic/grasp.yaml --library killed/library --run killed/run --set method=evo_memory \
    --set cycle.epochs=2 --set sim.latency_ms=2 -q >killed.out 2>&1 &
pid=$!
begun() { [ "$(git -C killed/library rev-list --count HEAD 2>/dev/null || echo 0)" -ge 3 ]; }
wait_until 60 begun && kill -9 $pid
wait $pid 2>/dev/null
isnt 'killed before its end' "$(ls killed/run/run_summary.json 2>/dev/null)" killed/run/run_summary.json
learn killed --set method=evo_memory
is '... and the same at last' "$(trees killed)" "$(trees evo_memory-published)"

# What does not fit is refused.
bad 'an unknown method' 'method.name must be one of grasp none seq_memory batch_memory expel evo_memory skillx' \
    learn clinic/grasp.yaml --set method=expell
bad 'an unknown fidelity' 'method.fidelity must be one of published repaired' \
    learn clinic/grasp.yaml --set method.fidelity=exact
bad "another method's library" 'holds what another method keeps; the method batch_memory (published)' \
    learn clinic/grasp.yaml --library seq_memory-published/library --run other --set method=batch_memory
bad "the same method's with another fidelity" 'the method seq_memory (repaired) needs one of its own' \
    learn clinic/grasp.yaml --library seq_memory-published/library --run other2 --set method=seq_memory \
    --set method.fidelity=repaired
bad "a method's library for GRASP" 'the method grasp (published) needs one of its own' \
    learn clinic/grasp.yaml --library seq_memory-published/library --run other3
printf 'method: {name: seq_memory, fidelity: repaired}\n' | cat - clinic/grasp.yaml >clinic/both.yaml
check 'both keys in a file' "$GRASP" learn clinic/both.yaml --dry-run
has '... are said in the plan' .out 'method seq_memory (repaired)'
printf 'method: batch_memory\n' | cat - clinic/grasp.yaml >clinic/one.yaml
check 'the name alone' "$GRASP" learn clinic/one.yaml --dry-run
has '... is enough' .out 'method batch_memory (published)'
done_testing
