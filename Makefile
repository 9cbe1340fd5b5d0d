# make install  the environment alone (PYTHON=python3.11 names another Python)
# make demo     a small simulated night through the whole chain, compared with its truth
# make test     lint, import contracts, all tests
# make bench    CPU, wall, memory and bytes of every stage on full-size simulated nights; COMPARE=old.json adds ratios
# make precision  the numbers of docs/precision.md, on full-size nights of 300 frames (about an hour)
# make torture  100 kills of the chain, disks that fail or fill up, damaged products; each healed by the next run (an hour)
# make lint     ruff and import-linter alone

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo-night
BENCH ?= bench-night
TORTURE ?= torture-night
PRECISION ?= precision-night
RUN = $(VENV)/bin/python
export OPENBLAS_NUM_THREADS = 1
READY = $(VENV)/.ready

.PHONY: install demo test lint bench precision torture clean

$(READY): requirements.txt tests/requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ngcmos needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt -r tests/requirements.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $(READY)

install: $(READY)

demo: $(READY)
	$(RUN) scripts/simulate_night.py $(DEMO) --overwrite --size 512 --frames 20 --fields 2 --seed 1
	$(RUN) scripts/run_night.py --config $(DEMO)/directories.json --camera $(DEMO)/camera.toml --night 20240705 --catalog $(DEMO)/tic.fits
	$(RUN) -m ngcmos.simulate.compare $(DEMO)

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

test: lint
	$(RUN) -m pytest -n auto --dist loadscope

bench: $(READY)
	$(RUN) tests/bench_night.py $(BENCH) $(if $(COMPARE),--compare $(COMPARE))

precision: $(READY)
	$(RUN) tests/precision_night.py $(PRECISION)
	$(RUN) tests/precision_sky.py $(PRECISION)

torture: $(READY)
	$(RUN) tests/torture.py $(TORTURE)

clean:
	rm -rf $(VENV) $(DEMO) $(BENCH) $(TORTURE) $(PRECISION)
