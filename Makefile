# `make demo` and `make test` do all the set-up by themselves (see bootstrap.sh).
SHELL := bash
BIN := .venv/bin
DEMO_OUT ?= demo
SEED ?= 0

.PHONY: help setup demo segmenter generator generator-data test test-slow fuzz lint bench docs wheel-check clean

help:
	@echo "make demo       record, synthesize, train, evaluate, report on the embedded simulator -> $(DEMO_OUT)/report.html"
	@echo "make generator-data  record the stores that the shipped networks learn from -> runs/generator-data"
	@echo "make segmenter  record them and train the shipped segmenter anew, with its model card (idle machine wanted)"
	@echo "make generator  record them and train the shipped ControlNet anew, with its model card (one core, about an hour)"
	@echo "make test       lint, types, import rule and the test suite"
	@echo "make test-slow  the tests that take longer (crash loops, long drives)"
	@echo "make fuzz       a million mutated messages against the readers, and as many against a running server"
	@echo "make bench      print every figure of docs/benchmarks.md (idle machine wanted)"
	@echo "make docs       build the documentation site"
	@echo "make wheel-check  build the wheel, install it in an empty environment elsewhere, run the demo there"

setup:
	@bash bootstrap.sh

demo: setup
	$(BIN)/syndiff demo --out $(DEMO_OUT) --seed $(SEED)

generator-data: setup
	$(BIN)/python -m benchmarks.segmentation_stores --out runs/generator-data --train-drives 4 --depth --dust --seed 100

segmenter: generator-data
	$(BIN)/python -m benchmarks.segmentation --data runs/generator-data --out carla_agents/segmentation/weights/default

generator: generator-data
	$(BIN)/python -m benchmarks.generator

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest

test-slow: setup
	$(BIN)/python -m pytest -m slow --timeout 1800

fuzz: setup
	$(BIN)/python -m pytest tests/fuzz -m "slow or not slow" --timeout 1800
	$(BIN)/python -m tests.fuzz.live --messages 1000000

bench: setup
	$(BIN)/python -m benchmarks

docs: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	$(BIN)/zensical build

wheel-check: setup
	bash tests/wheel_check.sh

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache demo runs
