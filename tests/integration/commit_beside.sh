#!/bin/sh
# A person commits to the library while an edit is let in: at no point of that does `git commit` take the
# files of before for the branch of after, which would take the edit back without a word. The program is
# stopped at every system call that changes files, and a person commits then.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/half_made.sh"
half_made_tools || skip_all "$half_why"
unset GRASP_BACKEND
export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e

skill() { # FOLDER NAME TEXT
    mkdir -p "$1/$2"
    printf -- '---\nname: %s\ndescription: what it is for\n---\n%s\n' "$2" "$3" >"$1/$2/SKILL.md"
}
skill one a 'first' && skill one b 'first'
skill two a 'second' && skill two c 'second'
"$GRASP" skills import lib one -q >log 2>&1 || { cat log; exit 1; }
let_in() { "$@" "$GRASP" skills import lib2 two --replace -q; }
fresh() { rm -rf lib2 && cp -R lib lib2; }

fresh
let_in "$T/kill_at" -c count 0 >log 2>&1 || { cat log; exit 1; }
most=$(cat count) at=0 bad='' refused=0 before=0 after=0
while [ "$at" -lt "$most" ]; do
    at=$((at + 1))
    fresh
    let_in "$T/kill_at" $at >log 2>&1
    was=$(git -C lib2 rev-parse HEAD)
    if ! git -C lib2 commit -q --allow-empty -m 'By hand' 2>err; then
        grep -q 'index.lock\|main.lock' err || bad="$bad $at: $(head -n 1 err)"
        refused=$((refused + 1))
    elif ! git -C lib2 diff --quiet "$was" HEAD; then
        bad="$bad $at: the commit takes back $(git -C lib2 diff --name-only "$was" HEAD | tr '\n' ' ')"
    elif [ "$was" = "$(git -C lib rev-parse HEAD)" ]; then
        before=$((before + 1))
    else
        after=$((after + 1))
    fi
done
is "a commit at each of $most points takes nothing back" "$bad" ""
is "it comes before, is refused while files follow, or comes after" \
    "$([ $before -gt 0 ] && [ $refused -gt 0 ] && [ $after -gt 0 ] && echo each)" each

# and nobody's lock stays: the same command goes on from where it was
fresh
let_in "$T/kill_at" $((most / 2)) >log 2>&1
check "after a stop it goes on" let_in
is "as if nothing had happened" "$(git -C lib2 status --porcelain; git -C lib2 fsck --strict 2>&1; ls lib2/skills | tr '\n' ' ')" "a b c "
done_testing
