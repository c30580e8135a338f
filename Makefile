# Needs Python 3.11 to 3.13, git and make. Everything else goes into .venv/.
PYTHON ?= python3
SWEEP ?= algorithms
VENV := .venv
# Stages call `python`: this one.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)

.PHONY: repro setup extras params test test-all browser compiler lint sweep apply compare table bench campaign mutations judge kills simulate-statistics deps lock clean

# One at a time in this folder: what a killed run left is put right, and one that lives is waited for.
ALONE := python -m pipeline.cli.unlock

repro: setup
	@$(ALONE) sh -c 'python -m pipeline.cli.compose && python -m pipeline.cli.preflight && dvc repro && sed -n 3p reports/summary.md'
	@echo "The report: reports/index.html"

setup: $(VENV)/installed

# Why .venv/ cannot be used as it is, if so: its scripts name the folder that they were made in, its links the Python.
UNUSABLE := $(shell test -e $(VENV)/installed || exit 0; \
  test -x $(VENV)/bin/python || { echo "the Python that it was made with is gone"; exit 0; }; \
  made=$$(sed -n 's/^command = .* -m venv //p' $(VENV)/pyvenv.cfg); \
  test -z "$$made" || test "$$made" -ef $(VENV) || echo "it was made in $$made")
ifneq ($(UNUSABLE),)
$(VENV)/installed: unusable
endif

.PHONY: unusable
unusable:
	@echo '$(subst ','\'',$(VENV)/ is made anew: $(UNUSABLE))'
	@mv $(VENV)/installed $(VENV)/installing

# `installing` stands for `installed` until all is there: what was interrupted is begun anew, as pip takes a package for installed
# before its commands are.
$(VENV)/installed: requirements.lock
	@if test -e $(VENV)/installing; then rm -rf $(VENV); fi
	@command -v "$(PYTHON)" >/dev/null || { echo "error: $(PYTHON): no such command; Python 3.11 to 3.13 is needed, name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "error: Python 3.11 to 3.13 is needed, %s is %d.%d; name another with: make PYTHON=python3.12" % (sys.executable, v[0], v[1]))'
	@mkdir -p $(VENV) && touch $(VENV)/installing && rm -f $@
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@mv $(VENV)/installing $@
	@touch $@

# What is optional: Ray, S3, MLflow, and the services that the tests start.
extras: $(VENV)/extras

$(VENV)/extras: requirements-extras.lock $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-extras.lock
	@touch $@

params: setup
	@python -m pipeline.cli.compose

# Two workers, as each holds TensorFlow and runs pipelines of its own.
test: setup
	python -m pytest -n 2 --dist loadfile -m "not slow"

test-all: setup extras browser compiler
	python -m pytest -n 2 --dist loadfile

# What the slow tests need besides Python: installed where apt-get is, or the target fails and says what is missing.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	  || { echo "error: Chromium is needed and could not be installed; install it, or run make test" >&2; exit 1; }

compiler:
	@{ command -v gcc && command -v g++; } >/dev/null || { apt-get update -qq && apt-get install -y -qq g++ >/dev/null; } \
	  || { echo "error: gcc and g++ are needed and could not be installed; install them, or run make test" >&2; exit 1; }

lint: setup
	ruff check .
	ruff format --check .
	mypy

sweep: setup
	@$(ALONE) python -m pipeline.cli.sweep $(SWEEP) $(if $(RAY),--ray $(RAY)) $(if $(JOBS),--jobs $(JOBS))

# An experiment into the workspace, as `make compare` names it: NAME=algorithms-bfc909b1.
apply: setup
	@$(ALONE) python -m pipeline.cli.apply $(NAME)

# What DVC's experiments came to, a row a variant and point: all of this commit, or SWEEP=name, WHERE='calibrate.samples=50', VARIANTS=int8.
compare: setup
	@python -m pipeline.cli.compare --page reports/compare.html $(if $(filter command environment,$(origin SWEEP)),--sweep $(SWEEP)) \
	  $(if $(WHERE),--where $(WHERE)) $(if $(VARIANTS),--variants $(VARIANTS))

table: setup
	@$(ALONE) sh -c 'python -m pipeline.cli.compose experiment=every_variant && python -m pipeline.cli.preflight && dvc repro --quiet'
	@python -m pipeline.cli.table

bench: setup
	python -m pipeline.cli.bench

# One thing changed in files of all kinds, thousands of times: does the certificate see what changes the outputs?
campaign: setup
	python -m pipeline.cli.campaign

# Damaged files of every format that is read, 10,000 of them: does each end in an answer?
mutations: setup
	python -m tests.mutations

# Networks trained here, run as a user does: what ships, why, and whether planted faults are refused.
judge: setup
	python -m tests.trained

# Runs killed at random moments of every stage: one completing run after each, and nothing else or over.
kills: setup
	python -m tests.kills

# How often intervals hold the truth, and how often a file over the budget ships: sets with known truths, drawn anew.
simulate-statistics: setup
	@python -m pipeline.cli.simulate_statistics

# The code that each stage depends on, written into dvc.yaml from what it imports.
deps: setup
	python -m pipeline.cli.deps

lock: setup
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra micro --group dev --upgrade pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --all-extras --group services --constraint requirements.lock --upgrade pyproject.toml -o requirements-extras.lock

clean:
	rm -rf $(VENV)
