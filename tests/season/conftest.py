"""Seasons on the disk, made of numbers."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from season.made_season import Habits, make_season, make_sky, write_night

from ngcmos.config import load_camera
from ngcmos.season import update as whole_update
from ngcmos.season.archive import season_folder
from ngcmos.season.build import bring_in
from ngcmos.season.dips import Dip
from ngcmos.season.periods import Period
from ngcmos.season.search import Found
from ngcmos.season.source import Source

FIELD = "NG0000-0000"


class SeasonOnDisk:
    """A base folder with the photometry of some nights, and the season of their field."""

    def __init__(self, base, sky, nights, camera):
        self.base, self.sky, self.nights, self.camera = base, sky, nights, camera
        self.folder = season_folder(base, FIELD)
        self.folder.make()
        self.sources = {}

    def add(self, night, **kwargs):
        """Write the table of a night and take it into the sources."""
        return self.know(write_night(self.base, FIELD, self.sky, night, **kwargs))

    def know(self, folder):
        """Take a night that is there into the sources."""
        self.sources[folder.name] = Source(folder.name, folder, self.camera)
        return folder.name

    def bring_in(self, *names, **kwargs):
        """Bring these nights in, all of them by default."""
        chosen = {name: self.sources[name] for name in names or self.sources}
        return bring_in(self.folder, chosen, **kwargs)

    def table(self, name):
        return self.base / name / f"phot_{FIELD}.fits"

    def copied_to(self, base):
        """The same under another base folder."""
        shutil.copytree(self.base, base, dirs_exist_ok=True)
        copy = SeasonOnDisk(base, self.sky, self.nights, self.camera)
        for name in self.sources:
            copy.know(base / name)
        return copy


def made_on_disk(base, *, nights=4, frames=12, stars=40, signals=(), seed=5, **habits):
    """A season on the disk under a base folder."""
    rng = np.random.default_rng(seed)
    sky = make_sky(rng, stars, faint=12.5, signals=dict(signals))
    made = make_season(rng, sky, nights, frames=frames, habits=Habits(radii=(3.0, 4.0), **habits))
    season = SeasonOnDisk(base, sky, made, load_camera())
    for night in made:
        season.add(night)
    return season


def update_unsearched(folder, sources, **how):
    """Update a season without looking for periods and dips, as if there were none: for tests of all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_update, "search", lambda binned, **_: found_nothing(len(binned.stars)))
        return whole_update.update(folder, sources, **how)


def found_nothing(stars):
    return Found([Period()] * stars, [Dip()] * stars)


def damage_page(path, column):
    """Flip a bit in the first page of a column of a Parquet file."""
    foot = pq.read_metadata(path)
    page = foot.row_group(0).column(foot.schema.names.index(column))
    content = bytearray(path.read_bytes())
    content[page.data_page_offset + page.total_compressed_size // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="session")
def tables_alone(tmp_path_factory):
    """Photometry of four nights; not to be changed."""
    return made_on_disk(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="session")
def whole(tables_alone, tmp_path_factory):
    """The same with their season; not to be changed."""
    season = tables_alone.copied_to(tmp_path_factory.mktemp("season"))
    season.bring_in()
    return season


@pytest.fixture
def disk(tables_alone, tmp_path):
    """Photometry of four nights, no season yet."""
    return tables_alone.copied_to(tmp_path)


@pytest.fixture
def built(whole, tmp_path):
    """Photometry of four nights and their season."""
    return whole.copied_to(tmp_path)
