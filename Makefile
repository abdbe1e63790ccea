# Two commands are enough to see everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Most tests wait for phones: three at a time are no more than two processors can do.
JOBS ?= 3
HAVE_PYTHON := command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install the package python3"; exit 1; }
INSTALL := $(HAVE_PYTHON); exec $(PYTHON) scripts/install.py $(VENV)

.DEFAULT_GOAL := help
.PHONY: help demo test check panel format bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## everything on this machine, from nothing to a ringing call; Ctrl-C stops all of it
	@$(INSTALL)
	@CTC_DEMO_LEASH=$$PPID exec $(BIN)/ctc-ari demo $(if $(PORT),--port $(PORT))

test: ## install what the tests need, then run all of them on real parts
	@$(INSTALL) --extra test
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

check: ## format, lint, types and architecture
	@$(INSTALL) --extra test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

panel: ## build the panel again, and say why if that fails
	@$(INSTALL) --extra test
	@$(BIN)/python ctc_ari/panel/build.py

format: ## write the format that `make check` wants
	@$(INSTALL) --extra test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: ## measure against bare ARI and plain dialplan; writes bench/results/
	@$(INSTALL) --extra test
	@$(BIN)/python -m bench $(ARGS)

lock: ## write requirements.lock from what pyproject.toml allows
	@$(INSTALL) --extra test --relock

clean: ## remove what was built here; the downloaded Asterisk stays in the user's cache
	rm -rf $(VENV) ctc_ari/panel/static ctc_ari/panel/node_modules postman/node_modules build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
