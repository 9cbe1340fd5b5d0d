"""A night of a field where it lies: what a season is made of."""

import dataclasses
from pathlib import Path

from ngcmos.config import Camera
from ngcmos.night.exclusions import NOTHING, Exclusions
from ngcmos.night.products import photometry_path
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.read import FieldNight, read_field_night


@dataclasses.dataclass(frozen=True)
class Source:
    """A night of a field: the name of its files in the season, its folder, its camera's profile, known stars.

    `telescope` is "" for that of the season's own base path; `exclusions` are what the observer leaves out.
    """

    name: str
    folder: Path
    camera: Camera
    known: KnownStars = UNKNOWN
    telescope: str = ""
    exclusions: Exclusions = NOTHING

    @property
    def beside(self) -> str:
        """What enters the solution of the night beside its own files."""
        return self.known.digest + (self.exclusions.digest or "")

    def table(self, field: str) -> Path:
        """Its photometry."""
        return photometry_path(self.folder, field)

    def read(self, field: str, *, further: tuple[str, ...] = ()) -> FieldNight:
        """A field of the night; its camera is the profile, and the telescope where that is another one.

        Raises
        ------
        ProductError
            As `read_field_night`.
        """
        night = read_field_night(
            self.folder, field, self.camera, further=further, known=self.known, exclusions=self.exclusions
        )
        return dataclasses.replace(night, camera=f"{night.camera} {self.telescope}".strip())
