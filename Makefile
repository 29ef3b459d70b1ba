# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test clean

demo: $(VENV)/with-demo
	$(BIN)/python -m sksimilar demo --out demo_output

test: $(VENV)/with-test
	$(BIN)/python -m pytest -n 2

# One environment; what each command needs beyond the library is an extra of setup.cfg.
$(VENV)/with-%: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) demo_output
