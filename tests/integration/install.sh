#!/bin/sh
# What `make install` and `make install-dev` put where, and that a program can be built with it.
. "$(dirname "$0")/lib.sh"
[ "$GRASP_BUILD" = "$ROOT/build" ] || [ "$GRASP_BUILD" = build ] || skip_all "only the plain build is installed"
command -v make >/dev/null && command -v pkg-config >/dev/null || skip_all "no make or pkg-config"
put() { make -s -C "$ROOT" -o build "$@" PREFIX="$T/usr" >log 2>&1; }
check "make install" put install
check "make install-dev" put install-dev
for f in bin/grasp share/man/man1/grasp.1 share/man/man5/grasp-config.5 share/man/man7/grasp-library.7 \
    share/man/man7/grasp-exec.7 share/bash-completion/completions/grasp share/zsh/site-functions/_grasp \
    include/grasp/fhir/fhir.h lib/libfhir.a lib/pkgconfig/libfhir.pc; do
    check "$f" test -s "usr/$f"
done
"$T/usr/bin/grasp" --version >version
check "the version, and the commit where it is known" grep -qE '^grasp [0-9]+\.[0-9]+\.[0-9]+( \([0-9a-f]{12}(-dirty)?\))?$' version
is "the library's version is the program's" "$(PKG_CONFIG_PATH=usr/lib/pkgconfig pkg-config --modversion libfhir)" \
    "$(sed 's/^grasp \([0-9.]*\).*/\1/' version)"
cat >patient.c <<'EOF'
#include <fhir/fhir.h>
#include <stdio.h>

int main(void)
{
    struct fhir_store *store = NULL;
    struct fhir_response rs = FHIR_RESPONSE_INIT;
    struct fhir_request rq = {.method = "GET", .target = "Patient/none"};
    if (fhir_open(&store, NULL, NULL) < 0)
        return 1;
    fhir_handle(store, &rq, &rs);
    printf("%d\n", rs.status);
    fhir_response_release(&rs);
    fhir_close(store);
    return 0;
}
EOF
# shellcheck disable=SC2046
check "a program builds with libfhir" cc -o patient patient.c $(PKG_CONFIG_PATH=usr/lib/pkgconfig pkg-config --cflags --libs libfhir)
is "and runs" "$(./patient)" 404
check "make uninstall" put uninstall
is "takes all of it away" "$(find usr -type f)" ""
done_testing
