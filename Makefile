# SPDX-FileCopyrightText: nixcd.hercules_ci contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# `make demo` shows what the collection does, `make test` checks everything; both set themselves up. See CONTRIBUTING.md.

PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup demo docs lint test test-all tarball release clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: .venv/.complete ## make the tools' environment (.venv) and install Debian's programs if root

.venv/.complete: tests/setup.sh pyproject.toml meta/ee-requirements.txt
	@tests/setup.sh && touch $@

demo: setup ## deploy two networks on a Hercules CI of our own, on this machine
	@$(PYTHON) -m tests.demo

docs: setup ## build the documentation as HTML, into dist/docs
	@$(PYTHON) -m tests.site dist/docs

lint: setup ## the gates that take seconds
	@$(PYTHON) -m tests.gates quick

test: setup ## every gate, on this ansible-core
	@$(PYTHON) -m tests.gates

test-all: setup ## every gate, that each gate bites, and the tests on every supported ansible-core
	@$(PYTHON) -m tests.gates && $(PYTHON) -m pytest tests/gates && $(PYTHON) -m pytest tests/unit tests/integration -m slow && $(PYTHON) -m tests.gates.versions

tarball: setup ## build what Galaxy gets from the commit that is checked out, into dist/
	@rm -rf .cache/clone && git clone --quiet . .cache/clone && .venv/bin/ansible-galaxy collection build --force --output-path dist .cache/clone

release: setup ## VERSION=x.y.z: changelog, commit, tag and tarball
	@tests/release.sh '$(VERSION)'

clean: ## remove what setup and the gates made
	rm -rf .venv .cache .nox dist tests/output .mypy_cache .ruff_cache .pytest_cache .hypothesis
