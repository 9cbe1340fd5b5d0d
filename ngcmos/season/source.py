"""A night of a field where it lies: what a season is made of."""

import dataclasses
from pathlib import Path

from ngcmos.config import Camera
from ngcmos.night.exclusions import NOTHING, Exclusions
from ngcmos.night.products import photometry_path
from ngcmos.season.known import UNKNOWN, KnownStars
from ngcmos.season.read import FieldNight, NightFacts, read_field_night, read_night_facts


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

    def facts(self, field: str) -> NightFacts:
        """What is known of a field of the night beside its counts.

        Raises
        ------
        ProductError
            As `read_night_facts`.
        """
        return read_night_facts(self.folder, field, self.camera, self.known, self.exclusions)

    def read(self, field: str, *, further: tuple[str, ...] = (), facts: NightFacts | None = None) -> FieldNight:
        """A field of the night; its camera is the profile, and the telescope where that is another one.

        Its `facts` are read again where none are given.

        Raises
        ------
        ProductError
            As `read_field_night`.
        """
        facts = facts or self.facts(field)
        night = read_field_night(self.folder, field, self.camera, further=further, facts=facts)
        return dataclasses.replace(night, camera=f"{night.camera} {self.telescope}".strip())
