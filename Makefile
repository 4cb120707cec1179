# Everything is reached from here; nothing has to be installed by hand (scripts/bootstrap.sh).

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export VIGIE_CACHE ?= $(HOME)/.cache/vigie
# One target folder outside the clone: a fresh clone does not build RocksDB again.
export CARGO_TARGET_DIR ?= $(VIGIE_CACHE)/target
export PATH := $(HOME)/.cargo/bin:$(PATH)

TOOLS_BIN := $(VIGIE_CACHE)/tools/bin
VIGIE := $(CARGO_TARGET_DIR)/release/vigie
# Where scripts/bootstrap.sh puts a Go toolchain that was missing, and where it may be already.
GO := PATH="$(VIGIE_CACHE)/go/bin:/usr/local/go/bin:$(PATH)" go
GO_TEST_FLAGS ?=
# Empty here; .ci/run sets it to --locked.
CARGO_FLAGS ?=
CARGO_TEST_FLAGS ?=
# Arguments of `make run`, for example ARGS="--config.file=prometheus.yml".
ARGS ?=

.PHONY: help
help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: bootstrap
bootstrap: ## Installs what is missing to build (apt packages, Rust); silent when nothing is.
	@scripts/bootstrap.sh

.PHONY: build
build: bootstrap ## Builds the binary.
	cargo build $(CARGO_FLAGS) --release --package vigie

.PHONY: run
run: build ## Builds and runs on http://127.0.0.1:9090, data in ./data; arguments by ARGS="...".
	$(VIGIE) $(ARGS)

.PHONY: test
test: bootstrap ## All tests that need nothing but this repository.
	cargo test $(CARGO_FLAGS) --release --workspace --exclude vigie-e2e $(CARGO_TEST_FLAGS)
	cargo xtask tidy

.PHONY: conformance-scripts
conformance-scripts: bootstrap ## Prometheus's own PromQL test scripts, from its Go module.
	VIGIE_PROMQLTEST_DATA="$$(scripts/promqltest-data.sh)" \
		cargo test $(CARGO_FLAGS) --release --package vigie-promql --features upstream --test upstream $(CARGO_TEST_FLAGS)

.PHONY: conformance
conformance: build ## The same scripts, run by Prometheus's own harness against a running Vigie.
	@scripts/bootstrap.sh go
	cd conformance && VIGIE_BIN=$(VIGIE) GOFLAGS=-mod=readonly $(GO) test -count=1 -timeout 60m -parallel 8 $(GO_TEST_FLAGS) ./...

.PHONY: test-promtool
test-promtool: bootstrap tools-prometheus ## `vigie promql` beside the real promtool, on rule and test files of our own.
	VIGIE_TOOLS_BIN=$(TOOLS_BIN) \
		cargo test $(CARGO_FLAGS) --release --package vigie-tool --features promtool --test promtool $(CARGO_TEST_FLAGS)

.PHONY: lint
lint: bootstrap ## Formatting and lints, nothing is changed.
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --release --workspace --all-targets -- -D warnings

.PHONY: fix
fix: bootstrap ## Formats and applies what the lints can mend themselves.
	cargo clippy --release --workspace --all-targets --fix --allow-dirty --allow-staged
	cargo fmt --all

.PHONY: tidy
tidy: bootstrap ## Checks the layering of the crates and the other rules of the tree.
	cargo xtask tidy

.PHONY: verify
verify: lint tidy ## The quick read-only checks: lint and tidy.

.PHONY: e2e
e2e: build tools-prometheus tools-node-exporter ## Against real exporters and a real Prometheus.
	@scripts/bootstrap.sh e2e
	VIGIE_BIN=$(VIGIE) VIGIE_TOOLS_BIN=$(TOOLS_BIN) \
		cargo test $(CARGO_FLAGS) --release --package vigie-e2e $(CARGO_TEST_FLAGS) -- --nocapture --test-threads=1

.PHONY: test-peers
test-peers: build tools-peers ## Vigie and the real peers: what they acknowledge is stored, and they come back.
	VIGIE_BIN=$(VIGIE) VIGIE_TOOLS_BIN=$(TOOLS_BIN) \
		cargo test $(CARGO_FLAGS) --release --package vigie-systems --features peers --test peers $(CARGO_TEST_FLAGS) -- --test-threads=1

.PHONY: test-kills
test-kills: bootstrap ## 200 times kill -9 under load, in each layout; some ten minutes.
	VIGIE_KILL9_ROUNDS=200 cargo test $(CARGO_FLAGS) --release --package vigie --test kill9 $(CARGO_TEST_FLAGS) -- --nocapture --test-threads=1

# Seconds for each target, and which: `make fuzz FUZZ_SECONDS=3600 FUZZ_TARGETS=chunk`.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= chunk log_entry exposition remote_write promql labels config

.PHONY: fuzz
fuzz: bootstrap ## Fuzzes everything that reads bytes from outside; what it finds is left in fuzz/artifacts.
	@[ -x $(TOOLS_BIN)/cargo-fuzz ] || cargo install --locked cargo-fuzz@0.13.2 --root $(VIGIE_CACHE)/tools
	cd fuzz && for target in $(FUZZ_TARGETS); do \
		mkdir -p corpus/$$target; \
		RUSTC_BOOTSTRAP=1 $(TOOLS_BIN)/cargo-fuzz run --fuzz-dir . --sanitizer none --release --target-dir $(CARGO_TARGET_DIR)/fuzz $$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=1; \
	done

.PHONY: test-faults
test-faults: build ## As root: disks are filled, networks cut and slowed, and nothing of it stays behind.
	@scripts/bootstrap.sh faults
	VIGIE_BIN=$(VIGIE) cargo test $(CARGO_FLAGS) --release --package vigie-systems --features peers,root \
		--test disk --test network --test vigie_faults $(CARGO_TEST_FLAGS)

LOADTEST := $(CARGO_TARGET_DIR)/release/loadtest
# Where `make bench` and `make bench-full` leave their reports; an older one moves to the folder `older` beside it.
BENCH_OUT ?= loadtest-results
# What `make bench-full` runs, in this order.
BENCH_FULL := steady-200k steady-1m churn-10 restart-1m dashboards-24h recorded-24h rules-200 exposition \
	remote-write-2 out-of-order

.PHONY: loadtest
loadtest: bootstrap ## Builds the load tester; see `target/release/loadtest --help`, docs/benchmarks.md.
	cargo build $(CARGO_FLAGS) --release --package vigie-loadtest

.PHONY: loadtest-smoke
loadtest-smoke: build loadtest ## Correctness only, in a minute: every acknowledged sample read back after two kills.
	@# Prometheus as oracle where it is built already (`make e2e` does that); else Vigie's own answers when quiet.
	VIGIE_BIN=$(VIGIE) VIGIE_TOOLS_BIN=$(TOOLS_BIN) \
		$(LOADTEST) compare smoke --systems prometheus,vigie --no-build \
		--out $(CARGO_TARGET_DIR)/loadtest-smoke --overwrite

.PHONY: bench
bench: build loadtest tools-prometheus tools-victoria-metrics ## Vigie beside Prometheus and VictoriaMetrics, in under 10 minutes.
	VIGIE_BIN=$(VIGIE) VIGIE_TOOLS_BIN=$(TOOLS_BIN) \
		$(LOADTEST) compare bench --systems vigie,vigie-relaxed,prometheus,victoria-metrics \
		--out $(BENCH_OUT)/bench $(ARGS)

.PHONY: bench-full
bench-full: build loadtest tools-peers ## All of docs/benchmarks.md, with Mimir too; takes hours, wants a quiet machine.
	for scenario in $(BENCH_FULL); do \
		VIGIE_BIN=$(VIGIE) VIGIE_TOOLS_BIN=$(TOOLS_BIN) \
			$(LOADTEST) compare $$scenario --out $(BENCH_OUT)/$$scenario $(ARGS) || failed="$${failed:-} $$scenario"; \
	done; \
	if [ -n "$${failed:-}" ]; then echo "not all was right in:$$failed" >&2; exit 1; fi

.PHONY: tools-prometheus
tools-prometheus: ## Builds the real Prometheus and promtool.
	@scripts/build-tool.sh tools/prometheus $(TOOLS_BIN)

.PHONY: tools-node-exporter
tools-node-exporter: ## Builds the real node_exporter.
	@scripts/build-tool.sh tools/node_exporter $(TOOLS_BIN)

.PHONY: tools-victoria-metrics
tools-victoria-metrics: ## Builds the real VictoriaMetrics.
	@scripts/build-tool.sh tools/victoria-metrics $(TOOLS_BIN)

.PHONY: tools-mimir
tools-mimir: ## Builds the real Mimir.
	@scripts/build-tool.sh tools/mimir $(TOOLS_BIN)

.PHONY: tools-peers
tools-peers: tools-victoria-metrics tools-node-exporter tools-prometheus tools-mimir ## Builds all of them, one after the other.

.PHONY: clean-data
clean-data: ## Deletes ./data, what `make run` has stored.
	rm -rf ./data
