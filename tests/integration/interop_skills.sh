#!/bin/sh
# Other tools read the skills that we write: npm's skills-ref (reference library of the Agent Skills
# convention) and skill-check. Skipped where npm or its registry is not there.
. "$(dirname "$0")/lib.sh"

# A set written at the limits of the form, by the unit test.
unit="$GRASP_BUILD/tests/test_flat"
[ -x "$unit" ] || skip_all "$unit is not built"
command -v npm >/dev/null && command -v node >/dev/null || skip_all "no npm"
mkdir tools && cd tools || exit 1
timeout 120 npm install --no-audit --no-fund --ignore-scripts --silent skills-ref@0.1.5 \
    skill-check@1.2.0 >install.log 2>&1 || skip_all "npm cannot install skills-ref and skill-check"
PATH=$PWD/node_modules/.bin:$PATH
cd "$ROOT" || exit 1

check "the unit test writes skills" env GRASP_KEEP_SKILLS="$T/skills" "$unit"
for d in "$T"/skills/*/; do
    check "skills-ref validate: $(basename "$d")" skills-ref validate "$d"
done
check "skill-check: all of them" skill-check check --no-security-scan "$T/skills"

# A library that a learning run made, as git checks it out.
cd "$T" || exit 1
"$GRASP" synth -q --out clinic >/dev/null
check "a learning run" "$GRASP" learn clinic/grasp.yaml -q --library lib --run run \
    --set cycle.epochs=2
check "learned some skills" test "$(ls lib/skills | wc -l)" -ge 2
for d in lib/skills/*/; do
    check "skills-ref validate: $(basename "$d")" skills-ref validate "$d"
done
check "skill-check: all of them" skill-check check --no-security-scan lib/skills
check "grasp skills export" "$GRASP" skills export lib exported
find exported -name SKILL.md | while read -r f; do dirname "$f"; done >dirs
check "exports them" test "$(wc -l <dirs)" -eq "$(ls lib/skills | wc -l)"
while read -r d; do
    check "skills-ref validate: exported $(basename "$d")" skills-ref validate "$d"
done <dirs

# They do look: a skill against the rules is refused.
mkdir -p "$T/bad/x"
printf -- '---\nname: Y\ndescription: d\n---\n' >"$T/bad/x/SKILL.md"
exits "skills-ref refuses a wrong name" 1 skills-ref validate "$T/bad/x"
done_testing
