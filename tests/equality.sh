# equality.sh - sourced: what a run decides hangs on the model's answers alone. After lib.sh:
#
#     equality_prepare          # a synthetic clinic, two configurations: exact and noisy
#     equality FROM TO          # seeds; prints TAP
#
# For each seed the run with 64 at once, early stopping and a journal is held against: no early
# stopping, no journal, 1, 5 and 1000 at once.

equality_prepare() {
    "$GRASP" synth --patients 60 --seed 1 --out clinic >synth.log 2>&1 || { cat synth.log; exit 1; }
    for f in dev val test id_test; do
        jq ".[:${EQUALITY_TASKS:-40}]" "clinic/tasks/split_$f.json" >x.json &&
            mv x.json "clinic/tasks/split_$f.json"
    done
    sed -e 's/epochs: .*/epochs: 2/' -e 's/update_every: .*/update_every: 20/' \
        -e 's/grpo_k: .*/grpo_k: 3/' -e 's/grpo_eval_n: .*/grpo_eval_n: 16/' \
        clinic/grasp.yaml >clinic/exact.yaml
    sed -e '/^  temperature:/d' clinic/exact.yaml >clinic/noisy.yaml
    printf 'sim: {noise: 0.1, seed: 7}\n' >>clinic/noisy.yaml
    export SOURCE_DATE_EPOCH=1700000000
}

# What was decided: commits of the branch, trees of the candidates, scores. The run's name and the
# ids that follow from it are taken out when it differs.
equality_decided() { # DIR
    name=$(jq -r .run "$1/run/run.json")
    {
        git -C "$1/library" log --format='%T%n%B' main
        git -C "$1/library" for-each-ref --format='%(refname) %(tree)' refs/grasp/candidates
        jq 'map(del(.commit))' "$1/run/val_scores.json"
        cat "$1/run/test_scores.json"
    } | sed -e "s/$name/RUN/g" -e '/^Restores: /d'
}

equality_run() { # DIR CONFIG SEED OPTIONS...
    dir=$1 config=$2 seed=$3; shift 3
    rm -rf "$dir"; mkdir "$dir"
    (cd "$dir" && exec "$GRASP" learn "../clinic/$config.yaml" --library library --run run -q \
        --set "cycle.seed=$seed" "$@") >"$dir.out" 2>"$dir.err" ||
        { echo "seed $seed $config $*: exit $?"; tail -n 5 "$dir.err"; return 1; }
}

equality_seed() { # CONFIG SEED
    equality_run base "$1" "$2" --set cycle.batch_concurrency=64 || return 1
    equality_decided base >base.txt
    head=$(git -C base/library rev-parse main)
    for variant in 'gate.early_stop=false' 'no-journal' 'cycle.batch_concurrency=1' \
        'cycle.batch_concurrency=5' 'cycle.batch_concurrency=1000'; do
        case $variant in
        no-journal) set -- "$1" "$2" --set cycle.batch_concurrency=64 --no-journal ;;
        gate*) set -- "$1" "$2" --set cycle.batch_concurrency=64 --set "$variant" ;;
        *) set -- "$1" "$2" --set "$variant" ;;
        esac
        equality_run other "$@" || return 1
        equality_decided other >other.txt
        diff base.txt other.txt || { echo "seed $2, $1: $variant differs"; return 1; }
        case $variant in gate*) continue ;; esac
        [ "$(git -C other/library rev-parse main)" = "$head" ] ||
            { echo "seed $2, $1, $variant: other commits"; return 1; }
    done
    ACCEPTED=$((ACCEPTED + $(git -C base/library log --format=%s main | grep -c '^\(ADD\|MODIFY\|REMOVE\)')))
}

equality() { # FROM TO
    for config in exact noisy; do
        seed=$1 ACCEPTED=0
        while [ "$seed" -le "$2" ]; do
            equality_seed $config "$seed" >equality.log 2>&1 || {
                not_ok "$config, seed $seed: the same decisions" "$(tail -n 30 equality.log)"; return; }
            seed=$((seed + 1))
        done
        ok "$config: seeds $1 to $2, six ways each, the same decisions ($ACCEPTED edits accepted)"
        [ $ACCEPTED -gt 0 ] || not_ok "$config: something was decided"
    done
}
