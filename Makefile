# The two commands: `make demo` shows a group at work, `make test` checks everything.
# Both install the Debian packages they need where they may (root or sudo), else they say which to install.

PACKAGES := libreadline-dev libsqlite3-dev libyaml-dev
SWIFT ?= swift
# Random rounds and seeds of the tests; more of them by hand: make test SEEDS=2000 ROUNDS=10
SEEDS ?= 200
ROUNDS ?= 2
DEMO ?= --duration 60
RELEASE := --scratch-path .build-release -c release
STATIC := --scratch-path .build-static -c release --static-swift-stdlib

export PRODHA_SEEDS = $(SEEDS)
export PRODHA_ROUNDS = $(ROUNDS)

.PHONY: demo test lint format release static bench-failover clean packages

demo: packages
	$(SWIFT) build --product prodha
	.build/debug/prodha demo $(DEMO)

test: packages
	PRODHA_STRICT=1 $(SWIFT) build --build-tests
	PRODHA_STRICT=1 $(SWIFT) test --skip-build --no-parallel

lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	@! grep -rnE 'try!|Thread\.sleep' Sources || (echo 'Sources must not use these' && false)

format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

release: packages
	$(SWIFT) build $(RELEASE) --product prodha

static: packages
	$(SWIFT) build $(STATIC) --product prodha
	strip -o .build-static/prodha .build-static/release/prodha

bench-failover: static
	python3 Benchmarks/failover.py --prodha .build-static/prodha

clean:
	rm -rf .build .build-release .build-static .demo

packages:
	@missing=$$(for p in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else \
	    echo "Please install:" $$missing >&2; exit 1; fi; \
	$$sudo apt-get update -q && $$sudo apt-get install -y -q $$missing || \
	    { echo "Please install:" $$missing >&2; exit 1; }
