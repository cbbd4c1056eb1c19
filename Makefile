# Makefile: builds, tests and installs lifecycle. `make help` tells what it can do; GNU make 4 or later.
#
# CC, CFLAGS, CPPFLAGS, LDFLAGS, PREFIX and DESTDIR work as everywhere. BUILD is where everything made goes.
# VARIANT (asan, tsan, ucontext, coverage) is set by the targets of these names, which build into a BUILD of their own.

BUILD   ?= build
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
CFLAGS  ?= -O2 -g
ASAN_CC ?= gcc
TSAN_CC ?= clang
AARCH64_CC ?= aarch64-linux-gnu-gcc

# The one source of the version is include/lifecycle/api.h.
VERSION := $(shell awk '/define LC_VERSION_/ { v = v dot $$3; dot = "." } END { print v }' include/lifecycle/api.h)
# While the major version is 0 each minor version is a binary interface of its own.
MAJOR   := $(firstword $(subst ., ,$(VERSION)))
SONAME  := liblifecycle.so.$(if $(filter 0,$(MAJOR)),$(basename $(VERSION)),$(MAJOR))

pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)
BSD_CFLAGS   := $(call pkg,--cflags,libbsd)
BSD_LIBS     := $(or $(call pkg,--libs,libbsd),-lbsd)
CUNIT_CFLAGS := $(call pkg,--cflags,cunit)
CUNIT_LIBS   := $(or $(call pkg,--libs,cunit),-lcunit)
ZLIB_CFLAGS  := $(call pkg,--cflags,zlib)
ZLIB_LIBS    := $(or $(call pkg,--libs,zlib),-lz)
SQLITE_CFLAGS := $(call pkg,--cflags,sqlite3)
SQLITE_LIBS   := $(or $(call pkg,--libs,sqlite3),-lsqlite3)

# ---- how things are compiled ----

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wconversion -Wno-sign-conversion
# clang does not define the macros by which GCC's sanitizers are recognised. GCC's runtime is linked statically,
# because a shared one insists on being loaded before what the tests preload.
asan_FLAGS      := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan_LINK       := $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
tsan_FLAGS      := -fsanitize=thread -fno-omit-frame-pointer $(if $(findstring clang,$(CC)),-D__SANITIZE_THREAD__=1)
coverage_FLAGS  := --coverage -fprofile-update=atomic -O0
ucontext_FLAGS  := -DLC__SWITCH_UCONTEXT
SANITIZE := $($(VARIANT)_FLAGS)

# Test builds have the library's assertions, and know the holder of each lock: lib/base/assert.h.
ASSERTIONS := -DLC__ASSERTIONS
COMPILE = $(CC) -std=c11 -fPIC -fvisibility=hidden -fstack-clash-protection -pthread \
          $(WARNINGS) $(WERROR) $(CFLAGS) $(SANITIZE)
LINK    = $(CC) -pthread $(CFLAGS) $(SANITIZE) $($(VARIANT)_LINK) $(LDFLAGS)
show    = $(if $(V),,@echo "  $(1)	$@";)

# ---- what there is ----

OBJ := $(BUILD)/obj
objects = $(patsubst %.c,$(OBJ)/%.o,$(1))

LIB_OBJECTS     := $(call objects,$(wildcard lib/*/*.c))
# The library again, with its assertions, for the tests. A variant has them in its one library.
ASSERTED_OBJECTS := $(if $(VARIANT),,$(LIB_OBJECTS:$(OBJ)/%=$(BUILD)/asserted/%))
BENCH_OBJECTS   := $(call objects,$(wildcard tests/bench/*.c))
INTERPOSERS     := $(wildcard tests/ledger/interpose*.c)
PROGRAMS        := $(patsubst tests/%.c,$(BUILD)/tests/%.so,$(wildcard tests/programs/*.c))
TEST_OBJECTS    := $(call objects,\
                   $(filter-out tests/bench/% tests/gdb/% tests/programs/% tests/switch/% tests/targets/% $(INTERPOSERS),\
                     $(wildcard tests/*/*.c)))
# Programs that show how the API reads.
TARGETS         := $(addprefix $(BUILD)/tests/targets/,greeter shop shop_test)
# examples/NAME.c, or every file of examples/NAME/, becomes build/examples/NAME. examples/NAME/NAME_test.c and what else is
# there, but for NAME.c with its main, becomes build/examples/NAME_test.
EXAMPLES        := $(sort $(basename $(wildcard examples/*.c)) $(patsubst %/,%,$(dir $(wildcard examples/*/*.c))))
EXAMPLE_TESTS   := $(patsubst %.c,examples/%,$(notdir $(wildcard examples/*/*_test.c)))
EXAMPLE_OBJECTS := $(call objects,$(wildcard examples/*.c examples/*/*.c))
OBJECTS         := $(LIB_OBJECTS) $(ASSERTED_OBJECTS) $(BENCH_OBJECTS) $(TEST_OBJECTS) $(EXAMPLE_OBJECTS)
NATIVE_SWITCHES := $(BUILD)/switch/native $(BUILD)/switch/ucontext
GDB_PROGRAMS    := $(BUILD)/gdb/static $(BUILD)/gdb/shared
SWITCHES        := $(NATIVE_SWITCHES) $(BUILD)/switch/aarch64 $(BUILD)/switch/aarch64-ucontext

STATIC   := $(BUILD)/liblifecycle.a
ASSERTED := $(if $(VARIANT),$(STATIC),$(BUILD)/asserted/liblifecycle.a)
SHARED   := $(BUILD)/liblifecycle.so.$(VERSION)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDEXPANSION:
.PHONY: all examples deps run check check-long check-asan check-tsan check-valgrind check-ucontext check-switch check-gdb bench \
        bench-long bench-kv lint format coverage docs graph install uninstall clean help libraries tests switches native-switches \
        gdb-programs benchmarks peers FORCE

all: libraries examples ## build the libraries and the examples
libraries: $(STATIC) $(SHARED)
examples: $(EXAMPLES:%=$(BUILD)/%) $(EXAMPLE_TESTS:%=$(BUILD)/%)
tests: $(BUILD)/tests/check $(INTERPOSERS:tests/ledger/%.c=$(BUILD)/tests/%.so) $(PROGRAMS) $(TARGETS) examples
benchmarks: $(BUILD)/tests/bench examples
switches: $(SWITCHES)
native-switches: $(NATIVE_SWITCHES)
gdb-programs: $(GDB_PROGRAMS)
peers: $(BUILD)/bench-peers/go $(BUILD)/bench-peers/otp

# ---- rules ----

HERE := -DCHECK_SOURCE_DIR='"$(CURDIR)"' -DCHECK_BUILD_DIR='"$(abspath $(BUILD))"' -DCHECK_VARIANT='"$(VARIANT)"'
# Examples see what a user's program sees; as there, a literal may be an `arg`. The "=" agrees with files that define
# _GNU_SOURCE themselves.
INSIDE = -D_GNU_SOURCE= -Ilib -Iinclude $(BSD_CFLAGS)
$(LIB_OBJECTS): private UNIT = $(INSIDE) $(if $(VARIANT),$(ASSERTIONS))
$(ASSERTED_OBJECTS): private UNIT = $(INSIDE) $(ASSERTIONS)
$(TEST_OBJECTS): private UNIT = $(INSIDE) $(ASSERTIONS) -Itests $(HERE) $(CUNIT_CFLAGS)
$(BENCH_OBJECTS): private UNIT = $(INSIDE) -Itests $(HERE) $(CUNIT_CFLAGS)
$(EXAMPLE_OBJECTS): private UNIT = -Wno-write-strings -Iinclude $(BSD_CFLAGS) $(ZLIB_CFLAGS) $(SQLITE_CFLAGS)

$(filter $(OBJ)/%,$(OBJECTS)): $(OBJ)/%.o: %.c $(BUILD)/flags
$(ASSERTED_OBJECTS): $(BUILD)/asserted/%.o: %.c $(BUILD)/flags
$(OBJECTS):
	@mkdir -p $(@D)
	$(call show,CC)$(COMPILE) $(UNIT) $(CPPFLAGS) -MMD -MP -c -o $@ $<

# Changes when the flags do, so that objects made with other flags are made again.
$(BUILD)/flags: private FLAGS = $(COMPILE) $(CPPFLAGS) $(ASSERTIONS) $(LINK)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@

$(STATIC): $(LIB_OBJECTS)
$(BUILD)/asserted/liblifecycle.a: $(ASSERTED_OBJECTS)
$(STATIC) $(BUILD)/asserted/liblifecycle.a:
	@rm -f $@
	$(call show,AR)$(AR) rcs $@ $^

$(SHARED): $(LIB_OBJECTS)
	$(call show,LD)$(LINK) -shared -Wl,-soname,$(SONAME) $(if $(findstring -fsanitize,$(LINK)),,-Wl,-z,defs) -o $@ $^ $(BSD_LIBS)
	@ln -sf $(@F) $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $(BUILD)/liblifecycle.so

$(BUILD)/examples/ledger: private LIBS = $(ZLIB_LIBS)
$(BUILD)/examples/kv $(BUILD)/examples/kv_test: private LIBS = $(SQLITE_LIBS)
$(EXAMPLES:%=$(BUILD)/%): \
    $$(call objects,$$(filter-out %_test.c,$$(wildcard examples/$$(@F).c examples/$$(@F)/*.c))) $(STATIC)
$(EXAMPLE_TESTS:%=$(BUILD)/%): $(BUILD)/examples/%_test: \
    $$(call objects,$$(filter-out examples/$$*/$$*.c,$$(wildcard examples/$$*/*.c))) $(STATIC)
$(EXAMPLES:%=$(BUILD)/%) $(EXAMPLE_TESTS:%=$(BUILD)/%):
	@mkdir -p $(@D)
	$(call show,LD)$(LINK) -o $@ $^ $(LIBS) $(BSD_LIBS)

$(BUILD)/tests/check: private LIBS = $(CUNIT_LIBS) -lm -rdynamic
$(BUILD)/tests/check: $(TEST_OBJECTS) $(ASSERTED)
$(BUILD)/tests/bench: $(BENCH_OBJECTS) $(STATIC)
$(BUILD)/tests/check $(BUILD)/tests/bench:
	@mkdir -p $(@D)
	$(call show,LD)$(LINK) -o $@ $^ $(LIBS) $(BSD_LIBS)

# Preloaded into programs by tests; never sanitized, since a sanitizer must not be loaded twice.
$(BUILD)/tests/%.so: tests/ledger/%.c tests/ledger/lack.h
	@mkdir -p $(@D)
	$(call show,LD)$(CC) -std=c11 -D_GNU_SOURCE= -fPIC -shared -pthread $(WARNINGS) $(WERROR) -O2 -g -o $@ $< -ldl

# What tests spawn isolates from; it calls the library that is in the test program.
$(PROGRAMS): $(BUILD)/tests/%.so: tests/%.c $(wildcard include/lifecycle/*.h) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call show,LD)$(CC) -std=c11 -D_GNU_SOURCE= -fPIC -fvisibility=hidden -shared $(WARNINGS) $(WERROR) -O2 -g \
	    -Iinclude -o $@ $<

# As strictly as a user may build them. shop_parts.c is what the shop's two programs do not show.
$(BUILD)/tests/targets/shop $(BUILD)/tests/targets/shop_test: tests/targets/shop_parts.c tests/targets/shop.h
$(TARGETS): $(BUILD)/tests/targets/%: tests/targets/%.c $(wildcard include/lifecycle/*.h) $(STATIC) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call show,LD)$(LINK) -std=c11 -Wall -Wextra -Wpedantic -Werror -O2 -g -Iinclude -o $@ \
	    $(filter %.c,$^) $(STATIC) $(BSD_LIBS)

# The switch by itself, in each of its ways.
$(BUILD)/switch/%ucontext: private UNIT = $(ucontext_FLAGS)
$(SWITCHES): $(wildcard tests/switch/*.c lib/executor/switch_*.c) lib/executor/switch.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call show,LD)$(if $(findstring aarch64,$(@F)),$(AARCH64_CC) -static,$(CC)) -std=c11 -D_GNU_SOURCE= \
	    $(WARNINGS) $(WERROR) -O2 -g $(UNIT) -Ilib -o $@ $(filter %.c,$^) -lm

# What gdb is shown: with the static library and with the shared one.
$(BUILD)/gdb/static: private LIBS = $(STATIC)
$(BUILD)/gdb/shared: private LIBS = -L$(BUILD) -llifecycle -Wl,-rpath,$(abspath $(BUILD))
$(GDB_PROGRAMS): tests/gdb/fibers.c $(STATIC) $(SHARED)
	@mkdir -p $(@D)
	$(call show,LD)$(CC) -std=c11 -D_GNU_SOURCE= -pthread $(WARNINGS) $(WERROR) -O0 -g -Iinclude -o $@ $< \
	    $(LIBS) $(BSD_LIBS)

# What the bench runs beside the library. A peer that cannot be built is missing in its table, and the rest is measured.
# The Go compiler keeps its cache here too, asks no network and reads no setting of the user.
GO_PEERS := $(BUILD)/bench-peers/go $(BUILD)/bench-peers/kv
$(GO_PEERS): private export GOCACHE = $(abspath $(BUILD))/bench-peers/cache
$(GO_PEERS): private export GOPATH = $(GOCACHE)/path
$(GO_PEERS): private export GOFLAGS = -buildvcs=false
$(GO_PEERS): private export GOPROXY = off
$(GO_PEERS): $(BUILD)/bench-peers/%: $$(wildcard tests/bench/peers/%/*)
	@mkdir -p $(@D)
	$(call show,GO)cd $(<D) && go build -o $(abspath $@) . || rm -f $(abspath $@)

$(BUILD)/bench-peers/otp: $(wildcard tests/bench/peers/erlang/*)
	@mkdir -p $(@D)
	$(call show,ERLC)erlc -o $(@D) $(filter %.erl,$^) && cp $(<D)/otp $@ || rm -f $@

-include $(OBJECTS:.o=.d)

# ---- what one asks for ----

# Builds the targets named after it, on all processors unless make was told a number with -j.
build = +@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

DEPS := deps-run deps-check deps-lint deps-asan deps-tsan deps-valgrind deps-switch deps-gdb deps-coverage \
        deps-docs deps-bench
.PHONY: $(DEPS)
deps: deps-check ## install what run and check need (deps-lint, deps-tsan, deps-docs, ... for others)
$(DEPS): deps-%:
	@.ci/deps $*

run: deps-run ## start the ledger, a service to play with; ARGS="--port 7071" passes options on
	$(build) $(BUILD)/examples/ledger
	@printf '%s\n' \
	    'Once the ledger says where it listens (127.0.0.1:7070 unless told otherwise), in another terminal:' \
	    '    nc 127.0.0.1 7070' \
	    'then type: APPEND hello, GET 1, COUNT, STATUS, QUIT. Ctrl-C here stops it. It keeps its lines in' \
	    './ledger-data. ARGS="--port 7071 --data DIR --allow-fail" passes options on.'
	@exec $(BUILD)/examples/ledger $(ARGS)

check: deps-check ## run all tests; TESTS=word runs the suites with that word in their title
	$(build) tests
	@$(BUILD)/tests/check $(TESTS)

check-long: deps-check ## run all tests with the large counts
	$(build) tests
	@LC_CHECK_LONG=1 $(BUILD)/tests/check $(TESTS)

# Sanitizers of this age stumble over addresses that are all too random.
STEADY = $$(setarch -R true 2>/dev/null && echo setarch -R)

check-asan: export ASAN_OPTIONS ?= detect_leaks=1
check-asan: export UBSAN_OPTIONS ?= print_stacktrace=1
check-asan: deps-asan ## run all tests under the address, leak and undefined behaviour sanitizers
	$(build) VARIANT=asan BUILD=$(BUILD)/asan CC='$(ASAN_CC)' tests
	@$(STEADY) $(BUILD)/asan/tests/check $(TESTS)

check-tsan: export TSAN_OPTIONS ?= second_deadlock_stack=1
check-tsan: deps-tsan ## run all tests under the thread sanitizer
	$(build) VARIANT=tsan BUILD=$(BUILD)/tsan CC='$(TSAN_CC)' tests
	@$(STEADY) $(BUILD)/tsan/tests/check $(TESTS)

check-valgrind: deps-valgrind ## run all tests, with small counts, under Valgrind's memcheck
	$(build) tests
	@LC_CHECK_QUICK=1 valgrind --quiet --error-exitcode=99 --leak-check=full --child-silent-after-fork=yes \
	    --fair-sched=try $(BUILD)/tests/check $(TESTS)

check-ucontext: deps-check ## run all tests with fibers switched as on a processor without assembly of ours
	$(build) VARIANT=ucontext BUILD=$(BUILD)/ucontext tests
	@$(BUILD)/ucontext/tests/check $(TESTS)

check-switch: deps-switch ## test the switch of stacks by itself: here, by ucontext, and for AArch64 under qemu
	$(build) switches
	@set -e; for way in $(SWITCHES); do \
	    case $$way in */aarch64*) emulator=qemu-aarch64 ;; *) emulator= ;; esac; \
	    printf '%s: ' $${way##*/}; $$emulator $$way; \
	done

check-gdb: deps-gdb ## test the script by which gdb shows fibers, on a process and on a core file
	$(build) gdb-programs
	@set -e; for program in $(GDB_PROGRAMS); do \
	    gdb -nx -batch -x tools/lifecycle-gdb.py -x tests/gdb/check.py $$program >$$program.log 2>&1 || \
	        { cat $$program.log; exit 1; }; \
	    tail -n 1 $$program.log; \
	done

bench: ## measure, beside Go and Erlang too, print and write build/bench.tsv; FIGURES=word for some
bench-long: export LC_BENCH_SECONDS ?= 1500 ## the same, with more samples of each figure
bench bench-long: deps-run
	@.ci/deps bench || echo 'Without them, figures of these peers are missing.'
	$(build) benchmarks peers
	@$(BUILD)/tests/bench $(FIGURES)

bench-kv: deps-run ## load the key-value store, beside the same in Go, and print requests per second
	@.ci/deps bench || echo 'Without them, what is missing is told.'
	$(build) $(BUILD)/examples/kv $(BUILD)/bench-peers/kv
	@tests/bench/kv $(BUILD)

coverage: deps-coverage ## run all tests and tell which lines of lib/ they reach
	$(build) VARIANT=coverage BUILD=$(BUILD)/coverage tests
	@find $(BUILD)/coverage -name '*.gcda' -delete
	@$(BUILD)/coverage/tests/check $(TESTS)
	@gcovr --root . --filter lib/ --html-details $(BUILD)/coverage/index.html --print-summary $(BUILD)/coverage
	@echo 'Line by line: $(BUILD)/coverage/index.html'

# Where gdb looks for what goes with a library, if its own prefix is the same; else one sources the other.
GDB_SCRIPTS = $(PREFIX)/share/lifecycle/lifecycle-gdb.py \
              $(PREFIX)/share/gdb/auto-load$(LIBDIR)/liblifecycle.so.$(VERSION)-gdb.py

install: libraries ## install the libraries, headers and pkg-config file under DESTDIR and PREFIX
	@install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include/lifecycle
	@install -m 644 include/lifecycle.h $(DESTDIR)$(PREFIX)/include
	@install -m 644 include/lifecycle/*.h $(DESTDIR)$(PREFIX)/include/lifecycle
	@install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)
	@install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)
	@ln -sf liblifecycle.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	@ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liblifecycle.so
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$${prefix}/include' '' \
	    'Name: lifecycle' 'Description: Component lifecycle: start, ready, supervise, stop' \
	    'Version: $(VERSION)' 'Requires.private: libbsd' 'Cflags: -I$${includedir} -fstack-clash-protection' \
	    'Libs: -L$${libdir} -llifecycle' 'Libs.private: -pthread' \
	    > $(DESTDIR)$(LIBDIR)/pkgconfig/lifecycle.pc
	@for script in $(GDB_SCRIPTS); do install -D -m 644 tools/lifecycle-gdb.py $(DESTDIR)$$script; done
	@test -n '$(DESTDIR)' || ldconfig 2>/dev/null || true # so that programs find the shared library

uninstall: ## remove what install installed
	@rm -f $(DESTDIR)$(LIBDIR)/liblifecycle.* $(DESTDIR)$(LIBDIR)/pkgconfig/lifecycle.pc
	@rm -f $(addprefix $(DESTDIR),$(GDB_SCRIPTS))
	@rm -rf $(DESTDIR)$(PREFIX)/include/lifecycle.h $(DESTDIR)$(PREFIX)/include/lifecycle

docs: deps-docs ## make the reference, HTML and man pages, in build/docs
	@mkdir -p $(BUILD)
	@VERSION=$(VERSION) BUILD=$(BUILD) doxygen docs/Doxyfile
	@find $(BUILD)/docs/man -name '*.3' ! -name '*.h.3' ! -iname 'lc_*' -delete # pages of single members
	@echo 'The reference: $(BUILD)/docs/html/index.html'

graph: deps-run deps-docs ## draw the graph of a running ledger again, docs/ledger-graph.svg
	$(build) $(BUILD)/examples/ledger
	@docs/ledger-graph $(BUILD)/examples/ledger >$(BUILD)/ledger-graph.svg
	@mv $(BUILD)/ledger-graph.svg docs/ledger-graph.svg

# ---- lint ----

C_FILES := $(wildcard $(addsuffix /*.[ch],include include/* lib/* tests/* examples examples/*))
# The targets stay as they were written, letter by letter.
LAID_OUT := $(filter-out tests/targets/greeter.c tests/targets/shop.c tests/targets/shop.h tests/targets/shop_test.c,\
              $(C_FILES))
LINT    := lint-format lint-columns lint-floors lint-layers lint-statics lint-words lint-subjects lint-headers \
           lint-symbols lint-abi lint-shown lint-links lint-inside lint-gcc lint-clang lint-tidy lint-cppcheck
.PHONY: $(LINT)

lint: deps-lint ## check layout, layers, names, words, headers, symbols, docs, warnings; clang-tidy; cppcheck
	$(build) --keep-going $(LINT)

lint-format:
	@clang-format --dry-run -Werror $(LAID_OUT)

lint-floors:
	@tests/lint/floors $(wildcard lib/*/*.[ch])

lint-columns:
	@tests/lint/columns $(C_FILES)

lint-layers: $(STATIC)
	@tests/lint/layers nm $(LIB_OBJECTS)

lint-statics:
	@tests/lint/statics $(wildcard lib/*/*.[ch])

lint-words:
	@tests/lint/words tests/lint/words.exceptions $(filter-out tests/lint/%,$(LAID_OUT)) Makefile \
	    $(wildcard *.md docs/*.md tests/*.md tests/lint/[!w]* tools/*.py .ci/*)

# The first commit of which the length of the subject was checked.
lint-subjects:
	@tests/lint/subjects 0f66dcf

lint-headers:
	@tests/lint/headers include/lifecycle.h include/lifecycle/*.h

lint-symbols: $(SHARED)
	@tests/lint/symbols $(SHARED) include/lifecycle.h

lint-abi: $(SHARED)
	@CC='$(CC)' CFLAGS='$(CFLAGS)' tests/lint/abi $(SHARED) $(BUILD)/lint/abi

lint-shown:
	@tests/lint/shown include/lifecycle.h README.md $(wildcard docs/*.md examples/*.[ch] examples/*/*.[ch])

lint-links:
	@tests/lint/links $(wildcard *.md docs/*.md)

lint-inside:
	@tests/lint/inside docs/inside.md

# What clang warns of does not depend on how much it optimises; GCC sees more when it does.
lint-clang: private FASTER = CFLAGS='-O0'
lint-gcc lint-clang: lint-%:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/lint/$* CC=$* WERROR=-Werror $(FASTER) libraries tests benchmarks \
	    native-switches gdb-programs

TIDY := $(patsubst %.c,$(BUILD)/lint/%.tidy,$(filter %.c,$(C_FILES)))
lint-tidy: $(TIDY)
$(TIDY): $(BUILD)/lint/%.tidy: %.c .clang-tidy $(filter %.h,$(C_FILES))
	@mkdir -p $(@D)
	$(call show,TIDY)clang-tidy --quiet $< -- -std=c11 -pthread -Iinclude \
	    $(if $(filter examples/%,$<),,-D_GNU_SOURCE= -Ilib -Itests $(HERE)) 2>$@.log || \
	    { grep -v 'generated\.$$' $@.log; exit 1; }
	@touch $@

# It is shown libbsd's lists and trees, which are all macros, and no other header of the system.
lint-cppcheck:
	@rm -rf $(BUILD)/lint/cppcheck && mkdir -p $(BUILD)/lint/cppcheck # what it kept of older files misleads it
	@cppcheck --quiet -j$(shell nproc) --cppcheck-build-dir=$(BUILD)/lint/cppcheck --std=c11 --library=posix \
	    --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --suppressions-list=tests/lint/cppcheck.suppress -D_GNU_SOURCE $(ASSERTIONS) -Ilib -Iinclude -Itests \
	    $(foreach h,queue tree,--include=$(call pkg,--variable=includedir,libbsd)/bsd/sys/$(h).h) $(filter %.c,$(C_FILES))

format: deps-lint ## lay out all C files as .clang-format says
	@clang-format -i $(LAID_OUT)

clean: ## remove everything built
	@rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
