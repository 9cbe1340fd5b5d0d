"""A night in which one thing is as it happens to people, what the chain makes of it, and how both are asked."""

import dataclasses
import re
import shutil

import numpy as np
from astropy.table import Table
from running import run_chain

from ngcmos.config import load_config
from ngcmos.names import Stage
from ngcmos.night.ledger import read_ledger
from ngcmos.night.remarks import read_remarks
from ngcmos.simulate.night import SimulatedNight

MEASURING = (Stage.SIMPLE_WRAPPER, Stage.CHECK_CMOS, Stage.ADDING_HEADERS, Stage.CREATE_FLATS, Stage.PROCESS_CMOS)


@dataclasses.dataclass(frozen=True)
class Case:
    """A simulated night, to be spoilt and reduced."""

    night: SimulatedNight

    @property
    def folder(self):
        return self.night.folder

    @property
    def truth(self):
        return self.night.truths[0]

    @property
    def frames(self):
        """Paths of the science frames as they are named now, in the order of their names."""
        return sorted(path for path in self.folder.glob("NG*_TIC-*"))

    def reduce(self, *stages, **options):
        """Outcome of some stages of the chain, or of all that measure; `options` as of `RunOptions`."""
        config = load_config(camera=str(self.night.camera_file), config=str(self.night.directories_file))
        return run_chain(config, self.folder, only=stages or MEASURING, **options)

    def set_key(self, line):
        """Give a key of the camera profile another value; the line as it is to stand there."""
        path, key = self.night.camera_file, line.partition(" = ")[0]
        path.write_text(re.sub(rf"^{key} = .*$", line, path.read_text(), flags=re.MULTILINE))

    def tables(self):
        """Names of the photometry tables."""
        return sorted(path.name for path in self.folder.glob("phot_*.fits"))

    def table(self, part="PHOT", field=None):
        """A part of a photometry table, of the field's own by default."""
        path = self.folder / f"phot_{field or self.truth.field}.fits"
        return Table.read(path, hdu=part, character_as_bytes=False, mask_invalid=False)

    def stars(self, field=None):
        """TIC ids of the stars measured."""
        return set(self.table("STARS", field)["tic_id"].tolist())

    def measured(self, field=None):
        """{name of a frame: its row in FRAMES} of the frames measured."""
        return {row["frame_id"].strip(): row for row in self.table("FRAMES", field)}

    def remarks(self):
        """What was remarked about the night's fields."""
        return [str(remark) for remark in read_remarks(read_ledger(self.folder))]

    def reasons(self):
        """{name of a frame: why it was refused, by whichever stage}."""
        return {entry.frame: entry.reason for entry in read_ledger(self.folder) if entry.verdict == "refused"}


def copy_case(case, base):
    """A copy of a night in another base folder; its catalog is that of the first."""
    night = case.night
    shutil.copytree(night.base, base)
    moved = {
        name: base / getattr(night, name).relative_to(night.base)
        for name in ("folder", "camera_file", "directories_file", "catalog_file", "truth_folder")
    }
    return Case(dataclasses.replace(night, base=base, **moved))


def within_one(found, expected):
    """Whether two sets of stars are the same, but for one at most."""
    return len(set(found) ^ set(expected)) <= 1


def native(column):
    """A column as plain floats."""
    return np.asarray(column, float)
