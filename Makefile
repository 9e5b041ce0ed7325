# grasp - build, test, install. `make help` lists the targets.
#
# Everything is built under build/ (SAN=1: build/san, with ASan and UBSan; SAN=fuzz: build/fuzz, the
# same with clang and coverage for libFuzzer; SAN=coverage: build/coverage, counted by gcov). The
# program is made of the folders' archives in the order runtime, fhir, skills, gate, probes, base.

PREFIX  ?= /usr/local
DESTDIR ?=
WERROR  ?= 1
SAN     ?= 0
CC      ?= cc
CFLAGS  ?= -O2 -g
VERSION := 0.1.0
# What --version says beside it; nothing where this is no clone.
ifndef COMMIT
COMMIT := $(if $(wildcard .git),$(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null))
endif
comma := ,
# make test T=gate: only the suites whose name contains it.
T =

B := build$(if $(filter 1,$(SAN)),/san)$(if $(filter fuzz coverage,$(SAN)),/$(SAN))
PACKAGES := build-essential pkg-config libgit2-dev libcurl4-openssl-dev libjansson-dev liblmdb-dev \
	libmicrohttpd-dev libyaml-dev libcmocka-dev libzstd-dev libxxhash-dev zlib1g-dev libssl-dev \
	ca-certificates git curl jq zstd
MODULES := libgit2 libcurl jansson lmdb libmicrohttpd yaml-0.1 libzstd libxxhash zlib libcrypto

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
	-Wno-format-nonliteral -Wno-unknown-warning-option -Wno-string-concatenation -Wundef -Wpointer-arith $(if $(filter 1,$(WERROR)),-Werror)
SANITIZE := address$(comma)undefined$(if $(filter fuzz,$(SAN)),$(comma)fuzzer-no-link)
SANFLAGS := $(if $(filter 1 fuzz,$(SAN)),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -O1)$(if $(filter coverage,$(SAN)),--coverage -O0 \
	-fprofile-update=atomic)
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -ffp-contract=off -I. -I$(B)/gen -DGRASP_VERSION='"$(VERSION)"' $(WARN) \
	$(CFLAGS) $(SANFLAGS) $(DEP_CFLAGS) -MMD -MP -pthread
ALL_LDFLAGS = $(LDFLAGS) $(SANFLAGS) -pthread
LIBS = $(DEP_LIBS) -lm

MAIN := runtime/main.c
FOLDERS := runtime fhir skills gate probes runtime/base
# A folder's sources are those of its subfolders too, but runtime/base is a library of its own.
sources = $(filter-out $(MAIN) $(if $(filter runtime,$(1)),runtime/base/%),$(sort $(wildcard \
	$(1)/*.c $(1)/*/*.c)))
lib = $(B)/lib$(notdir $(1)).a
ARCHIVES := $(foreach f,$(FOLDERS),$(if $(strip $(call sources,$(f))),$(call lib,$(f))))
SUITES := $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/%,$(if $(T),$(foreach t,$(SUITES),$(if $(findstring \
	$(T),$(notdir $(t))),$(t))),$(SUITES)))
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/bench_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/targets/%,$(wildcard tests/fuzz/fuzz_*.c))
TOOLS := $(patsubst tests/tools/%.c,$(B)/tools/%,$(wildcard tests/tools/*.c))
EXAMPLES_C := $(patsubst examples/%.c,$(B)/examples/%,$(wildcard examples/*/*.c))

# pkg-config is asked only once the packages are there, and only by targets that compile.
HAVE_DEPS := $(shell pkg-config --exists $(MODULES) cmocka 2>/dev/null && \
	command -v $(firstword $(CC)) git curl jq zstd >/dev/null && echo yes)
DEP_CFLAGS = $(eval DEP_CFLAGS := $(shell pkg-config --cflags $(MODULES)))$(DEP_CFLAGS)
DEP_LIBS = $(eval DEP_LIBS := $(shell pkg-config --libs $(MODULES)))$(DEP_LIBS)

.PHONY: all deps build demo test sanitize coverage bench check fuzz install install-dev uninstall deb \
	clean format help
.SECONDARY:
.DELETE_ON_ERROR:

all: deps
	@$(MAKE) --no-print-directory build

help:
	@echo 'make            install what is missing, build build/grasp'
	@echo 'make demo       a learning run on a synthetic clinic, with the simulated model'
	@echo 'make test       unit and integration tests, as many at once as there are processors (JOBS=N)'
	@echo 'make test T=X   builds and runs only the suites whose name contains X'
	@echo 'make sanitize   the same tests under ASan and UBSan'
	@echo 'make check      clang-format, cppcheck, who uses whom, documentation against the program'
	@echo 'make coverage   which share of each folder the unit and the integration tests reach'
	@echo 'make bench      the measurements behind the figures in README.md'
	@echo 'make fuzz       every fuzz target for FUZZ_SECONDS (default 10) or FUZZ_RUNS inputs'
	@echo 'make mutants    removes each check of the graders in turn; the tests must notice'
	@echo 'make install    to PREFIX (default /usr/local), DESTDIR honoured'
	@echo 'make install-dev  libfhir: header, static library, pkg-config'
	@echo 'make deb        Debian packages grasp and libfhir-dev, in build/deb'
	@echo 'make clean      remove build/'

deps:
ifeq ($(HAVE_DEPS),)
	@if [ ! -f /etc/debian_version ]; then \
	    echo 'grasp needs (Debian names): $(PACKAGES)' >&2; exit 1; fi; \
	run=; if [ "$$(id -u)" != 0 ]; then \
	    if command -v sudo >/dev/null; then run=sudo; else \
	        echo 'missing packages; as root: apt-get install $(PACKAGES)' >&2; exit 1; fi; fi; \
	echo 'INSTALL $(PACKAGES)'; \
	$$run apt-get update -qq && \
	$$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    $(PACKAGES) >/dev/null
endif

build: $(B)/grasp

$(B)/grasp: $(B)/$(MAIN:.c=.o) $(ARCHIVES)
	@echo "LINK $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(ARCHIVES) -Wl,--end-group $(LIBS)

define archive
$(call lib,$(1)): $(patsubst %.c,$(B)/%.o,$(call sources,$(1)))
	@echo "AR   $$@"
	@rm -f $$@ && ar qcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call archive,$(f))))

# The commit stands in one header, which is written anew only when it changes.
$(shell mkdir -p $(B)/gen && echo '#define GRASP_COMMIT "$(COMMIT:%= (%))"' >$(B)/gen/commit.new && \
	{ cmp -s $(B)/gen/commit.new $(B)/gen/commit.h && rm $(B)/gen/commit.new || \
	mv $(B)/gen/commit.new $(B)/gen/commit.h; })
$(B)/runtime/main.o: $(B)/gen/commit.h

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC   $<"
	@$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Prompt templates are compiled in with .incbin; their texts are dependencies of that object.
$(B)/skills/prompts.o: $(wildcard skills/prompts/*.md)

$(B)/tests/%: tests/unit/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "CC   $<"
	@$(CC) $(ALL_CFLAGS) -Itests $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(ARCHIVES) \
	    -Wl,--end-group -lcmocka $(LIBS)

$(B)/bench/%: tests/bench/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "CC   $<"
	@$(CC) $(ALL_CFLAGS) -Itests $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(ARCHIVES) \
	    -Wl,--end-group $(LIBS)

$(B)/examples/%: examples/%.c
	@mkdir -p $(@D)
	@echo "CC   $<"
	@$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) $(SANFLAGS) -o $@ $< -ljansson

$(B)/tools/%: tests/tools/%.c
	@mkdir -p $(@D)
	@echo "CC   $<"
	@$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -pthread -o $@ $<

build/fuzz/targets/%: tests/fuzz/%.c $(ARCHIVES)
	@mkdir -p $(@D)
	@echo "FUZZ $<"
	@$(CC) $(ALL_CFLAGS) -Itests $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< -Wl,--start-group \
	    $(ARCHIVES) -Wl,--end-group $(LIBS)

.PHONY: demo-run test-run coverage-run bench-run fuzz-run mutants
demo test bench: all
	@$(MAKE) --no-print-directory $@-run

demo-run:
	@examples/quickstart/demo.sh $(B)/grasp

test-run: $(B)/grasp $(UNIT_TESTS) $(EXAMPLES_C) $(TOOLS)
	@tests/run $(B) '$(T)'

sanitize: deps
	@$(MAKE) --no-print-directory SAN=1 test-run

coverage: deps
	@$(MAKE) --no-print-directory SAN=coverage coverage-run

coverage-run: $(B)/grasp $(UNIT_TESTS) $(EXAMPLES_C) $(TOOLS)
	@tests/coverage $(B)

bench-run: $(B)/grasp $(BENCHES) $(EXAMPLES_C)
	@tests/bench/run $(B)

check: all
	@tests/check

# FUZZ_RUNS=N instead of seconds: that many inputs each, the same ones every time (where the system
# lets a program be loaded at a fixed address), whatever was grown before.
FUZZ_SECONDS ?= 10
ifdef FUZZ_RUNS
fuzz_grown := build/fuzz/fixed
fuzz_fresh := rm -rf $(fuzz_grown)
fuzz_with := $(shell setarch -R true 2>/dev/null && echo setarch -R)
fuzz_long := -seed=1 -reload=0 -runs=$(FUZZ_RUNS) -timeout=60 -max_total_time=60
else
fuzz_grown := build/fuzz/corpus
fuzz_fresh := :
fuzz_long := -max_total_time=$(FUZZ_SECONDS) -timeout=10
endif
fuzz: deps
	@command -v clang >/dev/null || { echo 'fuzzing needs clang (Debian: apt-get install clang)' >&2; \
	    exit 1; }
	@$(MAKE) --no-print-directory SAN=fuzz CC=clang fuzz-run

fuzz-run: $(FUZZERS)
	@$(fuzz_fresh); for f in $(FUZZERS); do \
	    name=$${f##*/}; corpus=tests/fuzz/corpus/$$name; grown=$(fuzz_grown)/$$name; \
	    mkdir -p $$grown; [ -d "$$corpus" ] || corpus=; \
	    $(fuzz_with) $$f $(fuzz_long) -rss_limit_mb=2048 -print_final_stats=0 \
	        -verbosity=0 -artifact_prefix=build/fuzz/ $$grown $$corpus >build/fuzz/log 2>&1 || \
	        { tail -n 60 build/fuzz/log; exit 1; }; \
	    echo "ok   $$name"; done

# Takes each check out of the graders in turn: the tests must notice.
mutants: all
	@tests/mutants/run.sh

# What a package of the program has; install-dev: libfhir (header, static library, pkg-config).
SHARE = $(DESTDIR)$(PREFIX)/share
LIBDIR ?= $(PREFIX)/lib
install: build
	install -Dm755 $(B)/grasp $(DESTDIR)$(PREFIX)/bin/grasp
	$(B)/grasp help --man > $(B)/grasp.1
	$(B)/grasp help --config-man > $(B)/grasp-config.5
	$(B)/grasp help --completion bash > $(B)/grasp.bash
	$(B)/grasp help --completion zsh > $(B)/grasp.zsh
	install -Dm644 $(B)/grasp.1 $(SHARE)/man/man1/grasp.1
	install -Dm644 $(B)/grasp-config.5 $(SHARE)/man/man5/grasp-config.5
	for m in library exec; do \
	    install -Dm644 .packaging/man/grasp-$$m.7 $(SHARE)/man/man7/grasp-$$m.7 || exit 1; done
	install -Dm644 $(B)/grasp.bash $(SHARE)/bash-completion/completions/grasp
	install -Dm644 $(B)/grasp.zsh $(SHARE)/zsh/site-functions/_grasp
	for d in quickstart medagentbench-v1 medagentbench-v2 exec-python; do [ ! -d examples/$$d ] || \
	    { mkdir -p $(SHARE)/grasp/examples && cp -R examples/$$d $(SHARE)/grasp/examples/; }; done

install-dev: build
	install -Dm644 fhir/fhir.h $(DESTDIR)$(PREFIX)/include/grasp/fhir/fhir.h
	install -Dm644 runtime/base/buf.h $(DESTDIR)$(PREFIX)/include/grasp/runtime/base/buf.h
	rm -f $(B)/libfhir-dev.a
	ar qcs $(B)/libfhir-dev.a $(patsubst %.c,$(B)/%.o,$(call sources,fhir) $(call sources,runtime/base))
	install -Dm644 $(B)/libfhir-dev.a $(DESTDIR)$(LIBDIR)/libfhir.a
	mkdir -p $(DESTDIR)$(LIBDIR)/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|' \
	    .packaging/libfhir.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libfhir.pc

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/grasp $(SHARE)/man/man1/grasp.1 $(SHARE)/man/man5/grasp-config.5 \
	    $(SHARE)/man/man7/grasp-library.7 $(SHARE)/man/man7/grasp-exec.7 \
	    $(SHARE)/bash-completion/completions/grasp $(SHARE)/zsh/site-functions/_grasp \
	    $(DESTDIR)$(LIBDIR)/libfhir.a $(DESTDIR)$(LIBDIR)/pkgconfig/libfhir.pc
	rm -rf $(SHARE)/grasp $(DESTDIR)$(PREFIX)/include/grasp

# Debian packages in build/deb: grasp and libfhir-dev, from a copy of the sources.
deb:
	@VERSION=$(VERSION) COMMIT='$(COMMIT)' .packaging/deb

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
