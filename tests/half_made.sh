# half_made.sh - sourced: commands that change files, killed at every system call that does, and with
# the disk full from each of them on; the same command again must end as if nothing had happened, and
# leave nothing else behind. HALF_TABLE=FILE: a line for each try: command, fault, what the user sees,
# the files that are there then. After lib.sh:
#
#     half_made_tools || skip_all ...
#     half_made NAME PREPARE COMMAND STATE     # prints TAP
#
# In a fresh directory PREPARE makes what COMMAND starts from; COMMAND runs the program behind "$@"
# (kill_at, or nothing); STATE prints what it left. HALF_POINTS=N tries N points of each command,
# spread over all of them from HALF_SEED on (0: every one); HALF_AT="7 8": only these.

half_made_tools() {
    export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" # the leak check does not work in a traced process
    ${CC:-cc} -O1 -o "$T/kill_at" "$ROOT/tests/kill_at.c" 2>cc.err || { half_why='no C compiler'; return 1; }
    ./kill_at 0 true || { half_why='no tracing of processes here'; return 1; }
    export SOURCE_DATE_EPOCH=1700000000
}

half_fresh() { # PREPARE
    rm -rf "$T/half" "$T"/clinic*/.grasp && mkdir "$T/half" && cd "$T/half" && "$1"
}

half_made_once() { # FLAG POINT: one try in a fresh directory; says what is wrong
    half_fresh "$prepare" || { echo 'cannot be prepared'; return 1; }
    "$command" "$T/kill_at" $1 "$2" >"$T/half.out" 2>"$T/half.err"
    half_status=$?
    [ -z "${HALF_TABLE:-}" ] || printf '%s | %s %s of %s | exit %s%s | %s\n' "$name" \
        "$([ -z "$1" ] && echo 'killed at' || echo 'disk full from')" "$2" "$most" $half_status \
        "$(tail -n 1 "$T/half.err" | sed "s|$T/half/||g; s/^grasp: error/, said/")" \
        "$(find . -path '*/.git' -prune -o -type f -print | sed 's|^\./||' | LC_ALL=C sort | head -n 12 | tr '\n' ' ')" \
        >>"$HALF_TABLE"
    if [ -z "$1" ] && [ $half_status -ne 137 ]; then
        echo "exit $half_status, not killed"; return 1
    fi
    # a full disk is an error like another: exit 1 or 3 and a word about it, or nobody noticed
    case $1$half_status in
    -e0 | -e1 | -e3) ;;
    -e*) echo "with a full disk: exit $half_status: $(tail -n 2 "$T/half.err")"; return 1 ;;
    esac
    if [ "$1$half_status" = -e1 ] && ! grep -q -e 'No space left' -e 'disk' "$T/half.err" "$T/half.out"; then
        echo "with a full disk: does not say so: $(tail -n 2 "$T/half.err")"; return 1
    fi
    "$command" >"$T/half.out" 2>"$T/half.err"
    half_status=$?
    if [ $half_status -ne 0 ]; then
        echo "again: exit $half_status: $(tail -n 3 "$T/half.err")"; return 1
    fi
    "$state" >"$T/half.state" 2>&1
    diff "$T/half.calm" "$T/half.state" >"$T/half.diff" || { head -n 6 "$T/half.diff"; return 1; }
}

half_made() {
    name=$1 prepare=$2 command=$3 state=$4
    half_fresh "$prepare"
    "$command" "$T/kill_at" -c "$T/half.count" 0 >"$T/half.out" 2>"$T/half.err" ||
        { not_ok "$name: undisturbed" "$(cat "$T/half.err")"; cd "$T"; return; }
    "$state" >"$T/half.calm" 2>&1
    most=$(cat "$T/half.count") points=${HALF_POINTS:-0} n=0 bad=0 tried=0
    [ "$points" -gt 0 ] && [ "$points" -lt "$most" ] || points=$most
    while [ $n -lt "$points" ]; do
        # one point of each of so many equal parts
        low=$((n * most / points + 1)) high=$(((n + 1) * most / points))
        at=$((low + (n * 7919 + ${HALF_SEED:-1} * 104729) % (high - low + 1)))
        n=$((n + 1))
        case " ${HALF_AT:-$at} " in *" $at "*) ;; *) continue ;; esac
        for flag in '' -e; do
            tried=$((tried + 1))
            if ! half_made_once "$flag" $at >"$T/half.why" 2>&1; then
                bad=$((bad + 1))
                [ $bad -gt 12 ] || sed "s/^/# $name, ${flag:-kill} at $at: /" "$T/half.why"
            fi
        done
    done
    cd "$T"
    is "$name: $points of $most points, killed and with a full disk: nothing half-made stays" "$bad of $tried" "0 of $tried"
}

# ---- what is left ----

half_files() { # every file but git's objects and logs, a journal's and a store's own
    find . \( -path '*/.git/objects' -o -path '*/journal' -o -name '*.db' -o -name spent.json \) -prune -o -type f -print | LC_ALL=C sort
}
half_library() { # DIR
    git -C "$1" for-each-ref --format='%(objectname) %(refname)'
    git -C "$1" rev-parse --symbolic-full-name HEAD
    git -C "$1" status --porcelain
    git -C "$1" fsck --strict --no-dangling 2>&1
}
