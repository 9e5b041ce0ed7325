#!/bin/sh
# Wrong command lines: every command and subcommand.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
C=clinic/grasp.yaml
"$GRASP" synth -q --patients 60 --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

# --- command lines
usage "unknown split" "'vla' is none of dev" eval $C --split vla
usage "a revision of no library" "--library" eval $C --at best
usage "--set without a value" "needs key=value" eval $C --set cycle.epochs
usage "--set of an unknown key" "did you mean 'cycle.epochs'?" eval $C --set cycle.epoch=3
usage "--replay-only without a journal" "--journal" eval $C --replay-only
printf '%s\n' init learn eval run grade doctor report export transfer skills fhir model journal gate synth >commands
"$GRASP" --help >help 2>&1
while read -r c; do
    grep -q "^ *$c " help || continue
    exits "$c --help" 0 "$GRASP" "$c" --help
    has "$c --help: usage" out "grasp $c"
    subs=$("$GRASP" "$c" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -v '^$')
    for s in $subs; do
        "$GRASP" "$c" "$s" --help 2>/dev/null | grep -q "grasp $c $s" || continue
        usage "$c $s: unknown option" "--no-such-option" "$c" "$s" --no-such-option
        usage "$c $s: too many operands" "grasp $c $s" "$c" "$s" a b c d e f g h --no-such
        echo "$c $s" >>seen
    done
    grep -q "^$c " seen 2>/dev/null && { usage "$c alone" "needs a command" "$c"
        usage "$c and rubbish" "is not a command" "$c" rubbish; continue; }
    usage "$c: unknown option" "--no-such-option" "$c" --no-such-option
    case $c in init | synth) ;; *) usage "$c without operands" "needs" "$c" ;; esac
done <commands
check "commands with subcommands were found" grep -q '^skills list' seen
usage "nothing" "usage" # prints the overview
usage "no configuration" "learn needs CONFIG; see grasp learn --help (grasp init writes a configuration)" learn
usage "unknown command" "did you mean 'learn'" lern
done_testing
