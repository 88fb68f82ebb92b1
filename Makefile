# Everything a person needs: `make demo` and `make test` set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types imports docs docs-check notebooks clean

demo: $(STAMP)
	$(BIN)/tfl demo --out tfl-demo

# TensorFlow takes over 1 GB a process, so two workers and no more; what belongs together is said in tests/conftest.py.
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The folder cli/ is installed as tfl_cli; the type checker follows a link of that name.
types: $(STAMP)
	mkdir -p build/types
	ln -sfn $(CURDIR)/cli build/types/tfl_cli
	MYPYPATH=build/types $(BIN)/mypy -p tfl -p tfl_cli

imports: $(STAMP)
	$(BIN)/lint-imports --no-cache

# The site, in build/site; it opens from disk. docs-check builds it too, and ends at a warning.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

docs-check: $(STAMP)
	$(BIN)/python docs/check_docs.py

notebooks: $(STAMP)
	$(BIN)/python notebooks/execute.py

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("tfl needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@echo "Installing TensorFlow, OpenVINO, ONNX Runtime and LiteRT into $(VENV); this takes a few minutes once."
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --quiet -e ".[all,dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) build tfl-demo
