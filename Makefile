# Roost. `make` builds, `make run` starts a server to try, `make check` runs every test. The rest: `make help`.
#
# Everything made goes under build/: build/config.mk from configure.ac, objects in build/obj, programs in build/ itself.
# A flavour (asan, tsan, fuzz, or lint's second compiler) is the same build in a directory B of its own.

B ?= build
FLAVOUR ?=
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests objects run check clients lint asan tsan bench benches faults fuzz fuzzers install uninstall clean help

all:

# Goals that may install what is missing, before configure looks for it.
INSTALLING = run check clients lint asan tsan bench faults fuzz

build/config.mk: configure.ac tools/dev/config.mk.in
	$(if $(filter $(INSTALLING),$(MAKECMDGOALS)),@tools/dev/install-deps build)
	@command -v autoconf >/dev/null || { echo "autoconf is missing: apt-get install autoconf, or tools/dev/install-deps build" >&2; exit 1; }
	@mkdir -p build
	cd build && autoconf -o configure ../configure.ac && ./configure -q --srcdir=.. $(CONFIGURE_FLAGS)

ifneq ($(filter-out clean help,$(or $(MAKECMDGOALS),all)),)
include build/config.mk
endif

# CC on the command line or in the environment wins over the one configure found.
ifeq ($(origin CC),default)
CC = $(CONFIGURED_CC)
endif

# ---- Sources: found, not listed ----

ROOST_SRC = $(wildcard lib/*.c keys/*.c zones/*/*.c)
SERVER_SRC = $(filter-out server/main.c,$(wildcard server/*.c server/*/*.c))
MAIN_SRC = $(wildcard server/main.c)
CTL_SRC = $(wildcard tools/roostctl*.c)
AGENT_SRC = $(wildcard tools/roost-agent*.c)
TEST_SRC = $(wildcard tests/unit/*/*_test.c tests/model/*_test.c)
FUZZ_SRC = $(wildcard tests/fuzz/*_fuzz.c)
BENCH_SRC = $(wildcard tests/bench/*.c)
SHIM_SRC = tests/fault/shim.c

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))
LIBS = $(B)/libserver.a $(B)/libroost.a
PROGRAMS = $(if $(MAIN_SRC),$(B)/roostd) $(if $(CTL_SRC),$(B)/roostctl) $(if $(AGENT_SRC),$(B)/roost-agent)
TESTS = $(patsubst tests/%.c,$(B)/test/%,$(TEST_SRC))
FUZZERS = $(patsubst tests/fuzz/%.c,$(B)/%,$(FUZZ_SRC))
BENCHES = $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))
MANUALS = $(wildcard man/*.[1-8])

# ---- Flags ----

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
HARDEN = -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
FLAVOUR_asan = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAVOUR_tsan = -O1 -fno-omit-frame-pointer -fsanitize=thread
FLAVOUR_fuzz = -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FLAVOUR_FLAGS = $(if $(FLAVOUR),$(FLAVOUR_$(FLAVOUR)),$(HARDEN))

COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE -DROOST_VERSION=\"$(VERSION)\" -I. $(LIBRARY_CFLAGS) $(CPPFLAGS) \
	$(WARNINGS) $(CFLAGS) -fPIE -pthread $(FLAVOUR_FLAGS)
LINK = $(CC) $(CFLAGS) -pie -pthread $(FLAVOUR_FLAGS) -Wl,-z,relro,-z,now,--as-needed $(LDFLAGS)
CMOCKA_LIBS = $(shell $(PKG_CONFIG) --libs cmocka)

# One line a step; V=1 shows the whole commands.
Q = $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)")

# Objects depend on the command that makes them, so that another compiler or flag rebuilds them.
ifdef VERSION
ifneq ($(strip $(COMPILE)),$(strip $(file <$(B)/flags)))
$(shell mkdir -p $(B))
$(file >$(B)/flags,$(strip $(COMPILE)))
endif
ifneq ($(strip $(ROOST_SRC) $(SERVER_SRC)),$(strip $(file <$(B)/sources)))
$(file >$(B)/sources,$(strip $(ROOST_SRC) $(SERVER_SRC)))
endif
endif

# ---- Building ----

# They are written above; these rules serve a goal list such as "clean all".
$(B)/flags:
	@mkdir -p $(@D)
	$(file >$@,$(strip $(COMPILE)))
$(B)/sources:
	@mkdir -p $(@D)
	$(file >$@,$(strip $(ROOST_SRC) $(SERVER_SRC)))

all: $(PROGRAMS)
tests: $(TESTS) $(B)/fault/shim.so
objects: $(call objs,$(ROOST_SRC) $(SERVER_SRC) $(MAIN_SRC) $(CTL_SRC) $(AGENT_SRC) $(TEST_SRC) $(FUZZ_SRC) \
	$(BENCH_SRC)) $(B)/fault/shim.so
fuzzers: $(FUZZERS)
benches: $(BENCHES)

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/libroost.a: $(call objs,$(ROOST_SRC)) $(B)/sources
	@rm -f $@
	$(call say,AR $@)
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(B)/libserver.a: $(call objs,$(SERVER_SRC)) $(B)/sources
	@rm -f $@
	$(call say,AR $@)
	$(Q)$(AR) rcs $@ $(filter %.o,$^)

$(B)/roostd: $(call objs,$(MAIN_SRC)) $(LIBS)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(LIBRARY_LIBS)

$(B)/roostctl: $(call objs,$(CTL_SRC)) $(LIBS)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(LIBRARY_LIBS)

$(B)/roost-agent: $(call objs,$(AGENT_SRC)) $(LIBS)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(LIBRARY_LIBS)

$(B)/test/%: $(B)/obj/tests/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(LIBRARY_LIBS) $(CMOCKA_LIBS)

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(LIBS)
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(LINK) -o $@ $^ $(LIBRARY_LIBS)

$(B)/%_fuzz: $(B)/obj/tests/fuzz/%_fuzz.o $(LIBS)
	$(call say,LINK $@)
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBRARY_LIBS)

# Preloaded under the tests' servers: of no flavour, whatever theirs is.
$(B)/fault/shim.so: $(SHIM_SRC) $(B)/flags
	@mkdir -p $(@D)
	$(call say,LINK $@)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -fPIC -shared -pthread -o $@ $<

-include $(wildcard $(B)/obj/*/*.d $(B)/obj/*/*/*.d $(B)/obj/*/*/*/*.d)

# ---- Trying and checking. The last line of check, asan, tsan, faults and fuzz is "N passed, N failed". ----

# All cores, unless -j was given.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

run:
	@tools/dev/install-deps run
	@$(MAKE) $(JOBS) all
	@tools/dev/run

check:
	@tools/dev/install-deps check
	@$(MAKE) $(JOBS) all tests
	@tools/dev/check $(B)

clients:
	@tools/dev/install-deps clients
	@$(MAKE) $(JOBS) all
	@tools/dev/check $(B) clients

asan tsan:
	@$(MAKE) check B=build/$@ FLAVOUR=$@

fuzz:
	@tools/dev/install-deps ci
	@$(MAKE) $(JOBS) fuzzers B=build/fuzz FLAVOUR=fuzz CC=clang
	@tools/dev/fuzz build/fuzz

faults:
	@tools/dev/install-deps check
	@$(MAKE) $(JOBS) all $(B)/fault/shim.so
	@tests/fault/run $(FAULTS)

lint:
	@tools/dev/install-deps ci
	@$(MAKE) $(JOBS) objects B=build/lint-gcc CC=gcc WERROR=-Werror
	@$(MAKE) $(JOBS) objects B=build/lint-clang CC=clang WERROR=-Werror
	@$(MAKE) $(JOBS) all
	@tools/dev/lint

bench:
	@tools/dev/install-deps bench
	@$(MAKE) $(JOBS) all benches
	@tests/bench/run

# ---- Installing ----

install: all
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(bindir)
	install $(B)/roostd $(DESTDIR)$(sbindir)/roostd
	install $(filter-out %/roostd,$(PROGRAMS)) $(DESTDIR)$(bindir)
	for page in $(MANUALS); do install -D -m 644 $$page $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/} || exit 1; done

uninstall:
	rm -f $(DESTDIR)$(sbindir)/roostd $(DESTDIR)$(bindir)/roostctl $(DESTDIR)$(bindir)/roost-agent
	for page in $(MANUALS); do rm -f $(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}; done

clean:
	rm -rf build

help:
	@echo 'all        build/roostd, build/roostctl and the rest (CC=clang, CFLAGS=…, CONFIGURE_FLAGS=--prefix=…)'
	@echo 'run        install what is missing, build, start a server with a starter zone on 127.0.0.1@5300'
	@echo 'check      install what is missing, build, run every test'
	@echo 'clients    install the DHCP servers, ACME clients and so on that send updates, and run them against it; wants root'
	@echo 'asan tsan  the same under the address and undefined-behaviour, or the thread, sanitizer'
	@echo 'fuzz       replay the fuzzing corpora; with FUZZ_SECONDS=N also search, N seconds a target'
	@echo 'faults     1,000 faults of disk and power while updates stream (FAULTS="--faults N --seed N", FAULTS=--forever)'
	@echo 'lint       both compilers with -Werror, room order, formatting, manual pages'
	@echo 'bench      measure beside a bare echo and the peers installed (BENCH_ROWS=…, see tests/bench/run); build/bench/results.txt'
	@echo 'V=1        show whole commands'
	@echo 'install uninstall clean'
