"""What a season costs: CPU seconds and MB of bringing in a night, of one star, and of the search.

    python tests/bench_season.py            # some minutes; numbers go to docs/season.md

Nights are made up of numbers (`season.made_season`), with the errors and habits of real ones.
"""

import dataclasses
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from season.conftest import FIELD
from season.made_season import Habits, make_night, make_sky, write_night

from ngcmos.config import load_camera
from ngcmos.report.season_page import write_season
from ngcmos.season import update
from ngcmos.season.archive import season_folder, write_pieces, write_rows
from ngcmos.season.binned import BinnedSeason
from ngcmos.season.build import bring_in
from ngcmos.season.dips import Dip
from ngcmos.season.periods import Period
from ngcmos.season.search import Found, search
from ngcmos.season.source import Source
from ngcmos.season.summary import read_summary, write_summary
from ngcmos.season.tables import STAR_ROW, frame_rows, night_means, star_rows

FRAMES, STARS, NIGHTS = 2500, 1000, 200


def tell(line):
    """A line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def measure(what, work):
    """Tell CPU seconds and peak memory of work done by a process of its own."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    _, status, used = os.wait4(child, 0)
    tell(f"{what}: {used.ru_utime + used.ru_stime:.1f} s CPU, {used.ru_maxrss / 1024:.0f} MB")
    assert status == 0


def main():
    base = Path(tempfile.mkdtemp(prefix="bench-season-"))
    try:
        folder = bench_night(base)
        bench_star(folder)
        bench_growth(base)
        bench_search()
    finally:
        shutil.rmtree(base)


def bench_night(base):
    """A night of full length, then one more."""
    rng = np.random.default_rng(1)
    sky, camera, sources = make_sky(rng, STARS), load_camera(), {}
    folder = season_folder(base, FIELD)
    folder.make()
    for number in range(2):
        night = make_night(rng, sky, number, frames=FRAMES, habits=Habits(radii=(2.0, 3.0, 4.0, 5.0, 6.0)))
        place = write_night(base, FIELD, sky, night)
        del night
        sources[place.name] = Source(place.name, place, camera)
        measure(f"bring in night {number + 1}, {FRAMES} frames x {STARS} stars", lambda: bring_in(folder, sources))
    _, season = bring_in(folder, sources)
    write_rows(folder.stars, star_rows(season, night_means(season)), {})  # without the search
    write_pieces(folder.frames, frame_rows(folder, season), {})
    return folder


def bench_star(folder):
    """One star out of many nights, each with the light curves of a full one."""
    first = folder.nights()[0]
    for number in range(NIGHTS):
        name = night_name(number)
        for place in (folder.curves, folder.bins, folder.summary):
            if not place(name).exists():
                os.link(place(first), place(name))

    measure(f"one star out of {NIGHTS} nights of {FRAMES} frames, imports included", lambda: read_alone(folder))


def read_alone(folder):
    """One star in an interpreter of its own, in place of this process."""
    code = (
        "import pathlib, sys\n"
        "from ngcmos.season.archive import SeasonFolder\n"
        "from ngcmos.season.reader import Season\n"
        "curve = Season(SeasonFolder(pathlib.Path(sys.argv[1]))).light_curve(tic_id=1500)\n"
        "sys.stdout.write(f'one star, {len(curve)} points\\n')"
    )
    os.execv(sys.executable, [sys.executable, "-c", code, str(folder.path)])


def bench_growth(base):
    """What the nights that are there add to bringing in one more in the morning, its page included; no search."""
    camera, many = load_camera(), base / "many"
    folder, first = season_folder(many, FIELD), night_name(0)
    folder.make()

    def bring(names):
        sources = {name: Source(name, many / name, camera) for name in names}
        _, gathered = update.update(folder, sources, patient=True)
        write_season(folder, many, camera.detector.shape, gathered)

    update.search = lambda binned, **_: Found([Period()] * len(binned.stars), [Dip()] * len(binned.stars))
    names = [night_name(number) for number in range(NIGHTS)]
    for name, night in [*((name, "20240701") for name in names), ("20240702", "20240702")]:
        (many / name).mkdir()
        os.link(base / night / f"phot_{FIELD}.fits", many / name / f"phot_{FIELD}.fits")
    bring([first])
    for count in (5, 50, NIGHTS):
        for name in names[:count]:
            if not folder.curves(name).exists():
                solution = dataclasses.replace(read_summary(folder.summary(first)), name=name, night=name)
                write_summary(folder.summary(name), solution)
                for place in (folder.curves, folder.bins):
                    os.link(place(first), place(name))
        bring(names[:count])
        measure(f"one more night beside {count}", lambda count=count: bring([*names[:count], "20240702"]))
        folder.remove("20240702")


def night_name(number):
    """The name of one of many nights."""
    return f"{2000 + number // 300}{1 + number // 28 % 12:02d}{1 + number % 28:02d}"


def bench_search():
    """A hundredth of the stars over half of the nights, 36 bins each."""
    rng, nights, bins, stars = np.random.default_rng(2), NIGHTS // 2, 36, STARS // 50
    night = np.repeat(np.arange(nights), bins)
    rows = np.zeros(stars, STAR_ROW)
    rows["tic_id"], rows["Tmag"] = np.arange(stars) + 1, rng.uniform(9, 14, stars)
    rows["ra_deg"], rows["dec_deg"] = rng.uniform(0, 2, (2, stars))
    flux = 1 + rng.normal(0, 0.004, (night.size, stars))
    error = np.full(flux.shape, 0.004, np.float32)
    time_d = 2460500 + night + np.tile(np.arange(bins) / 144, nights)
    season = BinnedSeason(rows, time_d, night, flux.astype(np.float32), error)
    measure(f"search of {stars} stars over {nights} nights (one in {STARS // stars})", lambda: search(season))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
