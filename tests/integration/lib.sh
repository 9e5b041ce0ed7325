# lib.sh - sourced by the integration tests. TAP on stdout.
#
#     . "$(dirname "$0")/lib.sh"
#     check "reads the file" "$GRASP" fhir load x.ndjson        # passes when the command succeeds
#     is "the count" "$(wc -l < out)" 3                         # passes when both are the same
#     has "names the key" err 'cycle.epoch'                     # passes when the file contains it
#     [ -d "$GRASP_SHARED/vectors" ] || skip_all "no shared vectors"
#     done_testing
#
# $T is a directory of its own that goes away at the end; background processes started with `bg` are
# ended there too.
set -u
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
: "${GRASP:=$ROOT/build/grasp}" "${GRASP_BUILD:=$ROOT/build}" "${GRASP_SHARED:=$ROOT/../shared}"
T=$(mktemp -d) || exit 1
N=0 BAD=0 BG=
cleanup() {
    for pid in $BG; do kill "$pid" 2>/dev/null; done
    for pid in $BG; do wait "$pid" 2>/dev/null; done
    cd / && rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
cd "$T" || exit 1

ok() { N=$((N + 1)); echo "ok $N - $1"; }
not_ok() {
    N=$((N + 1)) BAD=$((BAD + 1))
    echo "not ok $N - $1"
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}
skip() { N=$((N + 1)); echo "ok $N # SKIP $1: $2"; }
skip_all() { skip "$(basename "$0" .sh)" "$1"; done_testing; }
check() {
    label=$1; shift
    if "$@" >"$T/.out" 2>&1; then ok "$label"; else
        not_ok "$label" "exit $?: $*" "$(tail -n 20 "$T/.out")"; fi
}
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:      $2" "expected: $3"; fi; }
has() {
    if grep -qF -e "$3" "$2"; then ok "$1"; else
        not_ok "$1" "'$3' is not in $2:" "$(tail -n 20 "$2")"; fi
}
hasnt() {
    if grep -qF -e "$3" "$2"; then not_ok "$1" "'$3' is in $2:" "$(grep -F -e "$3" "$2" | head -n 5)"
    else ok "$1"; fi
}
# exits LABEL CODE COMMAND...: stdout to $T/out, stderr to $T/err
exits() {
    label=$1 want=$2; shift 2
    "$@" >"$T/out" 2>"$T/err"
    got=$?
    if [ $got -eq "$want" ]; then ok "$label"; else
        not_ok "$label" "exit $got, expected $want: $*" "$(tail -n 20 "$T/err")"; fi
}
bg() { "$@" & BG="$BG $!"; }
# wait_until SECONDS COMMAND...: until it succeeds, so long at most
wait_until() {
    tries=$(($1 * 50)); shift
    until "$@"; do tries=$((tries - 1)); [ $tries -ge 0 ] || return 1; sleep 0.02; done
}
# wait_line FILE TEXT: until a line holds TEXT (a started server says so), 20 s at most
wait_line() { wait_until 20 grep -qsF -e "$2" "$1" || { echo "# '$2' never came in $1"; return 1; }; }
done_testing() { echo "1..$N"; [ $BAD -eq 0 ]; exit $?; }
