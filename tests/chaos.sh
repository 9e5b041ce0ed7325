# chaos.sh - sourced: a learning run that is killed again and again, and runs into a full disk, must
# end like one that was left alone. After lib.sh:
#
#     chaos KILLS SEED      # prints TAP; needs a C compiler and x86-64 Linux, else skips
#
# CHAOS_FLIGHT=64 has so many rollouts in flight (default 1), CHAOS_FAIL=0.02 that share of the
# model's answers fail. CHAOS_AHEAD=1 leaves calls ahead on: what is not wanted then is paid
# and in the journal beside the rest, so that calls are not counted.
# CHAOS_SERVE="--latency lognormal:80,1 --faults hang" is added to the server's
# options: late answers are asked for twice.
#
# Rounds of one run each: start it to die at a random system call that changes a file (in the middle
# of a write, of git's or LMDB's work), start it again, until it ends; then hold what it left
# against the undisturbed run. One start in six meets a full disk instead.

# what a run leaves, with what may differ taken out: wall-clock figures and counts of the process
chaos_files() { # DIR
    (cd "$1" && find run -type f ! -path 'run/journal/*' ! -name run.log ! -name run_summary.json ! -name spent.json \
        ! -name status.json ! -name run.json ! -name config.yaml | sort | xargs sha256sum
        grep -v speculate: run/config.yaml
        jq -S 'del(.library)' run/run.json
        jq -S 'del(.seconds, .cpu_seconds, .calls, .endpoint, .spent, .ahead)' run/run_summary.json)
}
chaos_refs() { git -C "$1/library" for-each-ref --format='%(objectname) %(refname)'; }
chaos_keys() { "$GRASP" journal export "$1/run" | jq -r .key | sort; }
chaos_learn() { # DIR [KILL_AT ARGS]: one start, exit status in $STATUS; what is asked ahead hangs on the clock
    dir=$1; shift
    set -- "$@" "$GRASP" learn ../clinic/c.yaml --library library --run run -q
    [ "${CHAOS_AHEAD:-}" ] && [ "$dir" != calm ] ||
        set -- "$@" --set model.speculate=0
    (cd "$dir" && exec "$@") \
        >"$dir.out" 2>"$dir.err"
    STATUS=$?
}
chaos_random() { # MOST: 1..MOST into $RANDOM_N, the same numbers for a seed
    CHAOS_STATE=$(((CHAOS_STATE * 1103515245 + 12345) % 2147483648))
    RANDOM_N=$((CHAOS_STATE / 8 % $1 + 1))
}

chaos_prepare() {
    ${CC:-cc} -O1 -o kill_at "$ROOT/tests/kill_at.c" 2>cc.err || { skip "chaos" "no C compiler"; return 1; }
    ./kill_at 0 true || { skip "chaos" "no tracing of processes here"; return 1; }
    "$GRASP" synth --patients 60 --seed 1 --out clinic >synth.log 2>&1 || { cat synth.log; exit 1; }
    bg "$GRASP" model serve --port 0 --noise 0.05 --fail "${CHAOS_FAIL:-0}" --faults 500,cut \
        ${CHAOS_SERVE:-} >serve.log 2>serve.err
    CHAOS_SERVER=$!
    wait_line serve.log "listening on" || { not_ok "the model's server starts"; return 1; }
    url=$(sed -n 's/^listening on //p' serve.log)
    sed -e "s|^  kind: simulated.*|  kind: openai\n  base_url: $url\n  name: simulated|" \
        -e 's/epochs: .*/epochs: 2/' -e 's/update_every: .*/update_every: 20/' \
        -e "s/batch_concurrency: .*/batch_concurrency: ${CHAOS_FLIGHT:-1}/" -e 's/grpo_k: .*/grpo_k: 2/' \
        -e 's/grpo_eval_n: .*/grpo_eval_n: 12/' clinic/grasp.yaml >clinic/c.yaml
    for f in dev val test id_test; do # a small part of the tasks is enough
        jq '.[:40]' "clinic/tasks/split_$f.json" >x.json && mv x.json "clinic/tasks/split_$f.json"
    done
    export SOURCE_DATE_EPOCH=1700000000
    mkdir calm
    chaos_learn calm ../kill_at -c ../calm.count 0
    is "the undisturbed run ends" "$STATUS" 0
    chaos_files calm >calm.files; chaos_refs calm >calm.refs; chaos_keys calm >calm.keys
    CALM_CALLS=$(jq .calls.total.calls_made calm/run/run_summary.json)
    is "its calls are in the journal" "$(wc -l <calm.keys)" "$CALM_CALLS"
}

chaos_round() { # DIR: one run to its end; counts in $KILLS and $FULL
    mkdir "$1"
    most=$(cat calm.count) starts=0
    while :; do
        chaos_random "$most"; at=$RANDOM_N
        chaos_random 6; flags=
        [ $RANDOM_N -gt 1 ] || flags=-e
        starts=$((starts + 1))
        [ $starts -lt 40 ] || at=0
        chaos_learn "$1" ../kill_at $flags $at
        case "$flags$STATUS" in
        0 | -e0) return 0 ;;
        137) KILLS=$((KILLS + 1)) ;;
        -e*) FULL=$((FULL + 1)) ;;
        *) echo "start $starts, killed at $at: exit $STATUS"; cat "$1.err"; return 1 ;;
        esac
    done
}

chaos_answers() { # in the journal: those of the calm run, and what was asked ahead
    if [ "${CHAOS_AHEAD:-}" ]; then [ -z "$(comm -23 calm.keys now.keys)" ]
    else diff calm.keys now.keys; fi
}
chaos_same() { # DIR
    chaos_files "$1" >now.files; chaos_refs "$1" >now.refs; chaos_keys "$1" >now.keys
    diff calm.refs now.refs && diff calm.files now.files && chaos_answers &&
        git -C "$1/library" fsck --strict --no-dangling 2>&1 &&
        [ -z "$(git -C "$1/library" status --porcelain)" ]
}

chaos() { # KILLS SEED
    want=$1 CHAOS_STATE=$2 KILLS=0 FULL=0 rounds=0
    chaos_prepare || return 0
    while [ $KILLS -lt "$want" ]; do
        rounds=$((rounds + 1))
        if chaos_round "round$rounds" >round.log 2>&1 && chaos_same "round$rounds" >>round.log 2>&1
        then rm -rf "round$rounds"
        else
            not_ok "round $rounds (seed $2) ends like the undisturbed run" "$(tail -n 40 round.log)"
            return 0
        fi
    done
    ok "$KILLS kills and $FULL full disks in $rounds runs: refs, notes, files, journal as undisturbed"
    kill -INT $CHAOS_SERVER; wait $CHAOS_SERVER
    answered=$(sed -n 's/ calls answered.*//p' serve.log)
    again=$((answered - CALM_CALLS * (rounds + 1)))
    [ ! "${CHAOS_AHEAD:-}" ] || { echo "# $again of $answered calls beyond those of undisturbed runs"; return 0; }
    twice=0 # hedges, and what was lost
    [ -z "${CHAOS_SERVE:-}" ] || twice=$((answered / 8))
    # at most a call of each rollout and grpo_k calls of the writer are in flight when a process dies
    if [ $again -ge 0 ] && [ $again -le $(((${CHAOS_FLIGHT:-1} + 2) * (KILLS + FULL) + twice)) ]
    then ok "$again of $answered calls were in flight at one of them and paid again, no other"
    else not_ok "no call is paid twice" "$again calls too many of $answered, $KILLS kills"; fi
}
