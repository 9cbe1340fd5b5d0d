"""What a calibration frame must be like to belong to the frames of a field: setup, filter, time.

``settings_of(night, camera) -> {field: Setting}``. What a header does not tell is no difference: old frames have
fewer cards than new ones.
"""

import collections
import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ngcmos.config import Camera
from ngcmos.night.fields import Setup, differing, say_setup, usual_filter
from ngcmos.night.filenames import stamp_of
from ngcmos.night.folder import Night
from ngcmos.night.frames import as_name

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class Setting:
    """How the frames of a field were taken.

    Attributes
    ----------
    date : str
        YYYYMMDD of the evening; another text where the night has no date.
    setup : tuple of (str, str)
        Gain, offset, binning and read mode as far as they are told.
    filter_name : str
        "" where the frames tell none.
    is_usual : bool
        Whether the filter is the night's usual one, whose flat has the plain name.
    """

    date: str = ""
    setup: Setup = ()
    filter_name: str = ""
    is_usual: bool = True

    @property
    def midnight(self) -> datetime.datetime | None:
        """Midnight (UTC) after the evening; None without a date."""
        return midnight_of(self.date)

    def fits(self, setup: Setup) -> bool:
        """Whether what is told of another setup is that of the frames."""
        return not differing(setup, self.setup)

    def misfit(self, setup: Setup) -> str:
        """In what another setup differs, as "GAIN 200, expected GAIN 100"; "" in nothing."""
        keys = differing(setup, self.setup)
        return f"{say_setup(setup, keys)}, expected {say_setup(self.setup, keys)}" if keys else ""

    def passes(self, filter_name: str) -> bool:
        """Whether a flat of this filter is one of the frames' filter; one that tells none is of the usual one."""
        if not filter_name:
            return self.is_usual
        return not self.filter_name or filter_name.casefold() == self.filter_name.casefold()

    @property
    def flat_names(self) -> list[str]:
        """Names that a master flat may have, the most special first."""
        plain = "master_flat.fits"
        return [f"master_flat_{as_name(self.filter_name)}.fits", plain] if self.filter_name else [plain]

    @property
    def own_flat_name(self) -> str:
        """Name of the master flat that is made for the frames."""
        return self.flat_names[-1 if self.is_usual else 0]


def midnight_of(date: str) -> datetime.datetime | None:
    """Midnight (UTC) after the evening of YYYYMMDD; None where that is no date."""
    try:
        evening = datetime.datetime.strptime(date, "%Y%m%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return evening + datetime.timedelta(days=1)


def settings_of(night: Night, camera: Camera) -> dict[str, Setting]:
    """{field: Setting} of a night.

    The usual filter is the only one of the night, else that of the profile, else that of most frames.
    """
    known = {path: night.known[path] for path in night.frames if path in night.known}
    filters = {one.filter_name.casefold(): one.filter_name for one in known.values()}
    usual = next(iter(filters.values())) if len(filters) == 1 else usual_filter(known, camera)
    settings = {}
    for field, paths in night.fields.items():
        told = [known[path] for path in paths if path in known]
        own = _most([one.filter_name for one in told], "")
        setup = _most([one.setup for one in told if one.setup], ())
        is_usual = not own or own.casefold() == usual.casefold()
        settings[field] = Setting(night.date, setup, own, is_usual)
    return settings


def _most(values: Iterable[Value], none: Value) -> Value:
    counts = collections.Counter(values)
    return counts.most_common(1)[0][0] if counts else none


def days_off(setting: Setting, moment: datetime.datetime | None) -> float:
    """Days from a moment to the night, positive before it; NaN where either is not known."""
    if moment is None or setting.midnight is None:
        return float(np.nan)
    return (setting.midnight - moment) / datetime.timedelta(days=1)


def moment_of(path: Path, said: str) -> datetime.datetime | None:
    """When a frame was taken: by the stamp in its name, else by a date of its header; None where neither tells."""
    stamp = stamp_of(path)
    if stamp is not None:
        return stamp
    try:
        moment = datetime.datetime.fromisoformat(said)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
