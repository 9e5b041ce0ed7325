#!/bin/sh
# cost.sh - model calls of the paper's run (5 epochs, 4 proposals, 36 probes), with the simulated
# model: without journal and early stopping, with each, with both; and how much of the prompts is
# new to a prefix cache. Seeds 1 to COST_SEEDS (default 1), on MedAgentBench v1 where it is there
# and on a synthetic clinic.
. "$(dirname "$0")/../integration/lib.sh"
. "$ROOT/tests/learn_config.sh"

share() { awk "BEGIN { print 100 * $1 / $2 }"; }
calls() { # LABEL CONFIG OPTIONS...: calls made and fresh share, summed over the seeds
    label=$1 config=$2; shift 2
    made=0 chars=0 fresh=0 saved=0 trees=
    for seed in $(seq "${COST_SEEDS:-1}"); do
        rm -rf lib run
        "$GRASP" learn "$config" --library lib --run run -q --set cycle.seed="$seed" "$@" \
            >out 2>err || { cat err; exit 1; }
        made=$((made + $(jq .calls.total.calls_made run/run_summary.json)))
        chars=$((chars + $(jq .calls.total.prompt_chars run/run_summary.json)))
        fresh=$((fresh + $(jq .calls.total.prompt_chars_fresh run/run_summary.json)))
        saved=$((saved + $(jq .rollouts_saved_by_early_stop run/run_summary.json)))
        trees="$trees $(git -C lib rev-parse 'main^{tree}' | cut -c1-6)"
    done
    [ "$label" != neither ] || all=$made
    printf '%-12s %9d %6.1f %% %9d %8.1f %%  %s\n' "$label" "$made" \
        "$(share $made $all)" "$saved" "$(share $fresh $chars)" "$trees"
}

for config in $(learn_configs); do
    for inject in all top_k; do
        for c in 1 5 64; do
            echo "$config, skills.inject $inject, $c at once"
            echo 'with             calls  of all    stopped  fresh      trees of the libraries'
            set -- "$config" --set skills.inject=$inject --set cycle.batch_concurrency=$c
            calls neither "$@" --no-journal --set gate.early_stop=false
            calls journal "$@" --set gate.early_stop=false
            calls 'early stop' "$@" --no-journal
            calls both "$@"
        done
    done
done
