# The few verbs people use. `make` lists them.

# What scripts/tools.sh fetched comes first in PATH.
export PATH := $(CURDIR)/target/tools:$(PATH)

CARGO_FLAGS ?= --locked
# Handed to the test programs, as in `make test TEST_FLAGS=--show-output`.
TEST_FLAGS ?=
# Handed to `sluice dev`, as in `make demo DEMO_FLAGS=~/src/fleet`.
DEMO_FLAGS ?=
FUZZ_TARGET ?= yaml
FUZZ_SECONDS ?= 60

SLUICE = cargo run --release $(CARGO_FLAGS) -p sluice-cli --bin sluice --

.DEFAULT_GOAL := help
.PHONY: help demo demo-tour test e2e bench bench-helm bench-controllers bench-image bench-apiserver lint manifests deny fuzz tools

help: ## List these verbs
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-18s %s\n", $$1, $$2 }'

demo: ## A control plane, both controllers and an example repository on this machine; Ctrl-C ends it
	$(SLUICE) dev $(DEMO_FLAGS)

demo-tour: ## The same, driven: commit, drift, prune, revert, and how long each took
	$(SLUICE) demo-tour $(DEMO_FLAGS)

test: tools ## All tests
	cargo build $(CARGO_FLAGS) --workspace --bins
	cargo test $(CARGO_FLAGS) --workspace --no-fail-fast -- $(TEST_FLAGS)

e2e: tools ## The end-to-end scenarios alone; with KUBECONFIG set, on that cluster
	cargo build $(CARGO_FLAGS) --workspace --bins
	$(if $(KUBECONFIG),SLUICE_E2E_CLUSTER=1 KUBECONFIG=$(abspath $(KUBECONFIG))) cargo test $(CARGO_FLAGS) -p sluice-tests --no-fail-fast -- $(TEST_FLAGS)

bench: tools ## Ratios beside kubectl kustomize, from one run
	bench/run.sh

bench-helm: tools ## Ratios beside helm template, from one run
	bench/helm.sh

bench-controllers: ## Time, CPU, memory and API requests of the controllers
	bench/controllers.sh

bench-image: tools ## Time, requests and memory of scanning registries
	bench/image.sh

bench-apiserver: ## Requests a second, watches and memory of the embedded API server
	bench/apiserver.sh

lint: ## Format and clippy
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings

manifests: ## Write the generated files again: config/crds and the built-in API schema
	cargo run $(CARGO_FLAGS) -p sluice-api --example manifests
	scripts/schema.sh

deny: ## Licences, advisories and banned crates
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny --workspace check

fuzz: ## Fuzz one target for a minute (FUZZ_TARGET, FUZZ_SECONDS)
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz; it needs a nightly toolchain" >&2; exit 1; }
	cargo +nightly fuzz run $(FUZZ_TARGET) -- -max_total_time=$(FUZZ_SECONDS)

tools: ## kubectl and helm into target/tools
	@scripts/tools.sh || echo "kubectl was not fetched; the one in PATH is taken" >&2
