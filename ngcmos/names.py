"""Words that several rooms share: stages, verdicts, qualities of a frame, bits of a star's flags, header cards."""

import enum

Card = tuple[str, str | int | float, str]  # keyword, value, comment of a FITS header


class Stage(enum.StrEnum):
    """The stages of a night by the names of their scripts, in the order of the chain."""

    QC_DONUTS = "QC_Donuts"
    QC_CONTROL = "QC_control"
    SIMPLE_WRAPPER = "simple_wrapper"
    CHECK_CMOS = "check_cmos"
    ADDING_HEADERS = "adding_headers"
    CREATE_FLATS = "create_flats"
    PROCESS_CMOS = "process_cmos"
    RELATIVE_PHOTOMETRY = "relative_photometry"
    NOISE_MODEL = "noise_model"
    SEASON = "season"
    NIGHT_REPORT = "night_report"


class Record(enum.StrEnum):
    """What the ledger keeps beside the verdicts of stages."""

    SHIFTS = "shifts"  # the donuts shift of a frame
    QUALITY = "quality"  # the quality of a frame's light
    RUN = "run"  # how a stage of the chain went
    PRODUCT = "product"  # what a product was made of, and what it replaced
    REMARK = "remark"  # what does not fit together in a field: its kind, and a line
    KNOWN = "known"  # what the season of a field knew before the night came in


class Verdict(enum.StrEnum):
    """What a stage says of a frame."""

    DONE = "done"
    REFUSED = "refused"


class State(enum.StrEnum):
    """What became of a frame."""

    MEASURED = "measured"
    REFUSED = "refused"
    WAITING = "not yet seen"


class Level(enum.StrEnum):
    """How a night was."""

    GOOD = "good"
    LOOK = "look"  # a human should
    BAD = "bad"  # photometry is missing


class Health(enum.StrEnum):
    """What the doctor says of one thing."""

    GOOD = "good"
    REMARK = "remark"
    BAD = "BAD"  # the night would fail


class ShiftVerdict(enum.StrEnum):
    """What became of a frame's donuts shift."""

    OK = "ok"
    LARGE = "large"
    CONSTANT = "constant"
    STARLESS = "starless"
    CLOUD = "cloud"
    BEYOND_REACH = "beyond reach"
    FIXED_PATTERN = "fixed pattern"
    UNREADABLE = "unreadable"
    TURNED = "turned"  # the sky lies turned by 180 deg on the chip; no reference of that side yet
    REFERENCE = "reference"


class Quality(enum.StrEnum):
    """How good the light of a frame is."""

    GOOD = "good"
    CLOUD = "cloud"
    JUMP = "jump"
    SLEW = "slew"
    TRAIL = "trail"
    TWILIGHT = "twilight"
    EXCLUDED = "excluded"

    @property
    def bit(self) -> int:
        """0 for a good frame, else a bit of its own: light curves hold numbers, and 0 is good there."""
        order = list(Quality).index(self)
        return 1 << (order - 1) if order else 0


class Flag(enum.IntFlag):
    """Bits of a star's `flags`; all speak of its largest aperture."""

    EDGE = 1  # reaches over the edge: NaN at the radii that do
    SATURATED = 2  # a raw pixel at or above saturation, or one that cannot be right
    BAD_PIXEL = 4  # holds a pixel that calibration cannot help
    GAIN_STEP = 8  # a raw pixel within the range where the camera changes its gain
    BLENDED = 16  # the catalog has a neighbour of like brightness too near
    POOR_SKY = 32  # too few sky pixels, or sky far more restless than around most stars
    OFF_CHIP = 64  # centre off the chip, or no position: all numbers are NaN
    TRAIL = 128  # a satellite or an aeroplane crossed it
    CLOUD = 256  # the whole frame is clouded
    NOT_FLATTENED = 512  # there was no flat: off by the response of its place on the chip


def flag_names() -> list[tuple[int, str]]:
    """[(bit, name), ...] as tables and headers list them."""
    return [(flag.value, str(flag.name).lower()) for flag in Flag]


def star_name(tic_id: int) -> str:
    """What a star is called; one that is not in the TIC bears minus its Gaia id."""
    return f"TIC {tic_id}" if tic_id >= 0 else f"Gaia {-tic_id}"
