PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test lint golden example bench bench-scale bench-lift bench-faults soak mutation clean

run: $(STAMP)
	@test -e projects/example/project.toml || $(BIN)/python -m curation demo --start --to projects/example
	$(BIN)/python -m curation app projects/example

test: $(STAMP) lint
	$(BIN)/python tests/browser.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not alone" -n auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m alone

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

golden: $(STAMP)
	$(BIN)/python -m tests.test_golden

example: $(STAMP)
	$(BIN)/python -m tests.test_example_vectors

# Without NAME: ours beside other tools, see python -m benchmarks peers --help.
bench: $(STAMP)
	$(BIN)/python -m benchmarks $(or $(NAME),peers $(if $(ROWS),--rows $(ROWS)) $(if $(PEERS),--peers $(PEERS)) $(if $(JUICER),--data-juicer $(JUICER)))

bench-scale: $(STAMP)
	$(BIN)/python -m benchmarks scale $(ROWS)

bench-lift: $(STAMP)
	$(BIN)/python -m benchmarks lift

bench-faults: $(STAMP)
	$(BIN)/python -m benchmarks faults

soak: $(STAMP)
	$(BIN)/python tests/browser.py
	$(BIN)/python -m benchmarks soak $(MINUTES)

mutation: $(STAMP)
	$(BIN)/python -m pip install --quiet mutmut==3.8.1
	$(BIN)/python -m tests.mutation $(NAME)

$(STAMP): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	$(BIN)/python -c "from curation.operations.map import compile_once; compile_once()"
	touch $@

clean:
	rm -rf $(VENV)
