"""What is told of where a field sits: against its cards, and against its catalog."""

import logging
from pathlib import Path
from typing import Protocol

from ngcmos.arrays import Place
from ngcmos.astrometry.distortion import Solution, centre_of, rotation_of
from ngcmos.names import Stage
from ngcmos.night.frames import as_name
from ngcmos.night.job import Job
from ngcmos.night.pointing import pointing_off_deg
from ngcmos.night.remarks import keep_remark
from ngcmos.sphere import separation_deg

log = logging.getLogger(__name__)

FAR_OFF = 0.1  # of the chip: pointing cards that are further off are remarked


class Named(Protocol):
    """A frame, its field, and the target that its header names."""

    @property
    def path(self) -> Path: ...
    @property
    def field(self) -> str: ...
    @property
    def object_name(self) -> str: ...


def tell_pointing(job: Job, field: str, told: Place | None, usual: Solution) -> None:
    """Say how far a field sits from where its cards (or who asked) want it; remarked where that is far.

    Remarked too where the cards hold hours of right ascension and were read as degrees.
    """
    shape = job.camera.detector.shape
    ra, dec = centre_of(usual, shape)
    if told is None:
        log.info("%s: the field sits at %.4f %+.4f, turned by %.1f deg", field, ra, dec, rotation_of(usual))
        return
    off_deg, hours = pointing_off_deg(told, ra, dec), ""
    if off_deg < float(separation_deg(*told, ra, dec)):
        hours = 'its pointing cards are hours of right ascension, not degrees: headers.pointing_unit = "hour"'
    off_px = off_deg * 3600 / usual.scale_arcsec
    text = f"{off_deg:.3f} deg ({off_px:.0f} px) from where its cards want it, at {ra:.4f} {dec:+.4f}"
    log.info("%s: the field sits %s, turned by %.1f deg", field, text, rotation_of(usual))
    is_far = off_px > FAR_OFF * min(shape)
    far = f"the field sits {text}; the sky is believed" if is_far else ""
    keep_remark(job.ledger, field, "pointing", "; ".join(filter(None, [hours, far])))


def tell_coverage(job: Job, field: str, share: float) -> None:
    """Remark where a catalog covers only that share of the chip."""
    told = f"the catalog covers {share:.1%} of the chip, stars elsewhere are not known" if share < 1 else ""
    keep_remark(job.ledger, field, "catalog", told)


def check_object(frame: Named, key: str) -> None:
    """Say where OBJECT is not of the field that the name gives; the sky decides which is right."""
    if frame.object_name and not as_name(frame.object_name).lower().startswith(frame.field.lower()):
        told = "%s: %s: %s is %r, expected one that begins with %s; solved as that field"
        log.warning(told, Stage.SIMPLE_WRAPPER, frame.path.name, key, frame.object_name, frame.field)
