# One command per task; each sees to the virtual environment itself.
# `make demo` and `make test` work from a fresh clone with python3-venv and make.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install demo test check golden bench ledger clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/callboard demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	find tests -name 'test_*.py' -not -path '*/.venv-*' -not -path '*/node_modules/*' \
	  -exec $(BIN)/interrogate -q --whitelist-regex '^test_' {} +
	$(BIN)/python -m pytest -n auto --dist loadfile

golden: $(STAMP)
	GOLDEN=write $(BIN)/python -m pytest -q -k golden

bench: $(STAMP)
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -q -c constraints.txt -e '.[test,bench]'
	$(BIN)/python -m benchmarks

ledger: $(STAMP)
	$(BIN)/python tests/ledger.py

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
