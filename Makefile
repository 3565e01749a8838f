# Every way to set up, build, try and check xlvs. `make demo` and `make test` need nothing but git
# and make on Debian 12: what is missing is installed first (.ci/setup names the packages).
# `make help` lists what there is to make. Assumes GNU make and bash.
# Read next: .ci/run (what CI runs), CONTRIBUTING.md (when to run what).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := build

# Node 24 comes from package-lock.json, whatever Node the machine has.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

PREFIX  ?= /usr/local
DESTDIR ?=
ORACLE  ?= ../shared/oracle
CASES   ?=
GUEST   ?= decap bond vlan
ARGS    ?=
COMMIT  ?=
FILES   ?=

CLANG        := clang-19
CLANG_FORMAT := clang-format-19
LLVM_STRIP   := llvm-strip-19
# mcpu=v3 is the newest instruction set of the kernel floor, 6.1; v4 needs 6.6.
BPF_CFLAGS    = -target bpf -g -O2 -mcpu=v3 -Wall -Wextra -Werror -fno-strict-aliasing \
		-D__TARGET_ARCH_$(BPF_ARCH) -I/usr/include/$$(gcc -print-multiarch)
BPF_ARCH     := $(if $(filter aarch64,$(shell uname -m)),arm64,x86)

PACKAGES      := node_modules/.xlvs-lock
ADDON_SOURCES := $(wildcard addon/*.cc addon/*.h addon/CMakeLists.txt addon/package.json)
ADDON         := $(if $(filter %.cc,$(ADDON_SOURCES)),addon/build/Release/libbpf_ts.node)
BPF_SOURCES   := $(wildcard bpf/*.h bpf/*.c)
BPF_OBJECTS   := $(if $(wildcard bpf/xlvs.bpf.c),build/xlvs.bpf.o) \
		 $(if $(wildcard bpf/tc.bpf.c),build/companion.bpf.o) \
		 $(if $(wildcard bpf/decap.bpf.c),build/decap.bpf.o)
TEST_OBJECTS  := build/test/pass.bpf.o build/test/wrap.bpf.o build/test/mute.bpf.o
# Another build of the program, to upgrade to in mid-traffic; -O3 leaves the tag as it is.
UPGRADE       := build/test/upgrade/xlvs.bpf.o build/test/upgrade/companion.bpf.o
PRELOAD_SOURCES := $(wildcard addon/preload/*.c addon/preload/*.h)
# What LD_PRELOAD is set to by xlvs exec; C of the machine's own compiler, and nothing but libc.
PRELOAD       := $(if $(PRELOAD_SOURCES),build/libxlvs-ipvs.so)
C_FILES       := $(wildcard bpf/*.h bpf/*.c addon/*.h addon/*.cc \
		 $(PRELOAD_SOURCES) test/*/*.c test/*/*.h)

.PHONY: help build demo test check bench bench-since oracle oracle-impl oracle-record \
	oracle-guest record install clean asan format addon preload bpf gen bpffs

build: addon preload bpf  ## addon, library and BPF objects, which is what make alone does

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

# --- Set-up ---------------------------------------------------------------------------------------

build/packages: .ci/setup
	@mkdir -p build
	@.ci/setup
	@touch $@

# Install scripts are not needed: Node and esbuild arrive as plain packages of this machine's kind.
# npm 9.2, Debian's, leaves a package's command out where it is called node: linked here instead.
# The copy tells whether the lock has changed or was only written again, as git does.
$(PACKAGES): package-lock.json | build/packages
	@cmp -s $< $@ || \
	  .ci/quietly 'Installing the npm packages of package-lock.json' npm ci --ignore-scripts
	@cd node_modules/.bin && [ -e node ] || ln -sf ../node-linux-*/bin/node node
	@node -e 'if (+process.versions.node.split(".")[0] < 24) process.exit(1)' || \
	  { echo "make: package-lock.json has no Node 24 for a $$(uname -m)" >&2; exit 1; }
	@cp $< $@

# Pinned maps need a BPF file system; mounting it is the one thing done to the machine besides apt.
bpffs:  ## mount /sys/fs/bpf where it is not
	@mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || \
	  { echo 'make: could not mount a BPF file system at /sys/fs/bpf: be root' >&2; exit 1; }

# --- Build ----------------------------------------------------------------------------------------

addon: $(ADDON)  ## the addon alone

addon/build/Release/libbpf_ts.node: $(ADDON_SOURCES) $(PACKAGES)
	@.ci/quietly 'Building the addon' cmake-js build -d addon -O addon/build -l warn
	@touch $@

preload: $(PRELOAD)  ## the library of xlvs exec alone

# Its own functions are found by the linker of programs, so it is not built with checks of libc.
build/libxlvs-ipvs.so: $(PRELOAD_SOURCES) Makefile | build/packages
	@.ci/quietly 'Building $@' gcc -std=gnu11 -D_GNU_SOURCE -U_FORTIFY_SOURCE -O2 -Wall \
	  -Wextra -Werror -fPIC -fvisibility=hidden -shared -Wl,-z,defs,-z,now -o $@.new \
	  addon/preload/*.c
	@mv $@.new $@

bpf: $(BPF_OBJECTS)  ## the BPF objects alone

# Each object is one translation unit: the rarer walks' .bpf.c files are included by the first.
define compile_bpf
	@.ci/quietly 'Building $@' $(CLANG) $(BPF_CFLAGS) -c $< -o $@.new
	@$(LLVM_STRIP) -g $@.new
	@mv $@.new $@
endef

build/xlvs.bpf.o: bpf/xlvs.bpf.c $(BPF_SOURCES) Makefile | build/packages
	$(compile_bpf)

build/companion.bpf.o: bpf/tc.bpf.c $(BPF_SOURCES) Makefile | build/packages
	$(compile_bpf)

build/decap.bpf.o: bpf/decap.bpf.c bpf/csum.h bpf/words.h Makefile | build/packages
	$(compile_bpf)

build/test/%.bpf.o: test/support/%.bpf.c Makefile | build/packages
	@mkdir -p $(@D)
	$(compile_bpf)

build/test/upgrade/xlvs.bpf.o: BPF_CFLAGS += -Os
build/test/upgrade/xlvs.bpf.o: bpf/xlvs.bpf.c $(BPF_SOURCES) Makefile | build/packages
	@mkdir -p $(@D)
	$(compile_bpf)

build/test/upgrade/companion.bpf.o: build/companion.bpf.o
	@mkdir -p $(@D)
	@cp $< $@

gen: build/xlvs.bpf.o build/decap.bpf.o $(PACKAGES)  ## control/abi/*.gen.ts from bpf/types.h
	node bpf/gen.ts build/xlvs.bpf.o > build/maps.gen.ts
	node bpf/gen.ts build/decap.bpf.o > build/decap.gen.ts
	cp build/maps.gen.ts build/decap.gen.ts control/abi/

# --- Try, check, measure --------------------------------------------------------------------------

demo: build $(TEST_OBJECTS) $(UPGRADE) bpffs  ## show xlvs at work; ARGS=--json for machines
	@node test/demo/main.ts $(ARGS)

test: build $(TEST_OBJECTS) $(UPGRADE) bpffs  ## every test, as root
	@node test/support/suite.ts

check: build  ## format, types, lint, generated code, tidy rules
	@.ci/check '$(CLANG_FORMAT)' $(C_FILES)

bench: build bpffs  ## ns a packet, ms of a command
	@node test/bench/start.ts
	@node test/bench/spread.ts
	@node test/bench/apply.ts
	@node test/bench/restore.ts
	@node test/bench/preload.ts
	@node test/bench/run.ts

bench-since: build bpffs  ## the packets' part beside an earlier COMMIT's, in turns
	@node test/bench/since.ts '$(COMMIT)'

# The plug-in that ../shared/oracle/README.md describes: it travels into the guest as one folder.
oracle-impl: build  ## what the oracle takes along, in build/oracle/impl
	@test/oracle/impl.sh build/oracle/impl

oracle: oracle-impl  ## compare with the kernel's IPVS; CASES=... for some, ORACLE=FOLDER
	@[ -x '$(ORACLE)/diff' ] || \
	  { echo 'make: the oracle is not at $(ORACLE): make oracle ORACLE=DIR' >&2; exit 1; }
	@test/oracle/run.sh '$(ORACLE)' build/oracle/impl $(CASES)

oracle-record:  ## ask the kernel's IPVS again for CASES=test/oracle/cases/...
	@test/oracle/record.sh '$(ORACLE)' $(CASES)

# Linux 6.1 with what the development kernel lacks: its own tunnels before the decapsulator, bonds.
oracle-guest: oracle-impl  ## bonds, tunnels and VLANs in a guest of Linux 6.1
	@test/oracle/guest/run.sh '$(ORACLE)' build/oracle/impl $(GUEST)

# The scenarios of test/ipvsadm/recorded/ again, with Debian's ipvsadm on Linux 6.1; 15 minutes.
record: $(PACKAGES)  ## ipvsadm's scenarios again with the real one; FILES=... for some
	@node test/ipvsadm/record.ts '$(ORACLE)' $(FILES)

# The addon's tests under the address and undefined-behaviour sanitizers.
asan: build bpffs  ## the addon's tests under the sanitizers
	@addon/asan.sh

format: $(PACKAGES)  ## write all sources as check wants them
	prettier --log-level warn --write $$(.ci/sources)
	$(if $(C_FILES),$(CLANG_FORMAT) -i $(C_FILES))

# --- Install --------------------------------------------------------------------------------------

install: build  ## into PREFIX (/usr/local), below DESTDIR; IPVSADM=1 for that name too
	@.ci/install '$(DESTDIR)' '$(PREFIX)'

# The npm packages stay: they follow package-lock.json by themselves.
clean:  ## remove what was built; npm packages stay
	rm -rf build addon/build
