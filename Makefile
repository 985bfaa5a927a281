# Verbs of the house. `make help` lists them; each stage of `make test` is a script in scripts/.

PORTS ?= --https-port 8443 --mqtt-port 8883
DATA ?= provost-data
CARGO_TARGET_DIR ?= target

.DEFAULT_GOAL := help
.PHONY: help run build test bench fmt lint deps unit postgres sdk doc fuzz

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the release binary
	cargo build --release -p provost

run: build ## build and serve DPS and hub on this machine (DATA=folder, PORTS="--https-port …")
	exec $(CARGO_TARGET_DIR)/release/provost serve --data $(DATA) $(PORTS)

test: ## everything, cheapest first; stops at the first stage that fails
	@scripts/test.sh

bench: ## measure speed and memory, write docs/BENCHMARKS.md
	@scripts/bench.sh

fmt: ## format the Rust code
	cargo fmt --all

lint: ## format check, dependency check, clippy
	@scripts/test.sh format dependencies clippy

deps: ## check licences, duplicates, bans and room rules of the dependencies
	@scripts/test.sh dependencies

unit: ## unit and flow tests on SQLite
	@scripts/test.sh sqlite

postgres: ## the same tests on a PostgreSQL started for them
	@scripts/test.sh postgresql

sdk: ## the official device and service SDKs against the real binary
	@scripts/test.sh sdk

doc: ## rustdoc, warnings are errors
	@scripts/test.sh rustdoc

fuzz: ## short run of every fuzz target (FUZZ_SECONDS=n for each)
	@scripts/test.sh fuzz
