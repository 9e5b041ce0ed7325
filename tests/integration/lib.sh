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
# gone COMMAND...: with a pipe on stdout that nobody reads any more; $code, stderr to $T/err
gone() {
    rm -f "$T/.fifo"; mkfifo "$T/.fifo"
    ( exec 3<>"$T/.fifo" 4>"$T/.fifo" 3>&-; "$@" >&4 2>"$T/err" )
    code=$?
}
# bad LABEL TEXT ARGUMENTS...: grasp fails with 1, the message holds TEXT; usage: with 2, wrong usage
bad() {
    label=$1 text=$2; shift 2
    exits "$label" 1 "$GRASP" "$@"
    has "$label: said" err "$text"
}
usage() {
    label=$1 text=$2; shift 2
    exits "$label" 2 "$GRASP" "$@"
    has "$label: said" err "$text"
}
bg() { "$@" & BG="$BG $!"; }
# wait_until SECONDS COMMAND...: until it succeeds, so long at most
wait_until() {
    tries=$(($1 * 50)); shift
    until "$@"; do tries=$((tries - 1)); [ $tries -ge 0 ] || return 1; sleep 0.02; done
}
end_now() { # PID: signals until it is gone, as somebody who does not wait for calls in flight; its exit status
    ending=$1
    gone() { kill -TERM "$ending" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$ending/status" 2>/dev/null && return 1; return 0; }
    wait_until 20 gone
    wait "$ending" 2>/dev/null
}
# wait_line FILE TEXT: until a line holds TEXT (a started server says so), 20 s at most
wait_line() { wait_until 20 grep -qsF -e "$2" "$1" || { echo "# '$2' never came in $1"; return 1; }; }
# scripted: the endpoint that answers by rules (tests/tools/endpoint.c) as $endpoint, a clinic as $C.
scripted() {
    endpoint="$GRASP_BUILD/tools/endpoint"
    [ -x "$endpoint" ] || skip_all "$endpoint is not built (make test builds it)"
    C=clinic/grasp.yaml ENDPOINT=
    "$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }
}
# scripted_serve RULE...: one, in the place of the one before; base URL in $URL, a line a request in ep.log,
# the requests themselves in $T/requests
scripted_serve() {
    [ -z "$ENDPOINT" ] || kill "$ENDPOINT"
    : >ep.log
    bg env ENDPOINT_KEEP="$T/requests" "$endpoint" "$@" >ep.log 2>ep.err
    ENDPOINT=$!
    wait_line ep.log "listening on" || cat ep.err
    URL=$(sed -n 's/^listening on //p' ep.log)
}
# learned: a library that two epochs of the simulated model made, in $T/lib (run directory $T/run,
# configuration $CONFIG): on a synthetic clinic, or on the shared one. S is `grasp skills`, G git in it.
learned_config() {
    if "$GRASP" synth --help >/dev/null 2>&1 &&
        "$GRASP" synth --patients 120 --seed 1 --out clinic >synth.log 2>&1; then
        CONFIG=$T/clinic/grasp.yaml
        return 0
    fi
    m=$GRASP_SHARED/medagentbench/v1 c=$GRASP_SHARED/vectors/clinic_v1
    [ -d "$m" ] && [ -d "$c" ] || return 1
    cat >c.yaml <<END
model: {kind: simulated}
cycle: {update_every: 48, grpo_k: 4, grpo_eval_n: 36, seed: 1, proposal_temperature: 1}
data: {dev: $m/split_dev.json, val: $m/split_val.json, full: $m/test_data_v2.json, funcs: $m/funcs_v1.json}
benchmark: {version: v1}
fhir: {load: [$c/Patient.ndjson, $c/Observation.ndjson]}
END
    CONFIG=$T/c.yaml
}
learned() {
    learned_config || skip_all "neither grasp synth nor the shared clinic"
    "$GRASP" learn "$CONFIG" --set cycle.epochs=2 --set cycle.batch_concurrency=32 --library lib \
        --run run >learn.log 2>&1 || { cat learn.log; not_ok "a learning run"; done_testing; }
}
S() { sub=$1; shift; "$GRASP" skills "$sub" "$@"; }
G() { git -C lib "$@"; }
done_testing() { echo "1..$N"; [ $BAD -eq 0 ]; exit $?; }
