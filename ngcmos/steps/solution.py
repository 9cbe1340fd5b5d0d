"""Plate solution of one frame: read, solve, write the cards. The product is the header."""

import dataclasses
import hashlib
import logging
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Place
from ngcmos.astrometry.detection import Sources, defocus_kernel
from ngcmos.astrometry.distortion import Solution, centre_of, rotation_of
from ngcmos.astrometry.own import (
    FINGERPRINT_CARD,
    REDUCTION_VERSION,
    find_own_solution,
    own_solution,
    solution_fingerprint,
)
from ngcmos.astrometry.platesolve import find_solve_field, solve_with_astrometry_net
from ngcmos.astrometry.solve import find_enough_sources, solve_frame, solve_from_guess
from ngcmos.astrometry.spots import ReferenceStars
from ngcmos.astrometry.triangles import Search
from ngcmos.astrometry.wcs_header import wcs_cards
from ngcmos.astrometry.zeropoint import ZeroPoint, measure_zero_point, zero_point_cards
from ngcmos.config import Camera
from ngcmos.errors import FrameError, LastResortError, StarlessError, ToolError, UnsolvedError
from ngcmos.night.cards import Card, header_with
from ngcmos.night.disk import require_space
from ngcmos.night.fingerprint import Inputs
from ngcmos.night.frames import Frame, read_frame
from ngcmos.night.headers import said_first, text_tolerated
from ngcmos.night.moments import seconds_after
from ngcmos.night.pointing import pointing_cards
from ngcmos.night.products import matched_catalog_path, write_table
from ngcmos.night.writing import write_cards
from ngcmos.sphere import separation_deg

log = logging.getLogger(__name__)

SKY_SAMPLING = 8
MAD_A_SIGMA = 1.4826
ROOMS = ("ngcmos.astrometry", "ngcmos.steps.solution")  # the code that makes a solution and the cards beside it


_OUR_CARDS = re.compile(
    r"^(WCSAXES|CTYPE[12]|CUNIT[12]|CRVAL[12]|CRPIX[12]|CDELT[12]|CROTA[12]|CD[12]_[12]|PC[12]_[12]|RADESYS|EQUINOX"
    r"|LONPOLE|LATPOLE|WCSRMS|WCSNSTAR|MATCH-(TL|TR|BL|BR|C)|(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)"
    r"|ZP_(ORDER|\d+_\d+)|ZPCALCN2|MAGZP_T[SC]?|BACK-(LVL|RMS)|DEFOCUS|REDVER|SOLVSUM)$",
    re.IGNORECASE,
)


LAST_RESORTS = 3  # of a field that nothing solves; each may take two minutes


@dataclasses.dataclass(frozen=True, eq=False)
class Solving:
    """What the solution of every frame of a field needs; `fingerprint` is that of all of it.

    `pointing` is where the field is by its solutions (`placed`); else by its cards, if a frame has none itself.
    `further_cards(frame)` are written with those of the solution, of a Frame whose header holds these already.
    `last_resorts` frames more may ask solve-field.
    """

    camera: Camera
    stars: ReferenceStars
    tic_id: np.ndarray
    pointing: tuple[float, float]
    kernel: np.ndarray | None
    defocus_mm: float
    force3rd: bool
    save_matched_cat: bool
    fingerprint: str
    placed: bool = False
    further_cards: Callable[[Frame], list[Card]] | None = None
    last_resorts: int = LAST_RESORTS


@dataclasses.dataclass(frozen=True)
class Sighting:
    """What a field must know of each of its frames before it is solved.

    `start` is ISO text, UTC; `pointing` as of `ngcmos.night.frames.Frame`; `object_name` empty without OBJECT;
    `solution` is the plate solution that ngcmos wrote, and `solution_sum` what that was made of;
    `exposure_as_text` what to remark of an exposure time that is no number, `middle_s` and
    `end_s` when DATE-AVG and DATE-END were by its header, seconds after the start, `pointing_like` which cards are
    like a pointing where none is one.
    """

    path: Path
    field: str
    start: str
    exptime_s: float
    pointing: tuple[float, float] | None
    object_name: str
    solution: Solution | None
    solution_sum: str
    exposure_as_text: str = ""
    pointing_like: str = ""
    middle_s: float = float("nan")
    end_s: float = float("nan")

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    @property
    def is_solved(self) -> bool:
        """Whether ngcmos has solved it."""
        return self.solution is not None


def prepare_solving(
    camera: Camera,
    catalog: Table,
    *,
    defocus_mm: float = 0.0,
    force3rd: bool = False,
    save_matched_cat: bool = False,
) -> Solving:
    """The Solving of a field, from its star catalog as `ngcmos.steps.catalog` reads it."""
    known = np.isfinite(catalog["Tmag"])
    stars = ReferenceStars(
        ra=np.asarray(catalog["ra_deg_corr"][known]),
        dec=np.asarray(catalog["dec_deg_corr"][known]),
        mag=np.asarray(catalog["Tmag"][known]),
        usable=~np.asarray(catalog["blended"][known]),
    )
    return Solving(
        camera=camera,
        stars=stars,
        tic_id=np.asarray(catalog["tic_id"][known]),
        pointing=(float(catalog.meta["RA_CEN"]), float(catalog.meta["DEC_CEN"])),
        kernel=defocus_kernel(defocus_mm, camera.detection.defocus_mm),
        defocus_mm=defocus_mm,
        force3rd=force3rd,
        save_matched_cat=save_matched_cat,
        fingerprint=inputs_of_solutions(camera, stars).fingerprint,
        placed=bool(catalog.meta.get("SOLVED", False)),
    )


def inputs_of_solutions(camera: Camera, stars: ReferenceStars) -> Inputs:
    """What the plate solutions of a field depend on, beside the frames."""
    digest = hashlib.sha256()
    for column in (stars.ra, stars.dec, stars.mag, stars.usable):
        digest.update(np.ascontiguousarray(column).tobytes())
    settings: dict[str, Any] = {"detector": camera.detector, "detection": camera.detection, "solve": camera.solve}
    return Inputs.of(ROOMS, catalog=digest.hexdigest(), **settings)


def sight_frame(path: Path, camera: Camera) -> Sighting:
    """The Sighting of a file.

    Raises
    ------
    FrameError
        The file is no frame of this camera.
    """
    frame = read_frame(path, camera, pixels=False)
    return Sighting(
        path=path,
        field=frame.field,
        start=frame.start.isot,
        exptime_s=frame.exptime,
        pointing=frame.pointing,
        object_name=said_first(frame.header, camera.headers.object),
        solution=find_own_solution(frame.header, camera.calibration.origin),
        solution_sum=solution_fingerprint(frame.header),
        pointing_like=pointing_cards(frame.header) if frame.pointing is None else "",
        exposure_as_text=text_tolerated(frame.header, camera.headers.exptime),
        middle_s=seconds_after(frame.start, frame.header, "DATE-AVG", camera.headers, path),
        end_s=seconds_after(frame.start, frame.header, "DATE-END", camera.headers, path),
    )


def read_solution(path: Path, camera: Camera) -> Solution:
    """The plate solution that ngcmos wrote into a file; errors as of `sight_frame` and `own_solution`, by name."""
    header = read_frame(path, camera, pixels=False).header
    try:
        return own_solution(header, camera.calibration.origin)
    except UnsolvedError as error:
        raise UnsolvedError(f"{path.name}: {error}") from None


def search_solution(path: Path, solving: Solving) -> dict[str, Any]:
    """Solve a frame from its pointing alone, by solve-field at last; the numbers for the ledger.

    Raises
    ------
    FrameError
        The frame is unfit or was not solved.
    """
    frame = read_frame(path, solving.camera)
    try:
        solution = _solve(frame, solving, None)
    except StarlessError:  # nobody can match what is not there
        raise
    except UnsolvedError as error:
        solution = _solve_by_astrometry_net(frame, solving, error)
    return _write_solution(frame, solution, solving)


def after_failure(solving: Solving, error: FrameError, field: str) -> Solving:
    """The Solving for the next frame of a field: a last resort that keeps failing is not asked for ever."""
    if not isinstance(error, LastResortError):
        return solving
    left = solving.last_resorts - 1
    if not left:
        told = "%s: solve-field found nothing on %d frames, it is not asked again in this run"
        log.warning(told, field, LAST_RESORTS)
    return dataclasses.replace(solving, last_resorts=left)


def solve_one(path: Path, solving: Solving, reference: Solution) -> dict[str, Any]:
    """Solve a frame from the solution of another one of its field; the numbers for the ledger; errors as above."""
    frame = read_frame(path, solving.camera)
    return _write_solution(frame, _solve(frame, solving, reference), solving)


def _solve(frame: Frame, solving: Solving, previous: Solution | None) -> Solution:
    try:
        return solve_frame(
            frame.data,
            solving.stars,
            solving.camera,
            pointing=_where_to_look(frame, solving),
            previous=previous,
            kernel=solving.kernel,
            least_order=3 if solving.force3rd else 1,
        )
    except StarlessError as error:
        raise StarlessError(f"{frame.name}: hardly any stars – cloud or dome closed: {error}") from None
    except UnsolvedError as error:
        elsewhere = _say_elsewhere(frame, solving.camera, previous)
        raise type(error)(f"{frame.name}: {elsewhere}not solved: {error}") from None


def _say_elsewhere(frame: Frame, camera: Camera, previous: Solution | None) -> str:
    """That the cards of a frame want a place too far from its field to be looked for there; "" otherwise."""
    if previous is None or frame.pointing is None:
        return ""
    away_deg = float(separation_deg(*frame.pointing, *centre_of(previous, frame.data.shape)))
    is_far = away_deg > max(camera.solve.radius_deg)
    return f"elsewhere by its cards – another target of that name?: {away_deg:.1f} deg away; " if is_far else ""


def _where_to_look(frame: Frame, solving: Solving) -> Place:
    return solving.pointing if solving.placed or frame.pointing is None else frame.pointing


def _solve_by_astrometry_net(frame: Frame, solving: Solving, error: UnsolvedError) -> Solution:
    """The solution that starts from solve-field's, or the error of our own solver where that has none."""
    camera = solving.camera
    if not (solving.last_resorts and camera.solve.solve_field and find_solve_field()):
        raise error
    try:
        sources = find_enough_sources(frame.data, camera.detection, solving.kernel)
    except FrameError as failure:
        raise UnsolvedError(f"{error}; solve-field: {failure}") from None
    try:
        guess = _ask_solve_field(sources, frame, solving)
        return solve_from_guess(
            frame.data, solving.stars, camera, guess, rung="solve-field", kernel=solving.kernel
        )
    except (FrameError, ToolError) as failure:
        raise LastResortError(f"{error}; {failure}") from None


def _ask_solve_field(sources: Sources, frame: Frame, solving: Solving) -> Solution:
    detector, radius_deg = solving.camera.detector, max(solving.camera.solve.radius_deg)
    scales = detector.scale_arcsec, detector.scale_limits_arcsec
    search = Search(_where_to_look(frame, solving), radius_deg, *scales, frame.data.shape)
    with tempfile.TemporaryDirectory(prefix="ngcmos-") as folder:
        return solve_with_astrometry_net(sources, search, folder=Path(folder))


def _write_solution(frame: Frame, solution: Solution, solving: Solving) -> dict[str, Any]:
    """Write the cards of a solved frame; the numbers for the ledger."""
    zero = _zero_point(frame, solution, solving)
    level, rms = _sky(frame.data)
    cards = [
        *wcs_cards(solution, frame.data.shape, solving.camera.calibration.origin),
        *zero_point_cards(zero),
        ("BACK-LVL", level, "[adu] median of the raw sky"),
        ("BACK-RMS", rms, "[adu] scatter of the raw sky"),
        ("DEFOCUS", float(solving.defocus_mm), "[mm] as given to the solver"),
        ("REDVER", REDUCTION_VERSION, "version of these cards"),
        (FINGERPRINT_CARD, solving.fingerprint, "what this solution was made of"),
    ]
    require_space(frame.path.parent, solving.camera.files.reserve_mb)
    present = {key for key in frame.header if _OUR_CARDS.match(key)}
    remove = sorted(present - {key for key, _, _ in cards})
    if solving.further_cards:
        solved = dataclasses.replace(frame, header=header_with(frame.header, cards, remove=remove))
        cards += solving.further_cards(solved)
    write_cards(frame.path, cards, remove=remove, beside=solving.camera.files.headers == "beside")
    if solving.save_matched_cat:
        write_table(matched_catalog_path(frame.path.parent, frame.name), _matched(solution, solving))
    ra_deg, dec_deg = centre_of(solution, frame.data.shape)
    return {
        "rung": solution.rung,
        "stars": solution.n,
        "rms_px": solution.rms,
        "median_px": float(np.median(solution.residual)),
        "scale_arcsec": solution.scale_arcsec,
        "ra_deg": ra_deg,
        "dec_deg": dec_deg,
        "rotation_deg": rotation_of(solution),
        "zp": zero.median,
        "sky_adu": level,
        "sky_rms_adu": rms,
    }


def _zero_point(frame: Frame, solution: Solution, solving: Solving) -> ZeroPoint:
    """ZeroPoint of the matched stars from raw counts; their sky is taken around each."""
    tmag = solving.stars.mag[solution.index]
    try:
        return measure_zero_point(frame.data, solution.x, solution.y, tmag, exptime_s=frame.exptime)
    except FrameError as error:
        raise FrameError(f"{frame.name}: {error}") from None


def _sky(data: np.ndarray) -> tuple[float, float]:
    """(median, scatter) in ADU of a sample of the pixels."""
    sample = data[::SKY_SAMPLING, ::SKY_SAMPLING].astype(float)
    level = np.median(sample)
    return float(level), float(MAD_A_SIGMA * np.median(np.abs(sample - level)))


def _matched(solution: Solution, solving: Solving) -> Table:
    """Table of the stars a solution rests on."""
    index = solution.index
    return Table(
        {
            "tic_id": solving.tic_id[index],
            "Tmag": solving.stars.mag[index],
            "ra_deg_corr": solving.stars.ra[index],
            "dec_deg_corr": solving.stars.dec[index],
            "x": solution.x + 1.0,
            "y": solution.y + 1.0,
            "dx": solution.dx,
            "dy": solution.dy,
        },
        units={"Tmag": "mag", "ra_deg_corr": "deg", "dec_deg_corr": "deg"}
        | dict.fromkeys(("x", "y", "dx", "dy"), "pix"),
    )
