"""The tree of named errors.

::

    NgcmosError                    everything ngcmos raises on purpose
    ├── UsageError                 wrong options                                 exit 2
    │   └── ConfigError            directories.json or a camera profile is wrong
    ├── LockedError                another run holds this night                  exit 3
    └── WorkError                  the work could not be done                    exit 1
        ├── NightError             no such night, or nothing in it
        ├── FrameError             one frame is unfit; it is set aside, the night goes on
        │   ├── HeaderError        a header card is missing or makes no sense
        │   └── UnsolvedError      no plate solution was found or accepted
        │       └── StarlessError  as there are hardly any stars on the frame
        ├── MasterError            a bias, dark or flat is missing or does not fit
        ├── CatalogError           no usable star catalog
        │   └── NetworkError       the catalog service did not answer
        ├── ProductError           a product of an earlier run is damaged
        ├── WriteError             the disk is full, read-only or failing
        └── ToolError              an outside program is missing or failed

Each message is one line that names the file, the fact and what was expected.
"""


class NgcmosError(Exception):
    """Base of every error raised on purpose; `exit_code` is what a script returns for it."""

    exit_code = 1


class UsageError(NgcmosError):
    """The options of a script make no sense."""

    exit_code = 2


class ConfigError(UsageError):
    """directories.json or the camera profile is missing or wrong."""


class LockedError(NgcmosError):
    """Another run holds the night."""

    exit_code = 3


class WorkError(NgcmosError):
    """The work asked for could not be done."""


class NightError(WorkError):
    """The night does not exist or holds nothing to work on."""


class FrameError(WorkError):
    """One frame is unfit for a stage."""


class HeaderError(FrameError):
    """A header card is missing or its value makes no sense."""


class UnsolvedError(FrameError):
    """No plate solution was found or accepted for a frame."""


class StarlessError(UnsolvedError):
    """A frame shows too few stars for any plate solution."""


class UnmatchedError(UnsolvedError):
    """There are stars on a frame, but nowhere in the catalog do they lie so."""


class LastResortError(UnsolvedError):
    """Not even the outside program, asked at last, found one."""


class MasterError(WorkError):
    """A calibration master is missing, unreadable or of another shape or read mode."""


class CatalogError(WorkError):
    """There is no usable star catalog for a field."""


class NetworkError(CatalogError):
    """The catalog service did not answer."""


class ProductError(WorkError):
    """A product of an earlier run is damaged."""


class WriteError(WorkError):
    """A product could not be written: the disk is full, read-only or failing."""


class ToolError(WorkError):
    """An outside program is missing or failed."""
