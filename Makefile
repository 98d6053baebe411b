# make demo: set-up, then the workflow on embedded data.  make test: set-up, then the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

include workflow/environment.mk

.PHONY: env demo test test-slow lint docs numbers benchmarks rulegraph clean help

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is older; use make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@echo "Installing packages into $(VENV): once, some minutes"
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python workflow/install.py --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

env: $(STAMP) ## create .venv with pinned packages

demo: $(STAMP) ## the whole workflow on 5,000 embedded digits; OPEN=1 opens its page
	@# What jobs print is in results/demo/logs; the terminal shows how far they are.
	@trap 'printf "\n%s\n" "Stopped. Finished results stay in results/demo; \`make demo\` goes on from there."; exit 130' INT; \
	  $(BIN)/python -m snakemake --cores 2 --rerun-incomplete --show-failed-logs --logger rich --configfile config/demo.yaml -- all > /dev/null
	@echo; echo "Page:  results/demo/summary.html"
	@if [ -n "$(OPEN)" ]; then $(BIN)/python -m webbrowser -t "file://$$PWD/results/demo/summary.html"; fi
	@echo; $(BIN)/python -m lottery.cli findings --tables results/demo/tables

test: $(STAMP) lint ## lint, types and tests
	$(BIN)/python -m pytest -n 2

test-slow: $(STAMP) ## tests that take minutes
	$(BIN)/python -m pytest -m slow

lint: $(STAMP) ## formatters, linters and types, changing nothing
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/python -m snakefmt --check --compact-diff Snakefile workflow
	@# All but one lint: no rule has an environment of its own, since the package that Snakefile and rules import is in one with Snakemake.
	@$(BIN)/python -m snakemake --lint 2>&1 | awk '/^    \* / && !/Specify a conda environment or container/ {found = 1} \
	  /Error|Exception/ {found = 1} {text = text $$0 "\n"} END {if (found) printf "%s", text; exit found}'

benchmarks: $(STAMP) ## speed of the solvers side by side, some minutes
	$(BIN)/python -m benchmarks.solvers --output results/benchmarks
	@cat results/benchmarks/solvers.md

PAGES := README.md CONTRIBUTING.md CHANGELOG.md CITATION.cff docs config benchmarks examples lottery workflow slurm results/README.md results/reference

docs: $(STAMP) ## the documentation site in build/site; a broken link is an error
	rm -rf build/pages build/site && mkdir -p build/pages
	tar -c --exclude=__pycache__ $(PAGES) | tar -x -C build/pages
	mv build/pages/README.md build/pages/index.md
	$(BIN)/zensical build --strict

numbers: $(STAMP) ## in README and docs, from the tables of results/reference
	$(BIN)/cog -I docs -p "from quoted import *" -r README.md config/README.md docs/*.md results/reference/README.md
	$(BIN)/python -m lottery.workflow.schema > workflow/schemas/config.schema.json

rulegraph: $(STAMP) ## docs/rulegraph.svg, by Graphviz
	$(BIN)/python -m snakemake --rulegraph dot -- all 2> /dev/null | dot -Tsvg -o docs/rulegraph.svg

clean: ## remove the environment
	rm -rf $(VENV)
