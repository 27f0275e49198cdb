# Targets for people. Every one is idempotent, says what it installs, and works as root or with sudo.
.DEFAULT_GOAL := help
.PHONY: help run test bench crash hostile dashboard check fmt setup clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Build and start PiCloud with examples/hello deployed; Ctrl-C stops it
	@scripts/run.sh

test: setup ## Install what the tests need, then run all checks and tests
	@scripts/test.sh

bench: ## Measure beside baselines; ID=hello measures one row, ID="hello json" several
	@ID="$(ID)" scripts/bench.sh

crash: setup ## Kill servers, cut the power, and count what is lost; CYCLES=200 says how often
	@CYCLES="$(CYCLES)" scripts/crash.sh

hostile: setup ## Attack servers of 512 MiB in great number; CALLS=10000 says how often
	@CALLS="$(CALLS)" scripts/hostile.sh

dashboard: ## Build the dashboard anew into dashboard/dist; only this and `make test` need Node
	@scripts/dashboard.sh build

check: ## Formatting and lints only
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

fmt: ## Format all code
	cargo fmt --all

setup: ## Install what the build and the tests need
	@scripts/setup-tests.sh

clean: ## Remove what was built; data directories stay
	cargo clean
