"""A crowded field as the forty nights of one frame that it is: its cepheid, and how constant stars scatter.

``NGCMOS_REAL_DATA=... python tests/precision_crowded.py`` writes a table of docs/precision.md.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time
from precision_sky import write_table
from running import run_script

from ngcmos.season.archive import SeasonFolder
from ngcmos.season.reader import Season

CEPHEID, BRIGHT, FEWEST_NIGHTS = 910000105, 18.0, 36
NOON = 16.7 / 24  # of the site, in days of UTC


def lay_out(real_data, base):
    """A base folder with each frame in the folder of its night, named by the date of its evening."""
    for path in sorted((real_data / "ogle").glob("*.fts")):
        middle = Time(fits.getheader(path)["DATE-OBS"], scale="utc")
        night = base / Time(middle.jd - NOON, format="jd").strftime("%Y%m%d")
        night.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, night)
    (base / "calibration").mkdir()
    lists = {"calibration_paths": ["calibration"], "base_paths": ["."], "out_paths": ["out"]}
    (base / "directories.json").write_text(json.dumps(lists))
    return shutil.copy(real_data / "ogle" / "tic_lmc531.fits", base / "stars.fits")


def reduce(real_data, base):
    """The season of the frames, reduced as docs/new_camera.md and docs/season.md do."""
    catalog, profile = lay_out(real_data, base), base / "ogle.toml"
    run_script("new_camera", *sorted(base.glob("2*/*.fts")), "--catalog", catalog, "--output", profile)
    nights = sorted(path.name for path in base.glob("2*"))
    named = ["--config", base / "directories.json", "--camera", profile, "--catalog", catalog]
    run_script("run_nights", *named, "--nights", f"{nights[0]}:{nights[-1]}", "--skip", "QC_control", "-q")
    [folder] = (base / "seasons").iterdir()
    return Season(SeasonFolder(folder))


def rows(season):
    """Table rows of the season."""
    stars = season.stars
    own = stars[season.star(tic_id=CEPHEID)]
    alone = ~np.asarray(stars["blended"], bool)
    constant = alone & ~np.asarray(stars["variable"], bool) & (np.asarray(stars["Tmag"]) < BRIGHT)
    scatter = np.sort(np.asarray(stars["rms_night"])[constant & (np.asarray(stars["nights"]) >= FEWEST_NIGHTS)])
    yield f"nights in the season | {len(season.nights)} | 40"
    yield f"period of the cepheid [d] | {own['period_d']:.3f} | 3.788 +- 0.01"
    middle = f"scatter of constant stars to {BRIGHT:g} mag, the middle one of {scatter.size} [%]"
    yield f"{middle} | {100 * np.median(scatter):.2f} | <= 0.6"
    yield f"the most restless of them [%] | {100 * scatter[-1]:.2f} | "
    variable = np.count_nonzero(np.asarray(stars["variable"])[alone])
    yield f"stars called variable, of {alone.sum()} that no neighbor blends | {variable} | "


def main():
    logging.getLogger("ngcmos").addHandler(logging.NullHandler())
    if "NGCMOS_REAL_DATA" not in os.environ:
        sys.exit("$NGCMOS_REAL_DATA is not set, expected the folder of the real frames")
    with tempfile.TemporaryDirectory() as folder:
        write_table("what | measured | expected", rows(reduce(Path(os.environ["NGCMOS_REAL_DATA"]), Path(folder))))


if __name__ == "__main__":
    main()
