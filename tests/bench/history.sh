#!/bin/sh
# A library of ten thousand commits and a thousand skills, and one of ten: how long the commands take
# that walk its history, and the most memory they hold. The commits are acknowledged edits by hand, made
# by git fast-import.
set -u
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
library() { # DIR SKILLS COMMITS
    git init -q -b main "$1"
    awk -v skills="$2" -v commits="$3" '
        function skill(i, v,   s) {
            s = sprintf("---\nname: skill-%d\ndescription: \"What number %d is good for.\"\n" \
                        "metadata:\n  version: \"%d\"\n  tags: \"one two\"\n---\n\n# Skill %d\n\n" \
                        "- Rule %d of it.\n", i, i, v, i, v)
            printf "M 100644 inline skills/skill-%d/SKILL.md\ndata %d\n%s\n", i, length(s), s
        }
        function head(text) {
            printf "commit refs/heads/main\ncommitter p <p@x> %d +0000\ndata %d\n%s\n",
                   1700000000 + n++, length(text), text
        }
        BEGIN {
            head("Begin a skill library\n")
            printf "M 100644 inline .grasp-library\ndata 9\nformat 1\n\n"
            head("Import the collection\n\nAcknowledged: by hand\n")
            for (i = 0; i < skills; i++) skill(i, 1)
            for (k = 2; k < commits; k++) {
                head(sprintf("Change skill %d\n\nAcknowledged: by hand\n", k % skills))
                skill(k % skills, 2 + int(k / skills))
            }
        }' | git -C "$1" fast-import --quiet && git -C "$1" reset -q --hard && git -C "$1" gc -q
}
now() { echo $(($(date +%s%N) / 1000000)); }
for skills in 10 1000; do
    library "$T/$skills" $skills 10000 || exit 1
    echo "10000 commits, $skills skills"
    for command in list log verify graph blame; do
        set -- "$command" "$T/$skills"
        [ $command != blame ] || set -- "$@" task1_1
        begun=$(now)
        "$GRASP" skills "$@" >"$T/out" 2>"$T/err"
        status=$?
        took=$(($(now) - begun))
        # a history without probes: blame says that it knows nothing of the task
        [ $status -eq 0 ] || [ $command = blame ] || { cat "$T/err"; exit 1; }
        printf '  %-7s %5d ms\n' $command $took
    done
done
