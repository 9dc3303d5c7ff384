# Everything a developer runs, one target a line. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run test simulate planted test-scaled-out check fmt bench bench-micro fuzz mutants schemathesis scan floods \
	fairness deny sbom scaled-out scaled-out-stop

help: ## list what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start the all-in-one server on http://127.0.0.1:8080
	cargo run --release

test: ## run every test of every member; the last line says what passed and what was skipped
	@bash scripts/test

simulate: ## play seeds of the simulation: ORDERLOG_SIMULATION_SEEDS of them
	bash scripts/instrumented --test seeds -- --nocapture answers

planted: ## plant faults in the code, and see which machine finds each
	bash scripts/instrumented --test differential --test projector --test seeds -- --nocapture planted

test-scaled-out: ## run the end-to-end tests against PostgreSQL and Kafka, each service a process
	bash scripts/test-scaled-out

scaled-out: ## start PostgreSQL, Kafka, two of each service and nginx, without containers
	bash scripts/scaled-out start

scaled-out-stop: ## end what `make scaled-out` started
	bash scripts/scaled-out stop

check: ## what the gate runs: format, lints, tests
	bash .ci/run

fmt: ## format the code
	cargo fmt --all

bench: ## measure this machine: commands/s, visibility, rebuild, import, memory; into docs/performance.md
	cargo build --profile dist --locked --workspace --bins
	$${CARGO_TARGET_DIR:-target}/dist/bench --json docs/performance/results.json --page docs/performance.md

bench-micro: ## measure the pure half: decide, evolve, encode, fold
	cargo bench --locked -p domain -p projector

fuzz: ## feed each reader of foreign bytes with what a fuzzer thinks of (needs cargo-fuzz and a nightly compiler)
	bash scripts/fuzz

mutants: ## change the code in small ways and see whether tests notice (needs cargo-mutants)
	bash scripts/mutants

schemathesis: ## fuzz the served OpenAPI document (needs python3)
	bash tests/schemathesis.sh

scan: ## fuzz the served OpenAPI document with a token of each role (needs python3)
	SCHEMATHESIS_ROLES=every bash tests/schemathesis.sh

floods: ## 5,000 bad clients of each kind: how fast others are answered, and the server's memory
	ORDERLOG_FLOOD=full cargo test --workspace --test floods -- --nocapture

fairness: ## a caller at ten times its share: how much slower the others are
	ORDERLOG_FAIRNESS=full cargo test --workspace --test fairness -- --nocapture

deny: ## advisories, licences, bans and sources of the dependencies (needs cargo-deny)
	bash scripts/deny

sbom: ## the bill of materials of each program, as CycloneDX JSON in target/sbom (needs cargo-cyclonedx)
	bash scripts/sbom
