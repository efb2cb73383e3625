# chatd and the reactor below it. `make help` lists the targets.
# New files are picked up by where they are: reactor/*/*.c is the library, chat/*/*.c the server,
# tools/chatload/*.c the load-test client, tests/**/test_*.c one Criterion binary each,
# tests/fuzz/fuzz_*.c one fuzz target each, tests/sim/*.c the simulator, tests/support/*.c what
# tests share, executable tests/scripts/*.sh are tests too. tools/bench/*.c is one program each, but
# for relay.c, and so is reactor/examples/*.c, but for http.c and site.c.

BUILD  ?= build
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
# Warnings don't stop a build of the released sources with a compiler newer than they are; .ci/run
# and whoever works on them set WERROR=-Werror.
WERROR ?=

CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null))
# -Wvla: a stack that grows with input has no limit. -Wjump-misses-init: a task's step is entered by
# a jump past its declarations; clang says so under another name.
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            $(if $(CLANG),-Wconditional-uninitialized,-Wjump-misses-init) $(WERROR)
# NDEBUG is defined nowhere: asserts state invariants, are cheap, and stay on in the release build.
# What the tests run is therefore what is shipped.
# WIDE: sizes of files and times have 64 bits on 32-bit machines too.
WIDE    := -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
# -fno-tree-slp-vectorize: gcc would store the two pointers of a list node as one vector. That costs
# 3 to 6 % more instructions for task switches, queues, turns and timers (callgrind, gcc 12).
COMPILE = $(CC) -std=gnu11 $(WIDE) -fno-tree-slp-vectorize $(WARNINGS) -I. $(CPPFLAGS) $(CFLAGS)

sources   = $(sort $(wildcard $1))
objects   = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $2,$(call sources,$1)))
programs  = $(patsubst %.c,$(BUILD)/%,$(filter-out $2,$(call sources,$1)))
REACTOR  := $(call objects,reactor/*/*.c,reactor/examples/%)
CHAT     := $(call objects,chat/*/*.c,chat/server/main.c)
LOAD     := $(call objects,tools/chatload/*.c,tools/chatload/main.c)
HELPERS  := $(call objects,tests/support/*.c)
TESTS    := $(call programs,tests/*/test_*.c tests/*/*/test_*.c)
FUZZERS  := $(call programs,tests/fuzz/fuzz_*.c)
REPLAYS  := $(FUZZERS:%=%.replay)
EXAMPLES := $(call programs,reactor/examples/*.c,%/http.c %/site.c)
MEASURES := $(call programs,tools/bench/*.c,%/relay.c)
SCRIPTS  := $(wildcard tests/scripts/*.sh)
SIM      := $(call objects,tests/sim/*.c)
LIBRARY  := $(BUILD)/libreactor.a
LIBCHAT  := $(BUILD)/libchat.a
LIBLOAD  := $(BUILD)/libchatload.a
LIBTESTS := $(BUILD)/libtests.a
CHATD    := $(BUILD)/chatd
# What a program may include: reactor.h and what that includes.
PUBLIC    = $(filter reactor/%.h,$(shell $(CC) -MM -I. reactor/reactor.h))

all: $(LIBRARY) $(CHATD) $(BUILD)/chatload ## release build: chatd, chatload, libreactor.a

run: $(BUILD)/chatd ## build and start chatd; options in ARGS='...'
	exec $< $(ARGS)

setup: ## install what the tests need and is missing (Criterion, telnet, nc, ...)
	tools/setup test

setup-lint: ## the same for lint, clang and the fuzz targets
	tools/setup lint

# `make -j setup test` has to install Criterion before it compiles what includes it.
AFTER_SETUP := $(filter setup,$(MAKECMDGOALS))
$(TESTS:=.o) $(HELPERS) run-tests: | $(AFTER_SETUP)

test: run-tests ## build and run all tests; ends with `N passed, N failed`
run-tests: $(TESTS) $(EXAMPLES) $(MEASURES) $(CHATD) $(BUILD)/chatload $(BUILD)/sim
	CC='$(CC)' CHATD='$(CHATD)' BUILD='$(BUILD)' tests/scripts/run $(BUILD)/results $(SCRIPTS) $(TESTS)

# -fno-sanitize-recover: undefined behaviour ends the test instead of only being printed.
# detect_stack_use_after_return: the only thing that catches a task that keeps a pointer to a local.
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
asan: | $(AFTER_SETUP) ## all tests again under the address and undefined behaviour sanitizers
	ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=1:print_legend=0:$$ASAN_OPTIONS \
	UBSAN_OPTIONS=print_stacktrace=1:$$UBSAN_OPTIONS \
	$(MAKE) test BUILD=$(BUILD)/asan CFLAGS='$(SANITIZE)'

# Unoptimized, gcc knows less of how long a text can be.
COVERAGE := -O0 -g --coverage -Wno-format-truncation
coverage: | $(AFTER_SETUP) ## branch coverage of reactor/ and chat/ per file, by all tests
	mkdir -p $(BUILD)/coverage
	find $(BUILD)/coverage -name '*.gcda' -delete
	$(MAKE) test BUILD=$(BUILD)/coverage CFLAGS='$(COVERAGE)'; status=$$?; \
		tests/scripts/coverage $(BUILD)/coverage && exit $$status

FUZZ_SECONDS ?= 20
fuzz: ## run every fuzz target for FUZZ_SECONDS (20) with clang's libFuzzer
	$(MAKE) run-fuzzers CC=clang BUILD=$(BUILD)/fuzz CFLAGS='$(SANITIZE) -fsanitize=fuzzer-no-link'
run-fuzzers: $(FUZZERS)
	printf '%s\n' $(FUZZERS) | xargs -P "$$(nproc)" -I '{}' tests/scripts/fuzz '{}' $(FUZZ_SECONDS)

# Criterion is this machine's alone, and so are the tests: they talk to a server that is not. The
# parsers replay what fuzzing found. With musl it is the chatd of `make static`.
PORT_static := CC=musl-gcc LDFLAGS=-static
PORT_musl   := $(PORT_static)
PORT_m32     = CC='$(CC) -m32'
PORT_SCRIPTS_musl := tests/scripts/port/chroot.sh
PORT_TESTS  := $(filter $(addprefix $(BUILD)/tests/wire/test_,start talk_lines telnet_wire limits \
                                    unix_sockets),$(TESTS))
musl m32: $(PORT_TESTS) ## test a chatd built with musl, or for 32 bits
	$(MAKE) port $(PORT_$@) BUILD=$(BUILD)/$@
	BUILD='$(BUILD)' PORT='$(abspath $(BUILD)/$@)' CHATD=tests/scripts/port/chatd \
		tests/scripts/run $(BUILD)/$@/results tests/scripts/port/replay.sh \
		$(PORT_SCRIPTS_$@) $(PORT_TESTS)
port: $(CHATD) $(BUILD)/chatload $(REPLAYS)

static: ## build/static/chatd, one file that runs in an empty folder with chroot; needs musl-gcc
	$(MAKE) $(PORT_static) BUILD=$(BUILD)/static $(BUILD)/static/chatd

sim: $(BUILD)/sim ## the whole server, simulated, with fresh seeds on all cores until it is stopped
	$< --jobs "$$(nproc)"

sim-faults: $(BUILD)/sim ## plant known faults, one after the other: the simulator must find each
	BUILD='$(BUILD)' tests/sim/plant

examples: $(EXAMPLES) ## the small programs of reactor/examples

lint: ## format, house rules, cppcheck, clang-tidy
	tools/lint

format: ## let clang-format write the format that lint asks for
	find reactor chat tests tools -name '*.[ch]' | xargs clang-format -i

tidy: ## the mechanical part of the house rules: layers, lengths, names
	tools/tidy

bench: all $(MEASURES) ## performance as ratios, side by side in one run
	BUILD='$(BUILD)' tools/bench/bench

# Cflags: what the headers were compiled with, and the warnings that find what a task must not do.
VERSION = $(shell sed -n 's/^\#define VERSION "\(.*\)"/\1/p' chat/server/main.c)
define PKG_CONFIG
prefix=$(PREFIX)
Name: reactor
Description: an event loop with tasks, for one thread
Version: $(VERSION)
Cflags: -I"$${prefix}/include" $(WIDE) $(filter-out $(WERROR),$(WARNINGS))
Libs: -L"$${prefix}/lib" -lreactor
endef
export PKG_CONFIG

install: all ## programs, library, headers, manuals, systemd unit below DESTDIR/PREFIX (/usr/local)
	set -e; root='$(DESTDIR)$(PREFIX)'; copy() { install -D -m 644 "$$1" "$$root/$$2"; }; \
	install -d "$$root/bin" "$$root/lib/pkgconfig" "$$root/lib/systemd/system"; \
	install $(CHATD) $(BUILD)/chatload "$$root/bin"; \
	copy $(LIBRARY) lib/libreactor.a; \
	printf '%s\n' "$$PKG_CONFIG" >"$$root/lib/pkgconfig/reactor.pc"; \
	for header in $(PUBLIC); do copy "$$header" "include/$$header"; done; \
	for page in $(sort $(wildcard tools/man/*)); do \
		copy "$$page" "share/man/man$${page##*.}/$${page##*/}"; \
	done; \
	sed 's#/usr/local#$(PREFIX)#' tools/chatd.service >"$$root/lib/systemd/system/chatd.service"

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## this list
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

# Archives in the order in which they need each other, whatever order the rules name them in.
linked = $(foreach archive,$(LIBTESTS) $(LIBLOAD) $(LIBCHAT) $(LIBRARY),$(filter $(archive),$1))

$(BUILD)/chatd: $(BUILD)/chat/server/main.o
$(BUILD)/chatload: $(BUILD)/tools/chatload/main.o $(LIBLOAD)
$(BUILD)/sim: $(SIM)
$(EXAMPLES) $(MEASURES) $(TESTS) $(FUZZERS): %: %.o
$(filter %/floor %/floor_tick,$(MEASURES)): $(BUILD)/tools/bench/relay.o
$(addprefix $(BUILD)/reactor/examples/,aggregator crawler): $(BUILD)/reactor/examples/http.o
$(BUILD)/reactor/examples/crawler: $(BUILD)/reactor/examples/site.o
$(TESTS) $(FUZZERS): $(LIBTESTS) $(LIBLOAD)
$(TESTS): LDLIBS += -lcriterion
$(BUILD)/chatload $(TESTS): LDLIBS += -lm
# The fuzzer's own main().
$(FUZZERS): LDFLAGS += -fsanitize=fuzzer
# And a main() that needs no fuzzer.
$(REPLAYS): %.replay: %.o $(BUILD)/tests/fuzz/replay.o
$(CHATD) $(BUILD)/chatload $(BUILD)/sim $(EXAMPLES) $(MEASURES) $(TESTS) $(FUZZERS) $(REPLAYS): \
		$(LIBCHAT) $(LIBRARY)
	echo "  LINK $@"
	$(COMPILE) $(LDFLAGS) -o $@ $(filter %.o,$^) $(call linked,$^) $(LDLIBS)

$(BUILD)/libreactor.a: $(REACTOR)
$(BUILD)/libchat.a: $(CHAT)
$(BUILD)/libchatload.a: $(LOAD)
$(BUILD)/libtests.a: $(HELPERS)
$(BUILD)/lib%.a:
	echo "  AR   $@"
	rm -f $@
	$(AR) rc $@ $^

# -MMD -MP: each object brings the list of headers it was made of, and a removed header is no error.
$(BUILD)/%.o: %.c $(BUILD)/flags
	echo "  CC   $<"
	mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# Changes only when the compiler or its flags do, and then everything is compiled again.
$(BUILD)/flags: FORCE
	mkdir -p $(@D)
	echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

-include $(wildcard $(addprefix $(BUILD)/,*/*.d */*/*.d */*/*/*.d))

.PHONY: all run setup setup-lint test run-tests asan coverage fuzz run-fuzzers musl m32 port \
        static sim sim-faults examples lint format tidy bench install clean help FORCE
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
# Objects of programs are intermediate files to make, which would remove them.
.SECONDARY:
# V=1 shows the commands.
ifndef V
.SILENT:
endif
