"""The scale of a large season as it was last solved from all nights: those that come later are fitted to it.

What it has of its nights need not be read again. It is a memory aid: without it all nights are solved again.
"""

import dataclasses
import logging
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ngcmos.arrays import Floats, Ints, Reals
from ngcmos.errors import ProductError
from ngcmos.night.products import write_then_rename
from ngcmos.season.beside import drifted
from ngcmos.season.health import NightHealth, NightNumbers
from ngcmos.season.levels import StarTerms
from ngcmos.season.means import CameraMeans, rows_in
from ngcmos.season.scale import SeasonFit, StarScale, choose_apertures
from ngcmos.season.summary import star_keys
from ngcmos.stats import column_medians

log = logging.getLogger(__name__)

MOST_BESIDE = 0.05  # nights that have come since, of those that were solved: as of the search, in the same morning
MOVED_ERRORS = 0.1  # of a point: a star has moved when its flux would change by more than this
MOVED_SHARE = 0.05  # of the stars
_NUMBERS = ("fwhm_px", "sky", "clear_zp", "precision")
_TERMS = [field.name for field in dataclasses.fields(StarTerms)]
_MEANS = [field.name for field in dataclasses.fields(CameraMeans)]


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """What is kept of a camera.

    Attributes
    ----------
    camera : str
    made_of : str
        Code, chip and known stars that it was solved with.
    solved : int
        It was solved from the first so many of its nights; the others were fitted to these.
    scale : StarScale
    noise : (apertures, pointings, stars) float32 array
        As of `ngcmos.season.scale.SeasonFit`: by it the apertures are chosen.
    means : CameraMeans
    health : dict of str to NightHealth
    solutions, curves : dict of str to str
        Of its nights: what their solutions and light curves are made of.
    """

    camera: str
    made_of: str
    solved: int
    scale: StarScale
    noise: Reals
    means: CameraMeans
    health: Mapping[str, NightHealth]
    solutions: Mapping[str, str]
    curves: Mapping[str, str]

    @property
    def keys(self) -> Ints:
        """(stars,) of its stars, see `star_keys`."""
        return star_keys(self.scale.stars)

    def noise_with(self, fit: SeasonFit) -> Reals:
        """(apertures, pointings, stars) noise with that of further nights, stars as of their fit."""
        apertures, pointings, _ = self.noise.shape
        wider = np.full((apertures, pointings, len(fit.stars)), np.nan, np.float32)
        wider[:, :, rows_in(self.scale.stars, fit.stars)] = self.noise
        return np.concatenate([wider, fit.noise], axis=1)

    def why_not(self, made_of: str, solutions: Mapping[str, str], curves: Mapping[str, str]) -> str:
        """Why it does not hold for the nights that are there; "" where it does.

        Parameters
        ----------
        made_of : str
        solutions, curves : mapping of str to str
            As they are now; those of further nights too.
        """
        if made_of != self.made_of:
            return "other code, chip or known stars"
        if gone := sum(solutions.get(name) != mark for name, mark in self.solutions.items()):
            return f"{gone} of its nights are gone or have changed"
        if gone := sum(curves.get(name) != mark for name, mark in self.curves.items()):
            return f"light curves of {gone} of its nights are gone or have changed"
        beside = len(solutions) - self.solved
        if beside > MOST_BESIDE * self.solved:
            return f"{beside} nights have come since it was solved from {self.solved}"
        return ""


def say_drift(scale: StarScale, means: CameraMeans, solved: int) -> str:
    """That the nights after the first so many have left the scale; "" where they have not."""
    stars = np.arange(len(scale.stars))
    of_aperture = {name: np.array([getattr(one, name) for one in scale.terms]) for name in _TERMS}
    own = {name: values[scale.aperture, stars] for name, values in of_aperture.items() if name != "prior"}
    error = np.hypot(means.error[solved:], own["excess"])
    point = column_medians(means.expected[solved:]).astype(float)
    off = drifted(means.deviation[solved:], error, own["weight"], point=point, most=MOVED_ERRORS)[own["constant"]]
    if not off.size or off.mean() <= MOVED_SHARE:
        return ""
    return f"{off.sum()} of {off.size} constant stars are not as bright in the nights since as it says"


def say_apertures(reference: Reference, fit: SeasonFit) -> str:
    """That with further nights stars would get other apertures than they have; "" where they would not."""
    chosen = choose_apertures(reference.noise_with(fit), fit.stars["Tmag"].astype(float))
    own = rows_in(reference.scale.stars, fit.stars)
    other = np.count_nonzero(chosen[own] != fit.aperture[own])
    return f"{other} stars are quieter in another aperture by now" if other else ""


def write_references(path: Path, references: Iterable[Reference]) -> None:
    """Write those of all cameras.

    Raises
    ------
    WriteError
        The disk is full, read-only or failing.
    """
    arrays: dict[str, Any] = {}
    for number, one in enumerate(references):
        arrays |= {f"{number}.{name}": value for name, value in _arrays_of(one).items()}
    with write_then_rename(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_references(path: Path) -> dict[str, Reference]:
    """Those that are kept, by cameras; none where they are missing or damaged, which is said."""
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            cameras = {name.partition(".")[0] for name in arrays.files}
            kept = [_reference_of(arrays, number) for number in sorted(cameras)]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s: damaged (%s): the season is solved again", path, error)
        return {}
    return {one.camera: one for one in kept}


def forget_references(path: Path) -> None:
    """Remove them: what they are of is about to change.

    Raises
    ------
    ProductError
        It cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ProductError(f"{path}: not removed, {error.strerror or error}") from error


def _arrays_of(one: Reference) -> dict[str, Any]:
    names = one.means.names
    numbers = [[getattr(one.health[name].numbers, number) for number in _NUMBERS] for name in names]
    return {
        "camera": one.camera,
        "made_of": one.made_of,
        "solved": one.solved,
        "radii": one.scale.radii,
        "aperture": one.scale.aperture,
        "usual_mag": one.scale.usual_mag,
        "noise": one.noise,
        **{f"terms.{name}": [getattr(terms, name) for terms in one.scale.terms] for name in _TERMS},
        **{name: getattr(one.means, name) for name in _MEANS},
        "numbers": np.array(numbers),
        "place": np.array([_place_of(one.health[name], star_keys(one.means.stars)) for name in names]),
        "solutions": [one.solutions[name] for name in names],
        "curves": [one.curves[name] for name in names],
    }


def _place_of(health: NightHealth, keys: Any) -> Floats:
    """(stars, 2) places of all stars of a camera; NaN for those that the night does not have."""
    order = np.argsort(keys)
    place = np.full((len(keys), 2), np.nan)
    place[order[np.searchsorted(keys[order], health.keys)]] = health.place
    return place


def _reference_of(arrays: Mapping[str, Any], number: str) -> Reference:
    def get(name: str) -> Any:
        return arrays[f"{number}.{name}"]

    means = CameraMeans(**{name: get(name) for name in _MEANS})
    means = dataclasses.replace(means, names=tuple(means.names.tolist()))  # type: ignore[attr-defined]
    terms = {name: get(f"terms.{name}") for name in _TERMS}
    radii = tuple(get("radii").tolist())
    of_apertures = [StarTerms(**{name: terms[name][at] for name in _TERMS}) for at in range(len(radii))]
    keys, rows = star_keys(means.stars), zip(means.names, get("numbers").tolist(), get("place"), strict=True)
    return Reference(
        camera=str(get("camera")),
        made_of=str(get("made_of")),
        solved=int(get("solved")),
        scale=StarScale(means.stars, radii, get("aperture"), float(get("usual_mag")), of_apertures),
        noise=get("noise"),
        means=means,
        health={name: NightHealth(_numbers(name, values), keys, place) for name, values, place in rows},
        solutions=dict(zip(means.names, get("solutions").tolist(), strict=True)),
        curves=dict(zip(means.names, get("curves").tolist(), strict=True)),
    )


def _numbers(name: str, values: list[float]) -> NightNumbers:
    of_night = dict(zip(_NUMBERS, values, strict=True))
    return NightNumbers(night=name[:8], off_x_px=np.nan, off_y_px=np.nan, **of_night)
