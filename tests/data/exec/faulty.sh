#!/bin/sh
# faulty.sh DIR SECONDS - a world for tests (protocol 1) whose tasks say what goes wrong with it: the
# task's `fault` is done at the first step. It says correct to whatever is answered. Several
# episodes live in one process: those beside a fault must not suffer. Its process ids go to DIR/pids;
# it hangs for SECONDS.
dir=${1:-} long=${2:-1000}
fault_of() { # EPISODE
    case $faults in *" $1="*) f=${faults#*" $1="}; echo "${f%% *}" ;; esac
}
member() { # NAME: a number or a simple string of $line
    case $line in *"\"$1\":"*) v=${line#*"\"$1\":"}; v=${v#\"}; echo "${v%%[,\"\}]*}" ;; esac
}
say() { printf '{"id":%s,%s}\n' "$id" "$1"; }
faults=' '
[ -z "$dir" ] || echo $$ >>"$dir/pids"
while read -r line; do
    id=$(member id) op=$(member op) episode=$(member episode)
    case $op in
    hello) say '"protocol":1,"name":"faulty","episodes":4' ;;
    start)
        faults="$faults$episode=$(member fault) "
        case $(fault_of "$episode") in
        start-dies) exit 4 ;;
        start-error) say '"error":"this task is broken"' ;;
        start-outage) say '"outage":"the database is away"' ;;
        *) say '"api":{"functions":[{"form":"READ <what>"},{"form":"ANSWER <value>"}]},"response_format":"READ or ANSWER"' ;;
        esac ;;
    step)
        case $(fault_of "$episode") in
        hang) setsid sh -c "sleep $long & exec setsid sleep $long" & sleep "$long" &
            echo hanging >"$dir/hangs"; sleep "$long" ;;
        dies) echo 'out of luck' >&2; exit 3 ;;
        killed) kill -9 $$ ;;
        floods) yes flood | tr -d '\n' ;;
        lines) yes '{"id":1,"observation":"x"}' ;;
        rubbish) echo 'Traceback (most recent call last):' ;;
        wrong-id) id=0; say '"observation":"x"' ;;
        both) say '"observation":"x","done":true' ;;
        twice) say '"observation":{"value":42}'; say '"observation":{"value":42}' ;;
        stdin) say '"observation":{"value":42}'; exec 0<&-; sleep "$long" ;;
        stdout) exec 1>&-; sleep "$long" ;;
        forks) sleep "$long" & setsid sleep "$long" & setsid sh -c "sleep $long & exit 0" & exit 0 ;;
        chatters) yes 'a line on stderr, as long as it is of no use' | head -c 3000000 >&2
            say '"done":true,"answer":"42"' ;;
        once) if [ -e "$dir/once" ]; then say '"done":true,"answer":"42"'; else : >"$dir/once"; exit 5; fi ;;
        invalid) say '"invalid":"not like this"' ;;
        *) case $line in
            *'"reply":"ANSWER'*) say '"done":true,"answer":"42"' ;;
            *) say '"observation":{"value":42},"action":"read it"' ;;
            esac ;;
        esac ;;
    grade) say '"correct":true,"reason":"ok","tags":["easy"]' ;;
    esac
done
