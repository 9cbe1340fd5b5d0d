"""Why a frame was not measured: its story from the ledger, or the table of all such frames of a field or a night.

``run("20240706044506521", night="20240705") -> text``; nothing is written and no run is disturbed. What became
of each frame: `night_story`.
"""

import datetime
import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from ngcmos.config import DEFAULT_CAMERA, Config, load_config
from ngcmos.errors import NightError, WorkError
from ngcmos.night.filenames import is_fits, split_ending, stamp_of
from ngcmos.night.folder import FAILED_DONUTS, NO_WCS, evening_of, find_folder
from ngcmos.night.lock import holder_of
from ngcmos.report.story import NightStory, read_story
from ngcmos.report.words import tell_frame, tell_frames, tell_other

NEAREST = 3

_DATE = re.compile(r"(19|20)\d{6}")
_STAMP_AT_END = re.compile(r"(\d{10})\d{0,7}$")


def run(
    wanted: str = "",
    *,
    camera: str = DEFAULT_CAMERA,
    config: Path | str | None = None,
    directory: Path | str | None = None,
    night: str | None = None,
) -> str:
    """The story of a frame, or the table of the frames of a field or a night that were not measured.

    Parameters
    ----------
    wanted : str
        A frame's name, a part of it that no other has, or its path; a field; a night as YYYYMMDD or its folder.
        "" is the whole night.
    camera, config, directory, night
        As the options of all scripts.

    Returns
    -------
    str
        Lines of at most 100 characters where no name or path is longer.

    Raises
    ------
    NightError
        There is no such night.
    ProductError
        The ledger is missing or damaged.
    WorkError
        Nothing of that name, or several; the message names the nearest.
    """
    if directory is None and night is None:
        directory, wanted = _split_path(wanted)
    elif "/" in wanted:
        wanted = Path(wanted).name
    settings = load_config(camera=camera, config=config, directory=directory)
    if directory is None and night is None:
        night = _night_in(wanted, settings)
    folder = find_folder(settings, directory=directory, night=night)
    holder = holder_of(folder)
    story = read_story(settings, folder, is_held=bool(holder))
    subject = "" if wanted in (night, folder.name) else wanted
    return _tell(story, subject, holder)


def _split_path(wanted: str) -> tuple[Path | None, str]:
    """(night folder or None, the rest): what a path says."""
    path = Path(wanted)
    if not wanted or not ("/" in wanted or path.exists()):
        return None, wanted
    if path.is_dir() and not is_fits(path.name):
        return path.absolute(), ""
    parent = path.absolute().parent
    return parent.parent if parent.name in (FAILED_DONUTS, NO_WCS) else parent, path.name


def _night_in(wanted: str, config: Config) -> str | None:
    """The night that is named, or that of the time stamp where its folder exists; None where neither is there."""
    base = config.directories.base
    if _DATE.fullmatch(wanted):
        if not (base / wanted).is_dir():
            nights = [path.name for path in base.iterdir() if _DATE.fullmatch(path.name)]
            raise NightError(f"no night {wanted} in {base}; {_nearest(wanted, nights)}")
        return wanted
    stamp = _STAMP_AT_END.search(split_ending(wanted)[0])
    if not stamp:
        return None
    try:
        time = datetime.datetime.strptime(stamp[1], "%Y%m%d%H").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    date = evening_of(time, config.site.timezone)
    return date if (base / date).is_dir() else None


def _tell(story: NightStory, subject: str, holder: str) -> str:
    """The text about a night (subject ""), a field or a frame of it."""
    if not subject:
        return tell_frames(story, f"night {story.date}", story.files, holder)
    if subject in story.fields:
        return _tell_field(story, subject, holder)
    names = [name for name in story.names if subject in (name, split_ending(name)[0])]
    names = names or [name for name in story.names if subject.lower() in name.lower()]
    if len(names) == 1:
        return tell_frame(story, names[0])
    for other in story.others:
        if subject == other.path.name:
            return tell_other(other)
    fields = [field for field in story.fields if subject.lower() in field.lower()]
    if len(fields) == 1:
        return _tell_field(story, fields[0], holder)
    if names:
        some = ", ".join(names[:NEAREST])
        raise WorkError(f"{len(names)} frames of {story.folder} have {subject!r} in their names: {some}, ...")
    raise WorkError(f"no frame, field or night {subject!r} in {story.folder}; {_nearest_in(story, subject)}")


def _tell_field(story: NightStory, field: str, holder: str) -> str:
    files = [file for file in story.files if file.field == field]
    return tell_frames(story, f"field {field} of night {story.date}", files, holder)


def _nearest_in(story: NightStory, wanted: str) -> str:
    """The names most alike; of a time stamp, those nearest in time."""
    if wanted.isdigit():
        stamps = [(stamp_of(Path(name)), name) for name in story.names]
        asked = int(wanted.ljust(17, "0")[:17])
        dated = [(abs(int(f"{time:%Y%m%d%H%M%S%f}"[:17]) - asked), name) for time, name in stamps if time]
        return _list_nearest([name for _, name in sorted(dated)[:NEAREST]])
    return _nearest(wanted, [*story.fields, *story.names])


def _nearest(wanted: str, names: Sequence[str]) -> str:
    return _list_nearest(difflib.get_close_matches(wanted, names, NEAREST, cutoff=0.0))


def _list_nearest(names: Sequence[str]) -> str:
    return f"nearest: {', '.join(names)}" if names else "there is none at all"
