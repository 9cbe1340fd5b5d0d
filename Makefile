# make install  the environment alone (PYTHON=python3.11 names another Python)
# make demo     a small simulated night through the whole chain, compared with its truth; then a season of three nights
# make test     lint, import contracts, all tests
# make bench    CPU, wall, memory and bytes of every stage on full-size simulated nights, a season's too (half an hour);
#               REPEATS=1 runs everything once, not three times; COMPARE=old.json adds ratios
# make precision  docs/precision.md anew: all its numbers in one run, on full-size nights and a season (two hours); PARTS="pairs real" are some
# make torture  100 kills of the chain, disks that fail or fill up, damaged products; each healed by the next run (an hour)
# make mutants  small changes of the code: does a test near them notice? (an hour)
# make coverage all tests, and which lines of each module they run; make test tells what the last one kept. Twice the CPU of
#               make test, or a tenth more with a newer Python: make coverage VENV=.venv-13 PYTHON=python3.13
# make lint     ruff, import-linter and mypy alone
# make requirements  requirements.txt and tests/requirements.txt anew: the newest versions that pyproject.toml allows, for the oldest Python
# make test-oldest  all tests with the lowest versions that pyproject.toml promises (PYTHON_OLDEST, python3.11)
# make test-newest  all tests with the newest versions that there are (PYTHON_NEWEST, python3.13)

PYTHON ?= python3
PYTHON_OLDEST ?= python3.11
PYTHON_NEWEST ?= python3.13
TESTS ?= -n auto --dist loadscope --no-loadscope-reorder
VENV ?= .venv
DEMO ?= demo-night
BENCH ?= bench-night
TORTURE ?= torture-night
MUTANTS ?= mutants-run
PRECISION ?= precision-night
RUN = $(VENV)/bin/python
export OPENBLAS_NUM_THREADS = 1
READY = $(VENV)/.ready
COMPILED = tests/__pycache__

PIP_INSTALL = -m pip install --quiet --disable-pip-version-check

.PHONY: install demo test lint requirements test-oldest test-newest coverage bench precision torture mutants clean

$(READY): requirements.txt tests/requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ngcmos needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(RUN) $(PIP_INSTALL) --no-deps -r requirements.txt -r tests/requirements.txt
	$(RUN) $(PIP_INSTALL) --no-deps --editable .
	$(RUN) -m pip check
	touch $(READY)

install: $(READY)

demo: $(READY)
	$(RUN) scripts/simulate_night.py $(DEMO) --overwrite --size 512 --frames 80 --cadence 120 --fields 2 --seed 1
	$(RUN) scripts/run_night.py --config $(DEMO)/directories.json --camera $(DEMO)/camera.toml --night 20240705 --catalog $(DEMO)/tic.fits
	$(RUN) -m ngcmos.simulate.compare $(DEMO)
	$(RUN) scripts/simulate_night.py $(DEMO)-season --overwrite --size 512 --nights 3 --frames 20 --seed 1
	$(RUN) scripts/run_nights.py -q --config $(DEMO)-season/directories.json --camera $(DEMO)-season/camera.toml --nights 20240705:20240720 --catalog $(DEMO)-season/tic.fits
	@echo "Open the page of the night:  $(DEMO)/nights/20240705/night_report.html"
	@echo "and that of the season:      $$(ls $(DEMO)-season/nights/seasons/*/season_*.html)"
	@echo "Fit the transit of its target, then write it for the AAVSO:"
	@target=$$(ls $(DEMO)/nights/20240705 | sed -n 's/.*TIC-\([0-9]*\)_.*/\1/p' | head -1); \
	for words in fit_transit "export_star --format aavso-exoplanet --obscode ABC"; do \
	echo "  $(VENV)/bin/ngcmos $$words --config $(DEMO)/directories.json --night 20240705 --tic_id $$target"; done

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

test: $(READY)
	@$(MAKE) --no-print-directory --jobs 2 lint $(COMPILED)
	$(RUN) -m pytest $(TESTS)
	@$(RUN) tests/coverage_kept.py

# in a fresh clone each worker would compile all tests: done once, beside mypy, which leaves a core idle
$(COMPILED): | $(READY)
	@said=$$($(RUN) -m pytest --collect-only -qq) || { echo "$$said"; exit 1; }

requirements:
	rm -rf $(VENV)-fresh
	$(PYTHON) -m venv $(VENV)-fresh
	$(VENV)-fresh/bin/python $(PIP_INSTALL) .
	echo "# What the NUC runs: the versions ngcmos was tested with, direct and indirect (make requirements)." > requirements.txt
	$(VENV)-fresh/bin/python -m pip freeze --all --exclude pip --exclude ngcmos >> requirements.txt
	$(VENV)-fresh/bin/python $(PIP_INSTALL) --constraint requirements.txt '.[test]'
	echo "# What the tests need on top of requirements.txt (make requirements)." > tests/requirements.txt
	$(VENV)-fresh/bin/python -m pip freeze --all --exclude pip --exclude ngcmos | grep -vxFf requirements.txt >> tests/requirements.txt
	rm -rf $(VENV)-fresh

test-oldest:
	rm -rf $(VENV)-oldest
	$(PYTHON_OLDEST) -m venv $(VENV)-oldest
	sed -n 's/^    "\([A-Za-z0-9._-]*\)>=\([0-9.]*\)",.*/\1==\2/p' pyproject.toml > $(VENV)-oldest/lowest.txt
	$(VENV)-oldest/bin/python $(PIP_INSTALL) --constraint $(VENV)-oldest/lowest.txt --editable '.[test]'
	$(VENV)-oldest/bin/python -m pytest $(TESTS)

test-newest:
	rm -rf $(VENV)-newest
	$(PYTHON_NEWEST) -m venv $(VENV)-newest
	$(VENV)-newest/bin/python $(PIP_INSTALL) --editable '.[test]'
	$(VENV)-newest/bin/python -m pytest $(TESTS)

coverage: $(READY)
	$(RUN) $(PIP_INSTALL) --constraint requirements.txt --constraint tests/requirements.txt pytest-cov
	COVERAGE_CORE=$$($(RUN) -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")') \
	$(RUN) -m pytest $(TESTS) --cov=ngcmos --cov-report=term:skip-covered --cov-report=json:$(VENV)/coverage.json
	$(RUN) tests/coverage_kept.py $(VENV)/coverage.json "all tests"

bench: $(READY)
	$(RUN) tests/bench_night.py $(BENCH) $(if $(REPEATS),--repeats $(REPEATS)) $(if $(COMPARE),--compare $(COMPARE))
	$(RUN) tests/bench_season.py

precision: $(READY)
	$(RUN) tests/precision.py $(PRECISION) $(PARTS)

torture: $(READY)
	$(RUN) tests/torture.py $(TORTURE)

mutants: $(READY)
	$(RUN) tests/mutants.py $(MUTANTS)

clean:
	rm -rf $(VENV) $(VENV)-fresh $(VENV)-oldest $(VENV)-newest $(DEMO) $(DEMO)-season $(BENCH) $(TORTURE) $(PRECISION) $(MUTANTS)
