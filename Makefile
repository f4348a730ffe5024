# `make` lists the targets. Python 3.11 and make are all it takes.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PROFILE ?= full
EXTRAS_full  := train,ocr,openvino,ray,s3,otel,notebook,dev
EXTRAS_serve := ocr
EXTRAS := $(EXTRAS_$(PROFILE))
STAMP  := $(VENV)/.profile-$(PROFILE)
ARGS   ?=
TEST_PROCESSES ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup run check format test test-slow test-tensorflow test-gpu e2e bench chaos soak peers notebooks train lock docs clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(EXTRAS)" || { echo "PROFILE must be full or serve, not $(PROFILE)"; exit 2; }
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or name it with make PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the $(PROFILE) profile into $(VENV): a few minutes the first time …"
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --constraint requirements.lock --editable ".[$(EXTRAS)]"
	@rm -f $(VENV)/.profile-* && touch $@

setup: $(STAMP) ## install into .venv from requirements.lock (PROFILE=serve: without torch and the training tools)

run: setup ## start the platform in demo mode; prints the address and the way to sign in
	$(BIN)/nexusai up --demo $(ARGS)

check: setup ## format, lint, types, room boundaries
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## rewrite the code the way `make check` wants it
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

test: setup ## every test but the minutes-long ones, in TEST_PROCESSES processes
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: setup ## the minutes-long tests: training, soak, chaos
	$(BIN)/python -m pytest -m slow --timeout=3600 $(ARGS)

test-tensorflow: setup ## the tests of Keras and TensorFlow models; installs the extra
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable ".[tensorflow]"
	$(BIN)/python -m pytest -m tensorflow $(ARGS)

test-gpu: setup ## the tests that need an NVIDIA GPU (deploy/gpu_check.sh: without the project's environment)
	$(BIN)/python -m pytest -m gpu $(ARGS)

e2e: setup ## the browser tests alone
	$(BIN)/python -m pytest tests/e2e $(ARGS)

bench: setup ## ratios against plain loops and peers (NAME=predict: one of them)
	$(BIN)/python -m tests.perf.run $(NAME)

chaos: setup ## cameras under faults: how soon each is seen and got over, and what became of every frame
	$(BIN)/python -m tests.faults.chaos
	$(BIN)/python -m tests.faults.platform_chaos

soak: setup ## four cameras before a slow sink for half an hour: nothing may grow (ARGS="5 1": minutes, warm-up)
	$(BIN)/python -m tests.faults.soak $(ARGS)

peers: setup ## what `make bench` compares with, in an environment of their own
	test -x build/peers/bin/python || $(PYTHON) -m venv build/peers
	@sed -n 's/^onnxruntime-gpu==\([^ ]*\).*/onnxruntime==\1/p; /^opencv-python==/p' requirements.lock > build/peers/ours.txt
	build/peers/bin/python -m pip install --quiet --requirement build/peers/ours.txt "bentoml>=1.4" "litserve>=0.2" "lap>=0.5"

notebooks: setup ## execute every notebook, top to bottom
	$(BIN)/python -m pytest tests/notebooks $(ARGS)

train: setup ## rebuild the starter models from data, as dvc.yaml says (about half an hour)
	PATH="$(CURDIR)/$(BIN):$$PATH" dvc repro

lock: setup ## write requirements.lock from what .venv holds
	$(BIN)/python deploy/lock.py $(BIN)/python > requirements.lock.new && mv requirements.lock.new requirements.lock

docs: setup ## rewrite the generated pages of docs/
	$(BIN)/nexusai settings --markdown > docs/settings.md

clean: ## remove what can be built again (.nexusai stays)
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
