# Two commands on a fresh machine: `make demo` and `make test`. Each does all its set-up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KERNEL := $(wildcard src/trackformer/models/ms_deform_attn/kernel/*)

.PHONY: demo test check clean

demo: $(VENV)/.installed
	$(BIN)/trackformer demo --output runs/demo

test: $(VENV)/.installed-test
	scripts/check $(BIN)

# constraints.txt holds the exact versions the tests ran with, so two installs are the same.
$(VENV)/.installed: pyproject.toml setup.py constraints.txt $(KERNEL)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) runs build dist
