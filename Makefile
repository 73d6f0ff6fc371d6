# Two commands do all the set-up: `make demo` and `make test`. A second run reuses .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test lint check format docs screenshots clean

help:
	@echo "make demo    install and run the main job on the sample project"
	@echo "make test    install what the tests need and run them all"
	@echo "make check   ruff, mypy, import-linter and the fast tests"
	@echo "make format  format the code"
	@echo "make docs    write the real output of commands into README.md and docs/"
	@echo "make screenshots  take pictures of all pages into docs/screenshots/ (needs chromium)"
	@echo "make clean   remove .venv and everything made from the sample project"

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "labelkit needs Python 3.11 or newer; give it with: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml constraints.txt
	@echo "Installing labelkit into $(VENV) (the first time takes some minutes: torch, streamlit ...)"
	$(PIP) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e '.[dev]'
	@touch $@

demo: $(VENV)/installed
	$(BIN)/labelkit demo .

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/python -m pytest -n 2 -m "not slow"

format: $(VENV)/installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/installed-dev
	$(BIN)/python docs/make.py

screenshots: $(VENV)/installed-dev
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV) *.labelkit.db* *.labelkit.cache *.labelkit.lock* *.labelkit.secrets* *.labelkit.serving* *.labelkit.training* training_set.* labelkit-demo
