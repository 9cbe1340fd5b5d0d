"""What does not fit together in the frames of a field, or is good to know of them, as remarks of the night."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.table import Table

from ngcmos.arrays import Floats
from ngcmos.calibration.masters import Masters
from ngcmos.config import Camera
from ngcmos.errors import FrameError
from ngcmos.names import Record
from ngcmos.night.fields import say_misfits
from ngcmos.night.filenames import stamp_of
from ngcmos.night.folder import Night
from ngcmos.night.job import Job
from ngcmos.night.remarks import SUCCESSION, TIME, TURN, keep_remark
from ngcmos.night.spans import DAY_S, JD_1970
from ngcmos.night.succession import tell_written
from ngcmos.photometry.air import AirCards, clock_lag_s, tell_air, tell_daylight, tell_lag
from ngcmos.photometry.counts import tell_colour, tell_counts
from ngcmos.photometry.times import EarthVectors, sun_altitudes
from ngcmos.sphere import sides_of
from ngcmos.tables.table import read_frames

AIR, COLOUR, COUNTS, MASTERS, SETUP, SHAPE = "airmass", "colour", "counts", "masters", "setup", "shape"
DAYLIGHT, REPEATED, BRIGHTER, WRITTEN, FOCUS = "daylight", "repeated", "exposure times", "written", "focus"
OUT_OF_FOCUS = 2.0  # times the usual width
PHOTONS_OF_TMAG_0 = 1.514e6  # a second and cm2 in the band of TESS (Sullivan et al. 2015, ApJ 809, 77)
BEYOND_MIRROR = 5.0  # times that: a wider band than that of TESS lets some times more through
OF_PIXELS = ("sky", "sky_rms", "fwhm_px", "elongation")  # the same in two frames: of the same pixels,
SAME_PIXELS = 1e-5  # to this share, as their plate solutions may begin elsewhere
QUIET, QUIET_SHARE = "noise", 0.75  # of the noise of photons: less of it no camera has
STEADY_FRAMES, STEADY_MAG = 3, 0.05  # before and after a step; so much they differ among themselves
FEWEST_ALIKE = 2  # frames of an exposure time, or out of focus
CLEARLY_MAG, ALIKE_MAG = 0.2, 0.1  # by which that differs, and by which their light does at most


class Saying(Protocol):
    """What the header of a frame says: of the air, and of its filters; and where the Earth was."""

    @property
    def path(self) -> Path: ...
    @property
    def exptime_s(self) -> float: ...
    @property
    def said(self) -> AirCards: ...
    @property
    def colour(self) -> str: ...
    @property
    def earth(self) -> EarthVectors: ...


def refuse_misfits(job: Job, night: Night, field: str, *, among: Collection[Path] | None = None) -> list[Path]:
    """Refuse the frames (`among` these) of another setup than most of their field, and remark on them; which."""
    misfits = night.misfits.get(field, {})
    refused = [path for path in misfits if among is None or path in among]
    for path in refused:
        job.settle(path, field, FrameError(f"{path.name}: {misfits[path]}"))
    all_frames = len(misfits) + len(night.fields.get(field, ()))
    keep_remark(job.ledger, field, SETUP, say_misfits(misfits.values(), all_frames))
    return refused


def remark_on_air(job: Job, field: str, said: Sequence[AirCards]) -> None:
    """Cards of altitude and airmass that the sky contradicts, or the clock that they contradict.

    A clock that contradicts the names or its own night, too, is told of there.
    """
    names, lag_s = job.camera.headers, clock_lag_s(said)
    told = tell_lag(lag_s, names.altitude, names.date_obs[0]) if lag_s else tell_air(said, names.altitude)
    kinds = {one.text("kind") for one in job.recall(Record.REMARK, field).values()}
    is_told = bool(lag_s) and not {TIME, SUCCESSION}.isdisjoint(kinds)
    keep_remark(job.ledger, field, AIR, "" if is_told else told)


def remark_on_headers(job: Job, field: str, frames: Sequence[Saying]) -> None:
    """Cards that the sky contradicts; frames taken by day; a colour camera."""
    remark_on_air(job, field, [frame.said for frame in frames])
    sun_deg = sun_altitudes([frame.earth for frame in frames])
    kinds = {one.text("kind") for one in job.recall(Record.REMARK, field).values()}
    by_day = "" if {TIME, SUCCESSION, AIR} & kinds else tell_daylight(sun_deg, job.camera.headers.date_obs[0])
    keep_remark(job.ledger, field, DAYLIGHT, by_day)
    keep_remark(job.ledger, field, WRITTEN, _tell_written(job, frames))
    keep_remark(job.ledger, field, COLOUR, tell_colour([frame.colour for frame in frames]))


def _tell_written(job: Job, frames: Sequence[Saying]) -> str:
    """What the disk says of a clock that neither names nor altitudes can tell of."""
    if any(frame.said.altitude is not None or stamp_of(frame.path) for frame in frames):
        return ""
    states = [job.night.known[frame.path].state if frame.path in job.night.known else None for frame in frames]
    written = np.array([np.nan if state is None else state[0] for state in states])
    middle = np.array([(frame.earth.jd_utc[0] - JD_1970) * DAY_S for frame in frames])
    end = middle + np.array([frame.exptime_s for frame in frames]) / 2
    return tell_written(end, written, job.camera.headers.date_obs[0])


def remark_on_masters(job: Job, masters: Iterable[Masters]) -> None:
    """Masters that are too old, or of an odd level."""
    notes = dict.fromkeys(note for one in masters for note in one.notes)
    keep_remark(job.ledger, "", MASTERS, "; ".join(notes))


def remark_on_counts(job: Job, field: str, faults: Sequence[str]) -> None:
    """Counts that cannot be right; `faults` of each frame."""
    keep_remark(job.ledger, field, COUNTS, tell_counts(faults))


def remark_on_table(job: Job, field: str, table: Path, shapeless: int) -> None:
    """Counts, exposure times and pixels that cannot be right, turns of the sky, frames without fluxes by shape."""
    frames = read_frames(table)
    keep_remark(job.ledger, field, SHAPE, tell_shapeless(shapeless, len(frames)))
    remark_on_counts(job, field, [str(fault) for fault in frames["counts"]])
    keep_remark(job.ledger, field, TURN, tell_turns(frames))
    keep_remark(job.ledger, field, REPEATED, tell_repeated(frames))
    keep_remark(job.ledger, field, FOCUS, tell_focus(np.asarray(frames["fwhm_px"], float)))
    told = [tell_exposures(frames), tell_light(np.asarray(frames["zp"], float), job.camera), tell_step(frames)]
    keep_remark(job.ledger, field, BRIGHTER, "; ".join(filter(None, told)))
    keep_remark(job.ledger, field, QUIET, tell_quiet(frames, job.camera))


def tell_shapeless(shapeless: int, frames: int) -> str:
    """One line where frames have no fluxes by the shape of their stars; "" where all have."""
    why = "their stars do not tell their shape; those of the apertures are not touched"
    return f"no flux_psf in {shapeless} of {frames} frames: {why}" if shapeless else ""


def tell_repeated(frames: Table) -> str:
    """One line where frames of FRAMES hold the pixels of others, as of a camera that was stuck; "" without any."""
    own = np.column_stack([np.asarray(frames[name], float) for name in OF_PIXELS])
    order = np.argsort(own[:, 0], kind="stable")
    same = (np.abs(np.diff(own[order], axis=0)) <= SAME_PIXELS * np.abs(own[order][1:])).all(axis=1)
    if not same.any():
        return ""
    at = int(np.argmax(same))
    first, second = (str(frames["frame_id"][row]).strip() for row in sorted(order[at : at + 2]))
    told = f"{same.sum()} of {len(frames)} frames hold the pixels of another one, as {second} those of {first}"
    return f"{told}: what they show was not taken at their times"


def tell_focus(fwhm_px: Floats) -> str:
    """One line where stars were far wider than usual, as in a focus run; "" where they were not.

    One frame alone is a gust or a slew.
    """
    usual = float(np.median(fwhm_px[np.isfinite(fwhm_px)])) if np.isfinite(fwhm_px).any() else np.nan
    wide = fwhm_px > OUT_OF_FOCUS * usual
    if np.count_nonzero(wide) < FEWEST_ALIKE:
        return ""
    told = f"stars were up to {np.nanmax(fwhm_px):.1f} px wide in {wide.sum()} of {fwhm_px.size} frames"
    return f"{told}, usually {usual:.1f}: out of focus? Apertures lose light there"


def tell_exposures(frames: Table) -> str:
    """One line where frames show as much light as others though their exposure times differ; "" without any."""
    exptime_s, zp = (np.asarray(frames[name], float) for name in ("exptime_s", "zp"))
    times, counts = np.unique(exptime_s, return_counts=True)
    usual_s = float(times[np.argmax(counts)])
    usual_zp = np.nanmedian([np.nan, *zp[exptime_s == usual_s]]) if np.isfinite(zp).any() else np.nan
    for other_s, count in zip(times, counts, strict=True):
        by_card = 2.5 * np.log10(usual_s / other_s)
        known = zp[(exptime_s == other_s) & np.isfinite(zp)]
        if count < FEWEST_ALIKE or not known.size or abs(by_card) < CLEARLY_MAG:
            continue
        if abs(float(np.median(known)) - usual_zp - by_card) < ALIKE_MAG:
            return (
                f"{count} frames of {other_s:g} s show as much light as those of {usual_s:g} s: is EXPTIME right?"
            )
    return ""


def tell_light(zp: Floats, camera: Camera) -> str:
    """One line where stars give more light than the mirror can gather of them; "" where they do not."""
    area_cm2 = np.pi / 4 * (100 * camera.telescope.aperture_m) ** 2
    most = 2.5 * np.log10(PHOTONS_OF_TMAG_0 * area_cm2 / camera.detector.gain_e_adu)
    known = zp[np.isfinite(zp)]
    times = 10 ** (0.4 * (float(np.median(known)) - most)) if known.size else 0.0
    if times < BEYOND_MIRROR:
        return ""
    told = f"stars give {times:.0f} times the light that a mirror of {camera.telescope.aperture_m:g} m gathers"
    return f"{told}: is EXPTIME in seconds, are detector.gain_e_adu and telescope.aperture_m right?"


def tell_step(frames: Table) -> str:
    """One line where stars and sky alike become brighter or fainter from one frame to the next; "" where not.

    A cloud dims the stars and lights up the sky.
    """
    zp, sky, exptime_s = (np.asarray(frames[name], float) for name in ("zp", "sky", "exptime_s"))
    with np.errstate(invalid="ignore", divide="ignore"):
        light = np.column_stack([zp, 2.5 * np.log10(sky / exptime_s)])
    found = []
    for at in range(STEADY_FRAMES, len(light) - STEADY_FRAMES + 1):
        before, after = light[at - STEADY_FRAMES : at], light[at : at + STEADY_FRAMES]
        by_mag = np.median(after, axis=0) - np.median(before, axis=0)
        is_alike_long = np.ptp(exptime_s[at - STEADY_FRAMES : at + STEADY_FRAMES]) == 0  # others are told of above
        steady = is_alike_long and max(np.ptp(before[:, 0]), np.ptp(after[:, 0])) < STEADY_MAG
        alike = abs(by_mag[0] - by_mag[1]) < max(STEADY_MAG, 0.1 * abs(by_mag[0]))
        if steady and alike and abs(by_mag[0]) > CLEARLY_MAG:
            found.append((abs(float(by_mag[0])), at, float(by_mag[0])))
    if not found:
        return ""
    _, at, by_mag = max(found)
    how = f"{10 ** (0.4 * by_mag):.2f} times as bright from {str(frames['frame_id'][at]).strip()} on"
    return f"stars and sky are {how}: another gain, filter or exposure time, not a cloud?"


def tell_quiet(frames: Table, camera: Camera) -> str:
    """One line where the sky scatters less from pixel to pixel than its photons do; "" where it does not."""
    detector = camera.detector
    sky, rms, exptime_s = (np.asarray(frames[name], float) for name in ("sky", "sky_rms", "exptime_s"))
    dark_e = detector.dark_e_s * exptime_s
    least_e = np.sqrt(np.maximum(sky, 0) * detector.gain_e_adu + dark_e + detector.read_noise_e**2)
    share = rms * detector.gain_e_adu / least_e
    quiet = share < QUIET_SHARE
    if not quiet.any():
        return ""
    told = (
        f"the sky of {quiet.sum()} of {len(frames)} frames scatters by {np.median(share[quiet]):.2f} of what its"
    )
    gain = f"detector.gain_e_adu {detector.gain_e_adu:g}"
    return f"{told} photons do by {gain}: are they stacked or smoothed, or is the gain another?"


def tell_turns(frames: Table) -> str:
    """One line where the sky turned between frames of FRAMES; "" where it did not."""
    rotation = np.asarray(frames["rotation_deg"], float)
    sides = sides_of(rotation)
    turns = np.flatnonzero(np.diff(sides)) + 1
    if not turns.size:
        return ""
    angle_deg = np.abs((np.diff(rotation) + 180) % 360 - 180)
    told = [f"by {angle_deg[at - 1]:.0f} deg before {frames['date_obs'][at][11:19]} UTC" for at in turns[:2]]
    more = f", and {turns.size - 2} times more" if turns.size > 2 else ""
    return f"the sky turned on the chip {', '.join(told)}{more}; shifts have a reference on each side"
