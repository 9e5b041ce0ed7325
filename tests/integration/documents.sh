#!/bin/sh
# README.md and the tutorials do what they say: every ```sh and ```console block is run, in the order in which it
# stands, in a folder of the document's own; what a console block shows is compared with what is printed. What cannot
# be run says why in the line before it: <!-- not run: WHY -->
#
# In a console block "$ " begins a command; "..." stands for any text in a line, and alone for any lines. A command
# must succeed, but for one that ends in "# exits N". The home directory has the benchmark's repository as ~/GRASP
# (its files are those of a synthetic clinic), and localhost's usual ports stand for servers of this test.
#
#     DOCUMENTS="examples/tutorials/1-learn.md" tests/run build documents    # only that one
. "$(dirname "$0")/lib.sh"
unset GRASP_BACKEND OPENAI_API_KEY ANTHROPIC_API_KEY
PATH=$T/bin:$PATH HOME=$T/home
mkdir -p bin home/GRASP && ln -s "$GRASP" bin/grasp
export PATH HOME GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=Reader GIT_AUTHOR_EMAIL=reader@localhost \
    GIT_COMMITTER_NAME=Reader GIT_COMMITTER_EMAIL=reader@localhost

data=data/medagentbench
for v in 1 2; do
    name=MedAgentBench full=test_data_v2.json
    [ $v = 1 ] || { name=MedAgentBench-v2 full=new_patient_tasks.json; }
    "$GRASP" synth -q --benchmark v$v --out clinic$v >/dev/null || { not_ok "a clinic"; done_testing; }
    to=home/GRASP/benchmarks/$name/$data
    mkdir -p "$to" && cp clinic$v/tasks/split_*.json "$to"
    cp clinic$v/tasks/funcs.json "$to/funcs_v1.json" && cp clinic$v/tasks/all_tasks.json "$to/$full"
done
bg "$GRASP" fhir serve --port 0 --data clinic1/fhir --base http://localhost:8080/fhir >fhir.log 2>&1
bg "$GRASP" model serve --port 0 >model.log 2>&1
wait_line fhir.log 'listening on' && wait_line model.log 'listening on' || { cat fhir.log model.log; not_ok "servers"; done_testing; }
FHIR=$(sed -n 's|^listening on \(http://[^/]*\)/.*|\1|p' fhir.log) MODEL=$(sed -n 's|.*\(http://[0-9.:]*\).*|\1|p' model.log)
export OPENAI_BASE_URL="$MODEL/v1" ANTHROPIC_BASE_URL="$MODEL"

# pieces DOCUMENT DIR: N.cmd and, where output is shown, N.want; a line "N line what" of each on stdout
pieces() {
    awk -v dir="$2" '
        function flush() { if (n) { close(dir "/" n ".cmd"); close(dir "/" n ".want") } }
        function begin(what) { flush(); n++; print n, NR, what; printf "" >(dir "/" n ".cmd"); fresh = 0 }
        /^<!-- not run: .* -->$/ { why = $0; sub(/^<!-- not run: /, "", why); sub(/ -->$/, "", why); next }
        /^```/ {
            if (in_block) { in_block = 0; why = ""; next }
            in_block = 1; kind = substr($0, 4)
            if ((kind == "sh" || kind == "console") && why != "") { begin("not-run " why); kind = "" }
            more = 0
            next
        }
        !in_block && $0 != "" { why = "" }
        in_block && kind == "sh" {
            if (!more) { if ($0 ~ /^ *(#|$)/) next; begin("sh") }
            print >(dir "/" n ".cmd")
            more = /\\$/
        }
        in_block && kind == "console" {
            if (more) { print >(dir "/" n ".cmd") }
            else if (sub(/^\$ /, "")) { begin("console"); print >(dir "/" n ".cmd"); printf "" >(dir "/" n ".want") }
            else { print >(dir "/" n ".want"); next }
            more = /\\$/
        }' "$1"
}
# same GOT WANT: whether the lines are as shown
same() {
    awk '
        # line glob: "..." is any text
        function fits(line, glob,    parts, k, i, at) {
            k = split(glob, parts, /\.\.\./)
            if (k == 1) return line == glob
            if (substr(line, 1, length(parts[1])) != parts[1]) return 0
            line = substr(line, length(parts[1]) + 1)
            for (i = 2; i < k; i++) {
                if (!(at = index(line, parts[i]))) return 0
                line = substr(line, at + length(parts[i]))
            }
            return length(line) >= length(parts[k]) && substr(line, length(line) - length(parts[k]) + 1) == parts[k]
        }
        { sub(/[ \t]+$/, "") }
        FILENAME == ARGV[1] { got[++g] = $0; next }
        { want[++w] = $0 }
        END {
            i = 1
            for (j = 1; j <= w; j++) {
                if (want[j] ~ /^ *\.\.\.$/) { any = 1; continue }
                if (any) while (i <= g && !fits(got[i], want[j])) i++
                if (i > g || !fits(got[i], want[j])) { print "line " j ": " want[j]; print "is:     " (i > g ? "(no more)" : got[i]); exit 1 }
                i++; any = 0
            }
            if (!any && i <= g) { print "further: " got[i]; exit 1 }
        }' "$1" "$2"
}
# Addresses of these servers and back.
served() {
    sed -E "s#http://localhost:8080#$FHIR#g; s#http://localhost:(8000|8001|8081|11434)#$MODEL#g; s#https://[a-z.]*azure.com#$MODEL#g;
        s#grasp (fhir|model) serve#grasp \1 serve --port 0#g; s#-m gpt-oss-120b#-m simulated#"
}
as_written() { sed -e "s#$FHIR#http://localhost:8080#g; s#$MODEL#http://localhost:8000#g; s#$HOME/#~/#g; s#$PWD/##g"; }

document() {
    doc=$1 here=$T/$2
    mkdir -p "$here" "$here.d" && pieces "$ROOT/$doc" "$here.d" >"$here.d/index"
    cd "$here" || exit 1
    before=$!
    check "$doc: has commands" test -s "$here.d/index"
    while read -r n line what why; do
        at="$doc:$line"
        [ "$what" != not-run ] || { ok "$at is not run: $why"; continue; }
        served <"$here.d/$n.cmd" >"$here.d/$n.run"
        code=$(sed -n 's/.*# exits \([0-9]*\)$/\1/p' "$here.d/$n.cmd")
        # one shell for all of a document: what one block exports or where it goes, the next one finds
        # shellcheck disable=SC1090
        set +u
        got=0
        . "$here.d/$n.run" >"$here.d/$n.out" 2>"$here.d/$n.err" </dev/null || got=$?
        set -u
        if [ "$got" -ne "${code:-0}" ]; then
            not_ok "$at" "exit $got: $(cat "$here.d/$n.run")" "$(tail -n 5 "$here.d/$n.err")" "$(tail -n 5 "$here.d/$n.out")"
        elif [ "$what" = sh ]; then
            ok "$at"
        else
            as_written <"$here.d/$n.out" >"$here.d/$n.o" && as_written <"$here.d/$n.err" >"$here.d/$n.e"
            cat "$here.d/$n.e" "$here.d/$n.o" >"$here.d/$n.both"
            if same "$here.d/$n.o" "$here.d/$n.want" >"$here.d/$n.diff" || same "$here.d/$n.both" "$here.d/$n.want" >/dev/null
            then ok "$at"; else not_ok "$at" "$(cat "$here.d/$n.run")" "$(cat "$here.d/$n.diff")" "$(cat "$here.d/$n.both")"; fi
        fi
    done <"$here.d/index"
    [ "$!" = "$before" ] || BG="$BG $!"
    cd "$T" || exit 1
    # a command elsewhere than in such a block would not be run
    awk '/^```/ {code = !code; kind = code ? substr($0, 4) : ""; next}
        (code && kind !~ /^(sh|console)$/ || !code && /^    /) && /^ *\$? *(build\/)?grasp / {print FILENAME ":" FNR ": " $0}' \
        "$ROOT/$doc" >strays
    is "$doc: every command is in a block that is run" "$(cat strays)" ""
}
for d in ${DOCUMENTS:-$(cd "$ROOT" && ls README.md examples/tutorials/*.md)}; do
    document "$d" "in-$(basename "$d" .md)"
done

# --- the demo, and what it says to do then
mkdir in-demo in-demo/build && ln -s "$GRASP" in-demo/build/grasp && cd in-demo || exit 1
check "the demo" sh "$ROOT/examples/quickstart/demo.sh" build/grasp
sh "$ROOT/examples/quickstart/demo.sh" build/grasp >demo.out 2>&1
has "again, it pays nothing" demo.out "calls made 0;"
grep -E '^  (build/grasp|git|cd) ' demo.out >then
check "it says what to do then" test "$(wc -l <then)" -ge 6
while read -r line; do
    case $line in "cd "*) cd "${line#cd }" && continue ;; build/grasp\ init*) continue ;; build*) cd "$T/in-demo" || exit 1 ;; esac
    exits "$line" 0 sh -c "$line"
done <then
cd "$T" || exit 1
done_testing
