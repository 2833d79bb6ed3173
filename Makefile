# The commands: `make demo` shows two regions at work, `make demo-nodeos` one with real nodeos, `make test` checks everything.
# Both install the Debian packages they need where they may (root or sudo), else they say which to install.

PACKAGES := libreadline-dev librabbitmq-dev libsecp256k1-dev libsqlite3-dev libyaml-dev zlib1g-dev
TEST_PACKAGES := curl faketime fish groff-base man-db mandoc openssl python3 rabbitmq-server strace systemd zsh
SWIFT ?= swift
# How much of what is random: seeds of the simulator, rounds of the tests, seconds of fuzzing. More by hand:
# make test SEEDS=20000 ROUNDS=10 SECONDS=600
SEEDS ?= 2000
# Seeds within which every deliberate bug must be found.
BUG_SEEDS ?= 2000
ROUNDS ?= 2
SECONDS ?= 60
DEMO ?= --duration 60
RELEASE := --scratch-path .build-release -c release
STATIC := --scratch-path .build-static -c release --static-swift-stdlib
CODE := Sources Tests Fuzz/Targets Fuzz/Package.swift Package.swift
SOAK := .build-soak/release/soak

export PRODHA_ROUNDS = $(ROUNDS)

.PHONY: demo demo-nodeos test units sanitize-thread sanitize-address simulate soak replay bugs bugs-units fuzz lint format man release static bench bench-growth bench-nodeos clean packages test-packages

demo: packages
	$(SWIFT) build --product prodha
	.build/debug/prodha demo $(DEMO)

# Fetches a nodeos when there is none yet.
demo-nodeos: packages
	$(SWIFT) build --product prodha
	nodeos=$$(Tests/Nodeos/get-nodeos) && .build/debug/prodha demo --nodeos "$$nodeos" $(DEMO)

test: units simulate bugs fuzz

units: test-packages
	PRODHA_STRICT=1 $(SWIFT) build --build-tests
	@# Into a file, since a process that outlives its test would keep a pipe open; what failed is said again at the end.
	PRODHA_STRICT=1 $(SWIFT) test --skip-build --no-parallel > .build/units.txt 2>&1 & tests=$$!; \
	tail -n +1 -f --pid=$$tests .build/units.txt & \
	wait $$tests || { result=$$?; wait; echo 'What failed:'; grep -a '✘' .build/units.txt; exit $$result; }

# The test targets under a sanitizer, in a folder of its own; those beside three real nodeos would take hours. A crash
# would else wait for Swift's own report; a process in which a race is found ends, and so fails its test; XCTest and
# Foundation leak, so leaks are not looked for.
sanitize-thread sanitize-address: export TSAN_OPTIONS = halt_on_error=1 suppressions=$(CURDIR)/Tests/thread-sanitizer.txt
sanitize-thread sanitize-address: export ASAN_OPTIONS = detect_leaks=0
sanitize-thread sanitize-address: sanitize-%: test-packages
	SWIFT_BACKTRACE=enable=no $(SWIFT) test --sanitize=$* --scratch-path .build-$* --no-parallel --skip NodeosTests

# The simulator at full speed: SEEDS seeds of 60 simulated seconds; `soak` goes on until it is stopped.
simulate: $(SOAK)
	$(SOAK) --seeds $(SEEDS)
	$(SOAK) --seeds $(SEEDS) --regions

soak: $(SOAK)
	$(SOAK) --first $$(date +%s)000

# One seed again, with everything that happens in it: make replay SEED=169, or, of two regions, SEED=169 REGIONS=1
replay: $(SOAK)
	PRODHA_TRACE=1 $(SOAK) --first $(SEED) --seeds 1 $(if $(REGIONS),--regions)

.PHONY: $(SOAK)
$(SOAK): packages
	$(SWIFT) build --scratch-path .build-soak -c release --product soak

# Every deliberate bug of Tests/Bugs must be found.
bugs: packages
	python3 Tests/Bugs/find.py --seeds $(BUG_SEEDS) --swift $(SWIFT)

# Those of what stands around the core, by the unit tests.
bugs-units: test-packages
	python3 Tests/Bugs/find.py --units --swift $(SWIFT)

# Bytes from outside: make fuzz SECONDS=3600 TARGETS="blocks p2p-stream"
fuzz: packages
	SWIFT="$(SWIFT)" Fuzz/run $(SECONDS) $(TARGETS)

lint:
	$(SWIFT) format lint --strict --recursive $(CODE)
	@! grep -rnE 'try!|Thread\.sleep' Sources || (echo 'Sources must not use these' && false)

format:
	$(SWIFT) format --in-place --recursive $(CODE)

# The pages of Man, from the help texts and Man/Templates, and the completions.
man: packages
	$(SWIFT) build --product prodha
	Man/generate .build/debug/prodha
	.build/debug/prodha --generate-completion-script bash > Completions/prodha.bash
	.build/debug/prodha --generate-completion-script zsh > Completions/_prodha
	.build/debug/prodha --generate-completion-script fish > Completions/prodha.fish

release: packages
	$(SWIFT) build $(RELEASE) --product prodha

static: packages
	$(SWIFT) build $(STATIC) --product prodha
	strip -o .build-static/prodha .build-static/release/prodha

# Beside etcd, from Debian's package, which may start one as a service too: make bench BENCH="--kills 30 --directory /var/lib"
bench: static
	@$(call install,etcd-server)
	.build-static/prodha bench --etcd $(BENCH)

bench-growth: static
	python3 Benchmarks/growth.py --prodha .build-static/prodha

# make bench-nodeos ROUNDS=20, and CHAIN=DIR: the data of a nodeos with a long chain, to be synced through a gate
bench-nodeos: static test-packages
	$(SWIFT) build --build-tests
	PRODHA_MEASURE=1 PRODHA_BINARY=$(CURDIR)/.build-static/prodha $(if $(CHAIN),PRODHA_CHAIN=$(abspath $(CHAIN))) \
	    $(SWIFT) test --skip-build --no-parallel --filter NodeosTests.Guarded/Measurements

clean:
	rm -rf .build .build-* .demo

# The broker is for the tests. Installing it may start one as a service, which they leave alone.
packages:
	@$(call install,$(PACKAGES))

test-packages: packages
	@$(call install,$(TEST_PACKAGES))

include Packaging/install.mk Packaging/package.mk

define install
missing=$$(for p in $(1); do \
    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
if [ -z "$$missing" ]; then exit 0; fi; \
if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
    echo "Please install:" $$missing >&2; exit 1; fi; \
$$sudo apt-get update -q && $$sudo apt-get install -y -q $$missing || \
    { echo "Please install:" $$missing >&2; exit 1; }
endef
