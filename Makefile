# On a fresh machine: `make demo`, `make test`, and `make docs` for the site in docs/_build/html.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test docs clean

demo: $(VENV)/with-demo
	$(BIN)/python -m sksimilar demo --out demo_output

test: $(VENV)/with-test
	$(BIN)/python -m pytest -n 2

docs: $(VENV)/with-docs
	$(BIN)/python -m sphinx -W --keep-going --quiet docs docs/_build/html

# One environment; what each command needs beyond the library is an extra of setup.cfg.
$(VENV)/with-%: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) demo_output docs/_build docs/benchmarks docs/generated docs/notebooks
