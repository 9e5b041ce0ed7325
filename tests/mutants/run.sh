#!/bin/sh
# Takes one check after the other out of the graders and sees that the unit tests notice, on our own
# cases alone.
#     tests/mutants/run.sh [PATTERN]      only mutants whose name contains PATTERN
# The mutants are in graders.txt: NAME FILE SED-SCRIPT. On top of those, each row of each table of checks
# of the v1 orders is taken out in turn. A mutant that changes nothing or does not compile is an error;
# one that no test fails on has survived, and that is an error too.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
pattern=${1:-}
out=build/mutants
rm -rf "$out" && mkdir -p "$out" || exit 1
make -s build/tests/test_grader_v1 build/tests/test_grader_v2 >/dev/null || exit 1
libs=$(ls build/lib*.a)
deps=$(pkg-config --cflags --libs jansson libgit2 libcurl lmdb libmicrohttpd yaml-0.1 libzstd \
    libxxhash zlib libcrypto)
cc="${CC:-cc} -std=gnu11 -D_GNU_SOURCE -O0 -w -I. -Itests -pthread"
for t in test_grader_v1 test_grader_v2; do
    $cc -c -o "$out/$t.o" "tests/unit/$t.c" || exit 1
done

# The rows of the order tables, as mutants: "NAME FILE SED".
rows() {
    awk '/^const struct order_form order_/ { sub(/^const struct order_form /, ""); table = $1; row = 0 }
         table && /\{"[a-zA-Z]/ && /(TEXT|HOLDS|ONE|OBJECT|SUBJECT|REFERRAL|ROUTE|DOSE)/ {
             script = NR "d"
             if (!/},$/) script = NR "," NR + 2 "d"
             printf "v1-%s-row-%d probes/graders/grader_v1_orders.c %s\n", table, ++row, script }' \
        probes/graders/grader_v1_orders.c
}

caught=0 survived=0 broken=0
{ grep -v -e '^#' -e '^$' tests/mutants/graders.txt; rows; } >"$out/list"
while read -r name file script; do
    case $name in *"$pattern"*) ;; *) continue ;; esac
    sed -e "$script" "$file" >"$out/mutant.c"
    if cmp -s "$file" "$out/mutant.c"; then
        echo "BROKEN   $name: changes nothing in $file"
        broken=$((broken + 1))
        continue
    fi
    # The mutated object comes before the archives, so that its functions are the ones linked.
    if ! $cc -c -o "$out/mutant.o" "$out/mutant.c" 2>"$out/log"; then
        echo "BROKEN   $name: does not compile"
        head -3 "$out/log"
        broken=$((broken + 1))
        continue
    fi
    by=
    for t in test_grader_v1 test_grader_v2; do
        $cc -o "$out/$t" "$out/$t.o" "$out/mutant.o" -Wl,--start-group $libs -Wl,--end-group \
            -lcmocka $deps -lm 2>"$out/log" || { by="(does not link)"; head -3 "$out/log"; break; }
        GRASP_SHARED=/nonexistent timeout 60 "$out/$t" >"$out/log" 2>&1 ||
            by="$by $t $(sed -n 's/^# \(line [0-9]*\).*/\1/p' "$out/log" | head -1)"
    done
    case $by in
    '') echo "SURVIVED $name"; survived=$((survived + 1)) ;;
    '('*) echo "BROKEN   $name: $by"; broken=$((broken + 1)) ;;
    *) echo "caught   $name:$by"; caught=$((caught + 1)) ;;
    esac
done <"$out/list"
echo "$caught caught, $survived survived, $broken broken"
[ $survived -eq 0 ] && [ $broken -eq 0 ] && [ $caught -gt 0 ]
