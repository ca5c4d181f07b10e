# `make help` lists the targets. Everything is in .venv; outside it only the cache of sample
# photos (~/.cache/farsight) is touched.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo train-demo serve test test-postgres test-fast coverage soak fuzz fuzz-images fuzz-api check format lint types \
    contracts containers docs audit wheel smoke generated-clients bench lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## create .venv and install into it, once

$(INSTALLED): pyproject.toml clients/pyproject.toml constraints.txt
	@echo "Installing into .venv; the first time takes a few minutes."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable ./clients --editable '.[train,dev]'
	touch $@

demo: $(INSTALLED) ## register and identify real people through the real service
	$(BIN)/python -m demo

train-demo: $(INSTALLED) ## prepare, train, fine-tune and publish with a small folder
	rm -rf runs/train-demo
	$(BIN)/python -m demo.training

serve: $(INSTALLED) ## start the service on http://127.0.0.1:8000
	$(BIN)/farsight serve

test: $(INSTALLED) ## run the whole test suite, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-postgres: $(INSTALLED) ## the tests of API and reload on PostgreSQL; those of the database run on both anyway
	$(BIN)/python -m pytest -n 2 --dist loadfile --database postgres tests/api tests/reload

test-fast: $(INSTALLED) ## the tests that start no service and load no networks: seconds
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow and not research'

soak: $(INSTALLED) ## send 50,000 mixed requests and check that the service does not grow (REQUESTS=N, FOR_S=60)
	$(BIN)/python -m benchmarks.soak $(if $(REQUESTS),--requests $(REQUESTS)) \
	    $(if $(FOR_S),--seconds $(FOR_S))

fuzz: fuzz-images fuzz-api ## both of the next two (FOR_S=60: seconds for each; SEED=1: the same requests again)

fuzz-images: $(INSTALLED) ## damaged and hostile photos, and what they cost
	$(BIN)/python -m benchmarks.fuzz_images --seconds $(or $(FOR_S),60)

fuzz-api: $(INSTALLED) ## requests to every operation of the API, valid and invalid
	$(BIN)/python -m benchmarks.fuzz_api --seconds $(or $(FOR_S),60) \
	    $(if $(SEED),--seed $(SEED))

coverage: $(INSTALLED) ## run the whole test suite and measure its coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

check: lint types contracts containers docs audit coverage smoke generated-clients ## everything that CI checks

format: $(INSTALLED) ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(INSTALLED) ## formatting and lint rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(INSTALLED) ## strict types
	$(BIN)/mypy

contracts: $(INSTALLED) ## who may import whom
	$(BIN)/lint-imports

containers: $(INSTALLED) ## lint Dockerfile, compose files, manifests and unit; nothing is built
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yml docker/compose.replicas.yml
	$(BIN)/kubernetes-validate --strict --quiet \
	    $(filter-out %/kustomization.yaml %/servicemonitor.yaml,$(wildcard docker/kubernetes/*.yaml))
	set -e; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	sed 's|=/opt/farsight/bin/farsight|=/bin/true|' docker/systemd/farsight.service > "$$folder/farsight.service"; \
	systemd-analyze verify "$$folder/farsight.service"
	systemd-analyze security --offline=true --threshold=20 --no-pager docker/systemd/farsight.service | tail -1

docs: $(INSTALLED) ## build the documentation site into site/; broken links fail
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean

audit: $(INSTALLED) ## look up known vulnerabilities of the pinned packages; says so if it cannot
	$(BIN)/python .ci/audit.py

wheel: $(INSTALLED) ## build sdist and wheel of client and service into dist/
	rm -rf dist
	$(BIN)/python -m build --outdir dist clients
	$(BIN)/python -m build --outdir dist

smoke: wheel ## try dist/ in an empty environment and folder (PYTHON=python3.13 for another Python)
	PYTHON=$(PYTHON) $(BIN)/python -m pytest tests/installed/smoke.py

generated-clients: $(INSTALLED) ## clients that three generators make of docs/openapi.json; they need npm's registry
	test -x .generators/bin/python || $(PYTHON) -m venv .generators
	.generators/bin/python -m pip install --quiet --disable-pip-version-check \
	    --requirement tests/generated/requirements.txt
	PATH="$$PWD/.generators/bin:$$PATH" npm ci --prefix tests/generated/typescript \
	    --no-audit --no-fund --no-update-notifier
	$(BIN)/python -m pytest tests/generated/clients.py

bench: $(INSTALLED) ## measure every figure in the docs (hours; BASE=DIR compares with that checkout)
	test -x .bench-venv/bin/python || $(PYTHON) -m venv .bench-venv
	.bench-venv/bin/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt fastapi numpy pillow python-multipart uvicorn \
	    dlib-bin==20.0.1.post1 face-recognition-models==0.3.0
	$(BIN)/python -m benchmarks --peers-python .bench-venv/bin/python $(if $(BASE),--base $(BASE))

lock: ## resolve all dependencies again into constraints.txt
	set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(PYTHON) -m venv "$$fresh"; \
	"$$fresh/bin/pip" install --disable-pip-version-check --editable ./clients --editable '.[train,dev]'; \
	{ echo '# Every version that is installed; `make lock` writes this file.'; \
	  "$$fresh/bin/pip" freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

clean: ## remove what the demo and the checks wrote; keeps .venv
	rm -rf dist site demo/report.png .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis
