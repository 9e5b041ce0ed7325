#!/bin/sh
# tests/architecture notices what it is there to notice: each fault is planted in a small tree that is
# in order.
. "$(dirname "$0")/lib.sh"
printf 'int f(void);\n' >x.c
${CC:-cc} -c x.c 2>/dev/null && command -v perl >/dev/null && command -v nm >/dev/null ||
    skip_all 'a C compiler, nm and perl are needed'

source_file() { mkdir -p "$(dirname "$1")" && cat >"$1"; }
compile() { # as make does it: build/PATH.o for PATH.c
    find runtime fhir gate -name '*.c' | while read -r c; do
        mkdir -p "build/$(dirname "$c")" && ${CC:-cc} -I. -c -o "build/${c%.c}.o" "$c" || exit 1
    done
}
plant() { # LABEL: a fresh tree in order, to which the caller adds
    label=$1
    cd "$T" && rm -rf tree && mkdir tree && cd tree || exit 1
    source_file runtime/FOLDERS <<-END
	# from top to bottom
	runtime - finds the command

	runtime/loop - the loop

	fhir - the server
	gate + fhir - decides

	runtime/base - used by all
	END
    source_file runtime/main.c <<-END
	#include "runtime/loop/loop.h"
	int main(void) { return loop(); }
	END
    echo 'int loop(void);' | source_file runtime/loop/loop.h
    source_file runtime/loop/loop.c <<-END
	#include "runtime/loop/loop.h"
	int base(void);
	int gate(void);
	int loop(void) { return base() + gate(); }
	END
    echo 'int base(void) { return 0; }' | source_file runtime/base/base.c
    echo 'int base(void); int fhir(void) { return base(); }' | source_file fhir/fhir.c
    echo 'int fhir(void); int gate(void) { return fhir(); }' | source_file gate/gate.c
    echo '/* nothing */' | source_file tests/unit/test_x.c
}
refused() { # TEXT...: the tree is built and refused with these lines, and no others
    compile || not_ok "$label: compiles"
    exits "$label: is refused" 1 "$ROOT/tests/architecture" .
    printf '%s\n' "$@" >"$T/want"
    is "$label: is named" "$(sed 's/^architecture: //' "$T/out")" "$(cat "$T/want")"
}

plant 'in order'
compile
exits 'a tree in order passes' 0 "$ROOT/tests/architecture" .
has 'and says so' "$T/out" '5 files in 5 folders'

plant 'a folder above'
echo 'int loop(void); int base(void) { return 0; } static int (*up)(void) = loop; int base_up(void) { return up(); }' \
    >runtime/base/base.c
echo 'base_up' >>tests/unit/test_x.c
refused 'runtime/base/base.c uses loop of runtime/loop/loop.c, but runtime/loop stands above runtime/base' \
    'a circle of 4 files:' \
    '    fhir/fhir.c -> runtime/base/base.c (base)' \
    '    gate/gate.c -> fhir/fhir.c (fhir)' \
    '    runtime/base/base.c -> runtime/loop/loop.c (loop)' \
    '    runtime/loop/loop.c -> gate/gate.c (gate)' \
    '    runtime/loop/loop.c -> runtime/base/base.c (base)' \
    'a circle of 4 folders:' \
    '    fhir -> runtime/base (fhir/fhir.c uses base)' \
    '    gate -> fhir (gate/gate.c uses fhir)' \
    '    runtime/base -> runtime/loop (runtime/base/base.c uses loop)' \
    '    runtime/loop -> gate (runtime/loop/loop.c uses gate)' \
    '    runtime/loop -> runtime/base (runtime/loop/loop.c uses base)'

plant 'a folder beside without leave'
sed -i 's/^gate + fhir/gate/' runtime/FOLDERS
refused 'gate/gate.c uses fhir of fhir/fhir.c, but fhir stands beside gate'

plant 'a circle inside a folder'
echo 'int fhir(void); int fhir_b(void) { return fhir(); }' >fhir/b.c
echo 'int base(void); int fhir_b(void); int fhir(void) { return base() + fhir_b(); }' >fhir/fhir.c
refused 'a circle of 2 files:' \
    '    fhir/b.c -> fhir/fhir.c (fhir)' \
    '    fhir/fhir.c -> fhir/b.c (fhir_b)'

plant 'an include from above'
echo '#include "runtime/loop/loop.h"' >fhir/fhir.h
refused 'fhir/fhir.h:1 includes runtime/loop/loop.h, but runtime/loop stands above fhir'

plant 'a private header of another folder'
echo '/* of the gate */' >gate/gate_private.h
sed -i '1i #include "gate/gate_private.h"' runtime/loop/loop.c
refused 'runtime/loop/loop.c:1 includes gate/gate_private.h, which is private to gate'

plant 'a symbol twice'
echo 'int base(void) { return 1; }' >runtime/base/other.c
refused 'base is defined in runtime/base/base.c and in runtime/base/other.c'

plant 'external without need'
echo 'int lonely(void) { return 1; }' >>gate/gate.c
refused 'lonely of gate/gate.c is external, and nothing outside the file uses it'
echo '/* lonely() */' >tests/unit/test_x.c
exits 'but for a test' 0 "$ROOT/tests/architecture" .
plant 'external by leave'
echo 'int lonely(void) { return 1; }' >>gate/gate.c
echo 'external lonely - called by its address' >>runtime/FOLDERS
compile
exits 'or by a line of the table' 0 "$ROOT/tests/architecture" .
plant 'leave without need'
echo 'external gate - is used' >>runtime/FOLDERS
refused 'runtime/FOLDERS:10: gate needs no exception'

plant 'a folder without a line'
echo 'int probes(void) { return 0; }' | source_file fhir/probes/probes.c
echo probes >tests/unit/test_x.c
refused 'the folder fhir/probes has no line in runtime/FOLDERS'
plant 'a line without a folder'
echo 'skills - gone' >>runtime/FOLDERS
refused 'runtime/FOLDERS has a line for skills, which is no folder'
plant 'leave for what stands elsewhere'
sed -i 's/^gate + fhir/gate + fhir runtime/' runtime/FOLDERS
refused 'runtime/FOLDERS: runtime does not stand beside gate'
plant 'an object that is missing'
compile
rm build/gate/gate.o
exits 'an object that is missing' 1 "$ROOT/tests/architecture" .
has 'is named' "$T/out" 'build/gate/gate.o is not built'

# --- the same in the program itself: its lowest folder calls a command
cd "$T" && mkdir real && cd real || exit 1
cp -R "$ROOT/runtime" "$ROOT/fhir" "$ROOT/skills" "$ROOT/gate" "$ROOT/probes" . && mkdir build
cp -R "$GRASP_BUILD"/runtime "$GRASP_BUILD"/fhir "$GRASP_BUILD"/skills "$GRASP_BUILD"/gate \
    "$GRASP_BUILD"/probes build
cat >runtime/base/planted.c <<-END
	extern const char *cmd_eval;
	const char **planted(void);
	const char **planted(void) { return &cmd_eval; }
	END
${CC:-cc} -c -o build/runtime/base/planted.o runtime/base/planted.c
exits 'planted in the program: is refused' 1 "$ROOT/tests/architecture" .
has 'is named' "$T/out" 'runtime/base/planted.c uses cmd_eval of runtime/'
has 'with the folder' "$T/out" 'stands above runtime/base'
done_testing
