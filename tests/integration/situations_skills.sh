#!/bin/sh
# Situations that people bring a library into: skills of all kinds, in and out.
. "$(dirname "$0")/lib.sh"
learned
. "$ROOT/tests/integration/table"
cat >"$T/make" <<'END'
# make DIR NAME [LINES OF FRONTMATTER...]: a skill
dir=$1/$2 name=$2; shift 2
mkdir -p "$dir"
{ echo ---; echo "name: $name"; echo "description: About $name."; for l; do echo "$l"; done; echo ---; echo; echo "Do $name."; } >"$dir/SKILL.md"
END
mk() { sh "$T/make" "$@"; }
make="sh $T/make"
export CONFIG make
# Tests that list the skills of a library
names='grasp skills list'
export names

situation 28 "a skill with other files" <<'END'
$make in tool
mkdir -p in/tool/scripts in/tool/references/deep in/tool/assets
printf '#!/bin/sh\necho hi\n' >in/tool/scripts/x.sh; chmod +x in/tool/scripts/x.sh
printf 'text\r\nwith odd ends' >in/tool/references/deep/y.md
head -c 300 /dev/urandom >in/tool/assets/logo.bin
$make in plain
0$ grasp skills import new in
! REFUSED
? test -x new/skills/tool/scripts/x.sh
? git -C new fsck --full --strict
0$ grasp learn "$CONFIG" --set cycle.epochs=2 --library new --run run -q
? test "$(git -C new log --format=%s main | grep -c '^ADD')" -ge 1
0$ grasp skills freeze new --name v1
git clone -q new clone
0$ grasp skills export clone out --at v1
? diff -r in/tool out/tool && test -x out/tool/scripts/x.sh
0$ grasp skills export new flat --flat
? diff -r in/tool/scripts flat/tool/scripts && diff -r in/tool/assets flat/tool/assets
0$ grasp skills import back flat
? test "$(git -C back rev-parse HEAD:skills/tool/assets)" = "$(git -C new rev-parse HEAD:skills/tool/assets)"
0$ grasp skills import new in
> unchanged
! replaced
echo more >>in/tool/scripts/x.sh
1$ grasp skills import new in
> another skill 'tool'
0$ grasp skills import new in --replace
> replaced   tool
0$ grasp skills verify new
END

situation 28 "files travel with a merge" <<'END'
$make in tool "x-owner: me" "allowed-tools: [Read]"
mkdir in/tool/scripts
echo 1 >in/tool/scripts/a.py
grasp skills import theirs in
0$ grasp skills merge "$CONFIG" --library lib --from theirs -q --json
? git -C lib log --all --format=%s --grep=Merged-From | grep -q '^ADD tool'
? git -C lib ls-tree -r "$(git -C lib log --all --format=%H --grep=Merged-From -1)" | grep -q skills/tool/scripts/a.py
? git -C lib show "$(git -C lib log --all --format=%H --grep=Merged-From -1):skills/tool/SKILL.md" | grep -q '^allowed-tools: .Read'
0$ grasp skills verify lib
END

situation 28 "what is too large is left out by name" <<'END'
$make in tool
head -c 5000000 /dev/zero >in/tool/big.bin
ln -s /etc/passwd in/tool/link
0$ grasp skills import new in
> in/tool/big.bin: left out: larger than 4 MiB
> in/tool/link: left out: a symbolic link
? ! test -e new/skills/tool/link
1$ grasp skills import strict in --strict
> left out
? ! test -e strict
END

situation 29 "collections of all layouts" <<'END'
$make c/template template-skill
$make c/skills one
$make c/skills two
$make c/skills/office three
$make c/.claude/skills four
$make c/plugins/p/skills five
printf '# Licence\n' >c/LICENSE.md
printf '# Read\n' >c/README.md
mkdir c/docs; printf -- '---\ntitle: x\n---\n' >c/docs/page.md
mv c/template/template-skill/SKILL.md c/template/; rmdir c/template/template-skill
0$ grasp skills import new c
> c/template: a template
> passed over: c/LICENSE.md
> passed over: c/docs/page.md
! REFUSED
0$ ls new/skills
> one
> two
> three
> four
> five
! template
END

situation 30 "one bad file among many" <<'END'
$make c one
$make c two
mkdir c/bad; printf 'no frontmatter\n' >c/bad/SKILL.md
1$ grasp skills import new c --strict
> c/bad/SKILL.md:1: the first line must be '---'
? ! test -e new
0$ grasp skills import new c
> REFUSED: c/bad/SKILL.md:1: the first line must be '---'
? test "$(ls new/skills | wc -l)" = 2
END

situation 31 "files that are odd" <<'END'
$make c one
printf '\357\273\277---\nname: bom\ndescription: d\n---\nb\n' >c/bom.tmp; mkdir c/bom; mv c/bom.tmp c/bom/SKILL.md
mkdir c/twice c/tab c/crlf c/latin c/none c/long
printf -- '---\nname: twice\ndescription: a\ndescription: b\n---\n' >c/twice/SKILL.md
printf -- '---\nname: tab\n\tdescription: a\n---\n' >c/tab/SKILL.md
printf -- '---\r\nname: crlf\r\ndescription: a\r\n---\r\nx\r\n' >c/crlf/SKILL.md
printf -- '---\nname: latin\ndescription: caf\351\n---\n' >c/latin/SKILL.md
printf -- '---\nname: none\n---\n' >c/none/SKILL.md
{ printf -- '---\nname: long\ndescription: '; head -c 1500 /dev/zero | tr '\0' a; printf '\n---\nx\n'; } >c/long/SKILL.md
0$ grasp skills import new c
> c/bom/SKILL.md: the byte order mark (BOM)
> c/twice/SKILL.md:4: this key stands there twice: description
> c/tab/SKILL.md:
> c/latin/SKILL.md:1: not a text in UTF-8
> c/none/SKILL.md:1: the frontmatter lacks 'description'
> c/long/SKILL.md: the description was changed
? cmp c/crlf/SKILL.md new/skills/crlf/SKILL.md
? test "$(ls new/skills | tr '\n' ' ')" = "bom crlf long one "
END

situation 32 "keys of other tools" <<'END'
$make c tool "allowed-tools: [Read, Grep]" "disable-model-invocation: true" "license: MIT" "x-odd:" "  - {a: 1}"
0$ grasp skills import new c
! changed
? cmp c/tool/SKILL.md new/skills/tool/SKILL.md
0$ grasp skills export new out
? cmp c/tool/SKILL.md out/tool/SKILL.md
0$ grasp skills export new flat --flat
> tool: a flat file has no place for allowed-tools, disable-model-invocation, x-odd;
END

situation 33 "names in all scripts" <<'END'
$make c café
$make c Foo
$make c foo
$make c 模型
$make c this-is-a-name-of-more-than-seventy-characters-that-no-folder-of-ours-can-have
0$ grasp skills import new c
> name 'café' became the name 'cafe'
> name '模型' has no letters or digits of ASCII
> there is a second skill of the name 'foo'
? test -d new/skills/cafe && test -d new/skills/foo
? test "$(ls new/skills | wc -l)" = 3
END

situation 34 "pinned skills at capacity" <<'END'
for i in 1 2 3; do $make c pin-$i "metadata:" '  pinned: "true"'; done
grasp skills import new c
0$ grasp learn "$CONFIG" --set cycle.epochs=2 --set cycle.max_learned_skills=3 --library new --run run -q
? for i in 1 2 3; do cmp c/pin-$i/SKILL.md new/skills/pin-$i/SKILL.md; done
END
done_testing
