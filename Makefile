# The habits of this project; `make help` lists them. Everything lives in .venv/.

PYTHON ?= python3# makes .venv
BIN := .venv/bin
# How pytest runs everywhere; `make test PYTEST_ADDOPTS="-k relay"` and the like replace it.
# A failed test is run once more and named as RERUN: its clock is the machine's. A hang is not.
PYTEST_ADDOPTS ?= -n 4 --dist loadgroup --reruns 1 --rerun-except pytest-timeout
export PYTEST_ADDOPTS
# Modules without any I/O, nor anything handed to them that talks: nothing excuses a line of
# theirs that no test reaches.
PURE := text names settings arguments verdict headline safety \
    border/facts border/asking border/records border/script \
    $(addprefix probes/,domain session recipients starttls certificate delivery controls wording \
    published relay_forms/forms dane/facts dane/records dane/chain dane/judge mta_sts/policy \
    dnsbl/zones) smtp/reply smtp/reason smtp/reason_table smtp/reason_tongues smtp/reason_words \
    $(addprefix sweep/,domains planner host tally external_command)
DIST ?= dist# where packages go
space := $() $()
comma := ,

.PHONY: help test check lint generate html demo bench servers dist deb rpm pyz clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

test: .venv/test servers  ## all tests that this machine can run
	$(BIN)/python -m pytest

check: lint servers  ## lint, all tests with their coverage, the tests on other versions
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under=100 \
	    --include='$(subst $(space),$(comma),$(PURE:%=check_smtp_border/%.py))'
	$(BIN)/python -m tests.versions

lint: .venv/dev  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

generate: .venv/test  ## the files that repeat options and findings
	$(BIN)/python -m contrib.generate

html: .venv/test  ## the runbook as one page, docs/runbook.html, with an anchor for each finding
	$(BIN)/python -m contrib.html docs/runbook.md docs/runbook.html

demo: .venv/test  ## the plugin against good and bad borders on loopback
	$(BIN)/python -m tests.demo

bench: .venv/test servers pyz  ## what a run costs, side by side with its rivals
	@if [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then \
	    $(MAKE) deb && dpkg -x $(DIST)/*.deb $(DIST)/debian; fi
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench_sweep

dist: html  ## sdist and wheel, for PyPI and for the packages below
	rm -f $(DIST)/*.tar.gz $(DIST)/*.whl
	$(BIN)/python -m build --outdir $(DIST)
	$(BIN)/python -m twine check --strict $(DIST)/*.tar.gz $(DIST)/*.whl

deb: dist  ## package for Debian 12 and later
	contrib/debian/build $(DIST)/*.tar.gz $(DIST)

rpm: dist  ## package for EPEL 9, see contrib/rpm/README.md
	contrib/rpm/build $(DIST)/*.tar.gz $(DIST)

# The launcher looks at Python's version before it imports anything, and exits with the state.
pyz: dist  ## one file with all libraries inside but cryptography
	rm -rf $(DIST)/check_smtp_border
	$(BIN)/python -m pip install --quiet --no-compile --target $(DIST)/check_smtp_border \
	    --python-version 3.9 --only-binary :all: $(DIST)/*.whl
	rm -r $(DIST)/check_smtp_border/bin
	cp check_smtp_border.py $(DIST)/check_smtp_border/__main__.py
	$(BIN)/python -m zipapp $(DIST)/check_smtp_border --compress --python "/usr/bin/env python3"
	rm -r $(DIST)/check_smtp_border
	chmod 755 $(DIST)/check_smtp_border.pyz

# The real servers of tests/real: Debian's packages, for root to install.
servers:
	@if [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then tests/real/install; fi

.venv/test: setup.cfg pyproject.toml
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

.venv/dev: .venv/test
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

clean:  ## remove what the other targets have made, the servers of `make test` included
	rm -rf .venv build dist *.egg-info .coverage* .hypothesis .*_cache docs/runbook.html
	rm -rf $${REAL_SERVERS:-/var/cache/check_smtp_border}
	find check_smtp_border tests -name __pycache__ -prune -exec rm -rf {} +
