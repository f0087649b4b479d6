# Everything a developer or a visitor runs. `make` alone prints this help.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Three workers, each with a stack of its own: most integration tests wait for something. A file's tests stay together.
AT_ONCE ?= 3
PYTEST := $(BIN)/python -m pytest
TOGETHER := -n $(AT_ONCE) --dist loadfile

.DEFAULT_GOAL := help

.PHONY: help install demo test test-browser test-apache check check-alerts format generate lock clean fuzz bench-ingest bench-ingest-long bench-screening bench-rescreen bench-response bench-safety bench-false-alarms bench-console bench-notify bench-backpressure bench-scale soak scale check-deploy sbom bundle chaos

help: ## Print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Install the locked dependencies and the graftwatch command into .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || { echo "Python 3.11 is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install ## Start the local stack, stream two hospitals, show what was concluded (KEEP=1: leave the console running)
	$(BIN)/graftwatch demo $(if $(KEEP),--keep)

test: install ## Run the tests (AT_ONCE=3 workers)
	$(PYTEST) $(TOGETHER)

test-browser: install ## Walk each role's day through the console in headless Chromium; pictures in .graftwatch/browser
	@command -v chromium >/dev/null || { apt-get install --yes --quiet --no-install-recommends chromium >/dev/null || \
		{ apt-get update --quiet >/dev/null && apt-get install --yes --quiet --no-install-recommends chromium >/dev/null; }; } || \
		{ echo "Debian's chromium is needed: apt-get install chromium" >&2; exit 1; }
	$(PYTEST) tests/browser

fuzz: install ## Read 100,000 mutated resources: none may be lost, crash the reader or be rejected without its field
	GRAFTWATCH_FUZZ=100000 $(PYTEST) tests/property/test_fuzz.py

test-apache: install ## Run on Apache Kafka the tests that speak to a broker (needs Java 17 and Maven)
	@mvn --quiet --batch-mode --file deploy/kafka/pom.xml dependency:resolve >/dev/null # once, before three at a time want it
	GRAFTWATCH_TEST_BROKER=apache $(PYTEST) tests/cluster # alone: three brokers are enough at once
	GRAFTWATCH_TEST_BROKER=apache $(PYTEST) $(TOGETHER) tests/contract tests/integration

bench-response: install ## Measure tumour response: courses, one new measurement, correction to event; writes .graftwatch/bench/response.json
	$(BIN)/python -m tests.benchmark.response

bench-ingest: install ## How fast ingest is, beside the floor and a plain loop of fhir.resources
	$(BIN)/python -m tests.benchmark.ingest

bench-ingest-long: install ## A million resources through ingest: is its memory flat? Writes .graftwatch/bench/ingest-long.json
	$(BIN)/python -m tests.benchmark.ingest.long

bench-screening: install ## Compare the screening engine with CQL, FHIRPath and hand-written code (needs Node.js and npm)
	$(BIN)/python -m tests.benchmark.screening

bench-rescreen: install ## Screen 100,000 patients in Postgres anew after a change of protocol, killed in the middle; writes .graftwatch/bench/rescreen.json
	$(BIN)/python -m tests.benchmark.rescreening

bench-safety: install ## Measure safety: gradings, evaluations, laboratory message to event; writes .graftwatch/bench/safety.json
	$(BIN)/python -m tests.benchmark.safety

bench-false-alarms: install ## Count what safety would tell of a hospital without trial patients; writes docs/false-alarms.md
	$(BIN)/python -m tests.benchmark.safety.false_alarms --write

bench-console: install ## Measure the console's pages with 10,000 patients; writes .graftwatch/bench/console.json (needs chromium)
	$(BIN)/python -m tests.benchmark.console

bench-notify: install ## Notify killed 20 times amid failing receivers: is everybody told once? And how fast; writes .graftwatch/bench/notify.json
	$(BIN)/python -m tests.benchmark.notify

soak: install ## An idle and a busy stack side by side for an hour (MINUTES=60, ONLY=busy): what grows? Writes .graftwatch/bench/soak.json
	$(BIN)/python -m tests.benchmark.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only $(ONLY))

bench-backpressure: install ## Back-fill ten times faster than the services: memory, losses, live latency (OVERLOAD=600: for ten minutes)
	$(BIN)/python -m tests.benchmark.backpressure $(if $(OVERLOAD),--seconds $(OVERLOAD))

bench-scale: install ## Each service by partitions and workers, and what one message costs where; writes .graftwatch/bench/scale.json
	$(BIN)/python -m tests.benchmark.scale

scale: install ## Write the tables of docs/scale.md from what `make bench-scale` measured last
	$(BIN)/python -m tests.benchmark.scale.document --measured

chaos: install ## The same 100,000 messages calm and amid faults: do both end alike? (SHORT=1: 5,000) Writes .graftwatch/bench/chaos.json
	@test -e /usr/lib/*/faketime/libfaketime.so.1 || apt-get install --yes --quiet --no-install-recommends libfaketime >/dev/null 2>&1 || \
		{ apt-get update --quiet >/dev/null && apt-get install --yes --quiet --no-install-recommends libfaketime >/dev/null; } || \
		echo "Debian's libfaketime is not to be had: no clock will be wrong" >&2
	timeout --kill-after=60 2700 $(BIN)/python -u -m tests.benchmark.chaos $(if $(SHORT),--short)

check: install ## Format, lint, types, import contracts, fresh generated documents; changes nothing
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.support.generated --check

check-alerts: install ## Alert rules with their unit tests, and every expression of the dashboards, by promtool
	@command -v promtool >/dev/null || { apt-get install --yes --quiet --no-install-recommends prometheus >/dev/null || \
		{ apt-get update --quiet >/dev/null && apt-get install --yes --quiet --no-install-recommends prometheus >/dev/null; }; } || \
		{ echo "Debian's prometheus is needed, for promtool: apt-get install prometheus" >&2; exit 1; }
	$(BIN)/python -m pytest tests/meta/test_watching.py

check-deploy: install ## Judge image, compose file and Helm chart by real tools, run compose as processes (QUICK=1: what needs no Go, no Java)
	$(if $(QUICK),,@$(BIN)/python -m tests.deploy.tools)
	$(if $(QUICK),GRAFTWATCH_DEPLOY_QUICK=1 )$(BIN)/python -m pytest -rs tests/deploy

sbom: install ## Bill of materials, licences and known vulnerabilities of what the image holds; writes docs/licences.md
	$(BIN)/python -m tests.deploy.packages --write

bundle: install ## Everything for a house without internet: wheels, chart, compose file, documents, checksums; writes .graftwatch/bundle
	sh deploy/bundle.sh $(BIN)/python

format: install ## Format the code
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

generate: install ## Write the generated documents anew
	$(BIN)/python -m tests.support.generated

lock: ## Resolve the dependencies anew and write requirements.lock, and of it those of the image and of its making
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --extra traces --constraint requirements.lock --output-file deploy/image/requirements.lock pyproject.toml
	echo hatchling | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --constraint requirements.lock --output-file deploy/image/build.lock -

clean: ## Stop the local stack and remove what was installed and generated
	-test ! -x $(BIN)/graftwatch || $(BIN)/graftwatch stack down
	rm -rf $(VENV) .graftwatch .mypy_cache .ruff_cache .pytest_cache .hypothesis
