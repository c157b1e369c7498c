# Three commands on a fresh machine: `make demo`, `make test` and `make docs`. Each does all its set-up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KERNEL := $(wildcard src/trackformer/models/ms_deform_attn/kernel/*)

.PHONY: demo test docs check clean web

demo: $(VENV)/.installed
	$(BIN)/trackformer demo --output runs/demo

test: $(VENV)/.installed-test
	scripts/check $(BIN)

# The page that tracks in the browser, built and served on this machine. npm brings onnxruntime-web.
web: $(VENV)/.installed-web
	@command -v npm > /dev/null || { echo "make web: needs Node's npm (Debian: apt-get install nodejs npm)"; exit 2; }
	npm install --prefix web --no-audit --no-fund
	$(BIN)/python web/build.py
	$(BIN)/python web/serve.py

# Links and references that lead nowhere fail. To read it, with search: python3 -m http.server -d site -b 127.0.0.1
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# constraints.txt holds the exact versions the tests ran with, so two installs are the same.
$(VENV)/.installed: pyproject.toml setup.py constraints.txt $(KERNEL)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

$(VENV)/.installed-web: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[export]"
	touch $@

clean:
	rm -rf $(VENV) runs build dist web/dist web/node_modules site
