"""A simulated season against its truth: two tables of docs/precision.md.

``python tests/precision_season.py SEASON`` after its nights have been run. Pulls are scatters of nightly means
over their errors, of constant stars that no neighbor blends and that fifteen nights or more have.
"""

import argparse
from pathlib import Path

import numpy as np
from precision_sky import write_table

from ngcmos.config import load_camera
from ngcmos.season.archive import SeasonFolder
from ngcmos.season.reader import Season
from ngcmos.simulate.compare_season import BRIGHT, SEASON_LIMITS, compare_season, season_path
from ngcmos.simulate.truth import read_season_truth

FEWEST_NIGHTS, FEWEST_STARS = 15, 5
PULL_BINS = ((9.5, 11.5), (11.5, 12.5), (12.5, 13.5), (13.5, 14.5), (14.5, 16.0))
FIRST_RANKS, DEEPEST_CONSTANT = 20, 1.4


def rows(base):
    """Table rows of the season of the one field of a base folder."""
    truth = read_season_truth(base)
    compared = compare_season(base, truth, load_camera(base / "camera.toml"))
    for (low, high), (seen, floor) in compared.means.items():
        name = f"nightly means of constant stars, {low:g}-{high:g} mag [mmag] (photons and air: {1e3 * floor:.2f})"
        limit = f"<= {SEASON_LIMITS['nightly means of bright stars [mmag]']:g}"
        if (low, high) != BRIGHT:
            limit = f"<= {DEEPEST_CONSTANT} x {1e3 * floor:.2f}"
        yield name, f"{1e3 * seen:.2f}", limit
    told = {"nightly means of bright stars [mmag]", "worst fainter means / photons and air"}
    for name, value in compared.numbers.items():
        if name not in told:
            yield name, f"{value:.3g}", f"<= {SEASON_LIMITS[name]:g}"
    found = Season(SeasonFolder(season_path(base, truth.field))).stars
    yield from pull_rows(truth, found)
    yield from rank_rows(truth, found)
    for line in compared.stars:
        yield line, "", ""


def pull_rows(truth, found):
    """Table rows: pulls of the nightly means of constant stars by their errors."""
    constant = set(np.asarray(truth.stars["tic_id"])[np.asarray(truth.stars["signal"] == "constant")].tolist())
    usable = np.isin(np.asarray(found["tic_id"]), sorted(constant)) & ~np.asarray(found["blended"], bool)
    usable &= np.asarray(found["nights"]) >= FEWEST_NIGHTS
    pull, tmag = np.asarray(found["rms_night"] / found["rms_night_expected"]), np.asarray(found["Tmag"])
    for low, high in PULL_BINS:
        inside = usable & (tmag >= low) & (tmag < high) & np.isfinite(pull)
        if inside.sum() >= FEWEST_STARS:
            name = f"pull of nightly means, {low:g}-{high:g} mag, the middle one of {inside.sum()} stars"
            yield name, f"{np.median(pull[inside]):.3f}", "1.0 +- 0.1"


def rank_rows(truth, found):
    """Table rows: where planted transits rank among all stars, by depth over error."""
    planted = np.asarray(truth.stars["tic_id"])[np.asarray(truth.stars["signal"] == "transit")]
    order = np.argsort(-np.nan_to_num(np.asarray(found["dip_snr"], float)))
    rank = {star: place + 1 for place, star in enumerate(np.asarray(found["tic_id"])[order].tolist())}
    worst = max(rank.get(star, len(found) + 1) for star in planted.tolist())
    yield (
        f"worst rank of {len(planted)} planted transits among {len(found)} stars",
        f"{worst}",
        f"<= {FIRST_RANKS}",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("season", type=Path)
    every = list(rows(parser.parse_args().season))
    write_table("what | measured | expected", (" | ".join(row) for row in every if row[1]))
    write_table("star of the truth, and what was found", (row[0] for row in every if not row[1]))


if __name__ == "__main__":
    main()
