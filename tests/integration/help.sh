#!/bin/sh
# What `grasp help` knows: configuration keys, man pages, completions; and readers who stop reading.
. "$(dirname "$0")/lib.sh"

# --- keys
exits "a key" 0 "$GRASP" help cycle.epochs
has "its bounds" out "whole number, 0 to 1000"
has "its default" out "default  5"
exits "a key of the writer" 0 "$GRASP" help writer.temperature
has "falls back on the model's" out "default  the model's"
exits "another name of a key" 0 "$GRASP" help cycle.repeats
has "says which" out "another name of gate.repeats"
exits "a section" 0 "$GRASP" help budget
is "all its keys" "$(grep -c '^budget\.' out)" 4
exits "a command that is a key, too" 0 "$GRASP" help run
has "as a command" out "usage: grasp run"
has "as a key" out "The run's directory"
usage "a key that is none" "did you mean 'cycle.epochs'?" help cycle.epoch
usage "the last part of a key" "did you mean 'cycle.epochs'?" help epochs
usage "nothing of the kind" "neither a command nor a configuration key" help zzzzzzzzzzzz
"$GRASP" help --config-man >config.5
grep '^|' "$ROOT/README.md" | grep -oE '`[a-z]+\.[a-z_]+`' | tr -d '`' | grep -v '\.py$' | sort -u >named
for key in $(grep -E '^(model|writer|cycle|gate|fhir|env|prompt|skills|checkpoint|probes|budget)\.' named); do
    "$GRASP" help "$key" >/dev/null 2>&1 || not_ok "README's key $key is explained"
done
check "README names keys" test "$(wc -l <named)" -gt 20

# --- man pages
"$GRASP" help --man >grasp.1
for page in grasp.1 config.5 "$ROOT"/.packaging/man/*; do
    name=$(basename "$page")
    if command -v man >/dev/null; then
        is "$name: man has no complaint" "$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)" ""
    fi
    check "$name: has a name" grep -q '^\.SH NAME' "$page"
done
# what a library's commits, notes and refs are called stands in grasp-library(7)
sed 's/\\-/-/g' "$ROOT/.packaging/man/grasp-library.7" >library.7
sed 's/\\-/-/g' "$ROOT/.packaging/man/grasp-exec.7" >exec.7
{
    grep -hoE '"[A-Z][a-z]+(-[A-Z][a-z]+)+"' "$ROOT"/runtime/history/*.c "$ROOT"/runtime/transfer/*.c
    grep -rhoE 'trailers_add\([^"]*"[A-Z][A-Za-z-]+"' "$ROOT/runtime" --include='*.c' | grep -o '".*"'
    grep -rhoE 'refs/grasp/[a-z]+' "$ROOT/runtime" "$ROOT/skills" --include='*.[ch]'
} | tr -d '"' | sort -u >trailers
check "trailers and refs were found" test "$(wc -l <trailers)" -gt 12
while read -r t; do
    grep -qF -e "$t" library.7 || not_ok "grasp-library(7) names $t"
done <trailers
# what a world is sent and may answer stands in grasp-exec(7)
for op in hello start step grade end; do has "grasp-exec(7): $op" exec.7 "$op"; done
grep -oE 'json_object_get\([a-z>.-]+, "[a-z_]+"|(_at|field|get)\([^"]*"[a-z_]+"' "$ROOT/runtime/env/exec_protocol.c" |
    grep -oE '"[a-z_]+"' | tr -d '"' | sort -u >members
check "members were found" test "$(wc -l <members)" -gt 8
while read -r m; do
    grep -qw -e "$m" exec.7 || not_ok "grasp-exec(7) names the member $m"
done <members

# --- completions
exits "another shell" 2 "$GRASP" help --completion fish
"$GRASP" help --completion bash >grasp.bash
# complete WORDS...: what bash offers for the last of them
complete() {
    bash -c '. ./grasp.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _grasp; printf "%s\n" "${COMPREPLY[@]}"' \
        "$1" "$@"
}
is "bash: a command" "$(complete grasp lea)" learn
is "bash: a command of a group" "$(complete grasp skills ver)" verify
is "bash: an option" "$(complete grasp learn --dry)" --dry-run
is "bash: a common option" "$(complete grasp skills log --verb)" --verbose
is "bash: a key" "$(complete grasp eval grasp.yaml --set cycle.ep)" "cycle.epochs="
is "bash: a key to explain" "$(complete grasp help gate.al)" gate.alpha
touch clinic.yaml
is "bash: a file" "$(complete grasp learn cli)" clinic.yaml
is "bash: a file as a value" "$(complete grasp learn --library cli)" clinic.yaml
# every option that the man page has is offered
"$GRASP" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >commands
is "bash: all commands" "$(complete grasp '' | grep -v '^-')" "$(cat commands)"
if command -v zsh >/dev/null; then
    "$GRASP" help --completion zsh >_grasp
    check "zsh reads its script" zsh -n _grasp
    cat >offers.zsh <<'EOF'
compadd() { while [[ $1 == -* ]]; do [[ $1 == -S ]] && shift; shift; done; print -l -- "$@"; }
compdef() { :; }
_files() { print FILES; }
. ./_grasp
words=("$@") CURRENT=$#
_grasp
EOF
    zsh -f offers.zsh grasp skills '' >out 2>&1
    has "zsh: a command of a group" out verify
    zsh -f offers.zsh grasp eval --set '' >out 2>&1
    has "zsh: a key" out cycle.epochs
    zsh -f offers.zsh grasp learn --library '' >out 2>&1
    is "zsh: a file" "$(cat out)" FILES
else
    skip "zsh's script" "no zsh"
fi

# --- a reader who has seen enough is no error
gone "$GRASP" help --man
is "nobody reads" "$code $(cat err)" "0 "
is "help --man | head" "$("$GRASP" help --man | head -n 1)" "$(head -n 1 grasp.1)"
gone "$GRASP" --help
is "nobody reads the overview" "$code $(cat err)" "0 "
"$GRASP" export --columns | sed -n 's/^  \([a-z_]*\) .*/\1/p' | sort -u >columns
check "columns of rows are told" test "$(wc -l <columns)" -gt 40
while read -r c; do grep -qF "\`$c\`" "$ROOT/examples/tutorials/4-compare.md" || echo "$c"; done <columns >untold
is "the fourth tutorial has each of them" "$(cat untold)" ""
done_testing
