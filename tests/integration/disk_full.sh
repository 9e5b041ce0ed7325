#!/bin/sh
# A disk that fills up in the middle of a learning run: an error that says so, nothing half applied,
# and with more room the same command goes on. Needs user namespaces for a small tmpfs.
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND
export SOURCE_DATE_EPOCH=1700000000 GIT_CONFIG_NOSYSTEM=1 HOME="$T"
C=clinic/grasp.yaml
"$GRASP" synth -q --out clinic >/dev/null || { not_ok "a clinic"; done_testing; }

exits "standard output is full" 1 sh -c "'$GRASP' eval $C -q >/dev/full"
has "said" err "cannot write to standard output"
# a limit for file sizes strikes where a full disk would, also where nothing may be mounted
exits "a file size limit" 1 sh -c "ulimit -f 8; '$GRASP' eval $C -q --out limited --set fhir.load=[] \
    --set fhir.store=$T/none 2>err2; r=\$?; cat err2 >&2; exit \$r"
hasnt "is no crash" err "exceeded"

mkdir small
cat >inside.sh <<'END'
mount -t tmpfs -o size=48k tmpfs small || exit 77
"$GRASP" eval $C --split val --out small/o -q >out 2>err; echo "eval $?" >>codes
ls small/o/val >eval_left
mount -o remount,size=3m small
"$GRASP" learn $C --library small/lib --run small/run -q >out 2>lerr; echo "learn $?" >>codes
git -C small/lib fsck --full --strict >fsck 2>&1; echo "fsck $?" >>codes
git -C small/lib status --porcelain >status
mount -o remount,size=100m small
"$GRASP" learn $C --library small/lib --run small/run -q >out 2>err2; echo "again $?" >>codes
git -C small/lib rev-parse 'best^{tree}' >best
mkdir tiny && mount -t tmpfs -o size=64k tmpfs tiny || exit 77
for room in 0 4 12 28 36 44; do # LMDB writes its lock file as memory
    head -c $((65536 - room * 1024)) /dev/zero >tiny/fill
    "$GRASP" eval $C --split val --journal tiny/j -q >out 2>err3; echo "eval $?" >>made
    rm -rf tiny/j
    "$GRASP" fhir load clinic/fhir --store tiny/s -q >out 2>err3; echo "load $?" >>made
    rm -rf tiny/s
done
END
export C
unshare -rm sh inside.sh >ns 2>&1
[ -s codes ] || { skip "a full file system" "mounting is not allowed here"; done_testing; }
is "eval fails, learn fails, its library is sound, with more room it goes on" \
    "$(tr '\n' ' ' <codes)" "eval 1 learn 1 fsck 0 again 0 "
has "eval says why" err "No space left on device"
is "a journal or a store that there is no room for is no crash" "$(sort -u made | tr '\n' ' ')" "eval 1 load 1 "
is "no file is left half written" "$(cat eval_left)" ""
has "learn says why" lerr "No space left on device"
is "the working tree is clean" "$(cat status)" ""
check "a run with room from the start" "$GRASP" learn $C --library lib --run run -q
is "ends in the same library" "$(git -C lib rev-parse 'best^{tree}')" "$(cat best)"
done_testing
