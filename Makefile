# Needs Python 3.11 or newer, git and make; uv is installed into .cache/ where there is none.

PYTHON ?= python3
UV_HOME := $(CURDIR)/.cache/uv
export PATH := $(UV_HOME)/bin:$(PATH)
unexport VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := demo
.PHONY: demo test suite matrix pairs drill test-image bench docs protos lint format setup help

help: ## List what there is to run
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install the tools into .venv
	@command -v uv >/dev/null || { \
		echo "Installing uv into $(UV_HOME)"; \
		{ $(PYTHON) -m venv $(UV_HOME) && $(UV_HOME)/bin/python -m pip install --quiet uv; } || \
		$(PYTHON) -m pip install --quiet --target $(UV_HOME) uv; \
	}
	@uv sync --quiet

demo: setup ## Render, run the service and place an order; ARGS="protocol=grpc"
	@uv run --no-sync python -m tools.demo $(ARGS)

test: suite pairs drill ## The template's own tests, the matrix by pairs of options, the drill

suite: setup ## The template's own tests
	uv run --no-sync pytest -n auto --dist=worksteal

matrix: setup ## Every combination rendered, each distinct tree tested; ARGS="--shard 1/8"
	uv run --no-sync python -m tests.matrix $(ARGS)

pairs: setup ## The matrix, of combinations that together have every pair of options
	uv run --no-sync python -m tests.matrix --pairwise $(ARGS)

drill: setup ## Orders while service, worker and broker fail: each has one effect
	uv run --no-sync python -m tests.drills $(ARGS)

test-image: setup ## Build the image and run it; needs Docker, or root on Debian
	uv run --no-sync python -m tests.image

bench: setup ## Measure rendering and the rendered service
	uv run --no-sync python -m benchmarks $(ARGS)

docs: setup ## Write the tables of options and build the documentation into site/
	uv run --no-sync python -m tools.options
	uv run --no-sync zensical build --strict

protos: setup ## Write the generated code of the gRPC layers anew
	uv run --no-sync python -m tools.protos

lint: setup ## Format, lint, types and workflows of the template itself
	uv lock --check --quiet
	uv run --no-sync ruff format --check .
	uv run --no-sync ruff check .
	uv run --no-sync mypy
	uv run --no-sync actionlint
	uv run --no-sync zizmor --offline --persona=pedantic --quiet .github
	uv run --no-sync check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

format: setup ## Format the template's own code
	uv run --no-sync ruff check --fix .
	uv run --no-sync ruff format .
