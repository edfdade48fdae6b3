# Softbook. `make help` lists what can be made; README.md says what it is.

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY := $(BIN)/python
STAMP := $(VENV)/.installed
HTML := _build/html
TORCH_THREADS := OMP_NUM_THREADS=1
# Files of tests wait in their order for the next free worker; TOGETHER= runs all in one process.
TOGETHER := --numprocesses logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

# The first Python found that is new enough and can make environments.
CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3 python
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do \
  if $$p -c '$(FITS)' >/dev/null 2>&1; then echo $$p; break; fi; done)

.DEFAULT_GOAL := help
.PHONY: help book test notebooks lab serve zip pdf bench check lint clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

$(STAMP): requirements.txt constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later with venv and pip is needed, and none was\
	 found. Install it (on Debian: python3 and python3-venv) or name it: make PYTHON=/path/to/python"; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check --quiet -r requirements.txt -c constraints.txt
	$(PY) -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

book: $(STAMP) ## build the book to _build/html
	@$(TORCH_THREADS) $(BIN)/jupyter-book build . --path-output . -W --keep-going
	@echo
	@echo "Open  file://$(CURDIR)/$(HTML)/index.html"
	@echo "or serve it with  make serve  at http://127.0.0.1:8000/"

test: book ## build the book, then run unit, property, doctest, browser and notebook tests
	$(TORCH_THREADS) $(PY) -m pytest $(TOGETHER) --durations=10
	$(TORCH_THREADS) $(PY) -m pytest $(TOGETHER) --nbval-lax --nbval-current-env book/*.ipynb

notebooks: $(STAMP) ## run the chapters and renew their notebooks, book/*.ipynb
	$(TORCH_THREADS) $(PY) -m softbook.notebooks write

lab: $(STAMP) ## open the notebooks in JupyterLab
	$(PY) -m jupyterlab --ServerApp.root_dir=book

serve: ## serve the built book, live, at http://127.0.0.1:8000/ (PORT=8080 takes another port)
	@test -d $(HTML) || { echo "There is no built book yet: run make book first."; exit 1; }
	$(TORCH_THREADS) $(PY) -m softbook serve --html $(HTML) --port $(or $(PORT),8000)

zip: ## pack the built book into softbook.zip, which opens from any disk
	$(PY) -m softbook zip --html $(HTML)

pdf: $(STAMP) ## print the whole book to softbook.pdf (needs Chromium)
	@$(TORCH_THREADS) $(BIN)/jupyter-book build . --path-output . --builder singlehtml -W --keep-going
	$(PY) -m softbook pdf

bench: book ## measure payloads, latency, build and test times; writes benchmarks/results.json
	$(TORCH_THREADS) $(PY) -m benchmarks

check: $(STAMP) ## 100,000 draws and an attack on every claim that the book stands for
	$(TORCH_THREADS) $(PY) -m softbook check --draws 100000 --attack 20000 --jobs 2

lint: $(STAMP) ## style, types, and notebooks in step with their text
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m softbook.notebooks check

clean: ## remove what was built (not the environment)
	rm -rf _build .jupyter_cache .mypy_cache .ruff_cache .hypothesis
	find softbook tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
