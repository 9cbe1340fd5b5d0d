"""How honest are the errors of a transit's fit? Light curves with known transits, the pulls as a table.

``python tests/precision_transits.py [--trials 300] [--halves 150] [--first 300000]`` writes rows of
docs/precision.md to stdout: transits of 0.3 to 2 % in nights of 6 h with a trend, white noise and 0 to 0.4 times
as much red noise that forgets in 10 to 60 minutes. Whole ones; whole ones and halves with an ephemeris that knows
their time to 4 min and their length to 5 %; and nights without any, with an ephemeris and without. The seeds begin
with `--first`: those of a choice must not judge it.
"""

import argparse
import functools
import multiprocessing
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from made_transits import LIMB, made_curve

from ngcmos.transits.ephemeris import Expected
from ngcmos.transits.fit import fit_transit
from ngcmos.transits.shape import Limb

MOST_RATIO = 0.4
EPHEMERIS_ERR_D, DURATION_ERROR = 0.003, 0.05


FORESEEN = {"foreseen": "whole", "ingress": "ingress", "egress": "egress"}  # the night of each kind
NIGHTS = FORESEEN | {"promised": "none"}  # with an ephemeris; the last ones have nothing at its time


def fits(part, count, first):
    """[(TransitFit, Truth)] of so many nights."""
    with multiprocessing.get_context("spawn").Pool() as pool:
        return pool.map(functools.partial(fit_one, part), range(first, first + count), chunksize=1)


def fit_one(part, seed):
    """(TransitFit, Truth) of one night."""
    random = np.random.default_rng([17, seed])
    curve, truth = made_curve(seed, part=NIGHTS.get(part, part), ratio=random.uniform(0, MOST_RATIO))
    expected = foreseen(truth, random) if part in NIGHTS else None
    return fit_transit(curve, limb=Limb(*LIMB), expected=expected), truth


def foreseen(truth, random):
    """What an ephemeris and earlier transits would say."""
    mid = truth.mid_bjd + EPHEMERIS_ERR_D * random.standard_normal()
    duration = truth.duration_d * (1 + DURATION_ERROR * random.standard_normal())
    return Expected(mid, EPHEMERIS_ERR_D, duration, DURATION_ERROR * truth.duration_d, 3.0, True)


def pull_rows(part, count, first):
    """Rows of mean and scatter of the pulls of depth and mid-time, of all and of those that were found."""
    found = fits(part, count, first)
    for which, some in (("", found), (" found", [pair for pair in found if pair[0].is_transit])):
        for what, pulls in (
            ("depth", [(fit.depth - truth.depth) / fit.depth_err for fit, truth in some]),
            ("mid-time", [(fit.mid_bjd - truth.mid_bjd) / fit.mid_err_d for fit, truth in some]),
        ):
            label = f"{len(some)} {part} transits{which}: {what}"
            yield f"{label}, mean pull", np.mean(pulls), f"0 +- {2 / np.sqrt(len(some)):.2f}"
            yield f"{label}, scatter of pulls", np.std(pulls, ddof=1), "1.0 +- 0.1"
            yield f"{label}, largest pull", np.abs(pulls).max(), ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--halves", type=int, default=150)
    parser.add_argument("--first", type=int, default=300000)
    options = parser.parse_args()
    rows = [*pull_rows("whole", options.trials, options.first)]
    rows += [row for part in FORESEEN for row in pull_rows(part, options.halves, options.first)]
    for part, said in (("none", "without"), ("promised", "without, but with an ephemeris")):
        alarms = [fit.is_transit for fit, _ in fits(part, options.halves, options.first)]
        rows.append((f"{options.halves} nights {said}: transit claimed, share", np.mean(alarms), "<= 0.01"))
    sys.stdout.write("| what | measured | expected |\n|---|---|---|\n")
    for what, value, expected in rows:
        sys.stdout.write(f"| {what} | {value:.3f} | {expected} |\n")


if __name__ == "__main__":
    main()
