"""Whether the light curves of a season lie on the scale of its nights: then there is nothing to solve.

It is a memory aid: without it the next run solves the scale and comes to the same.
"""

from pathlib import Path

from ngcmos.night.fingerprint import digest_of
from ngcmos.night.products import write_text

_NAME = ".settled"


class Settled:
    """How a season looked when its light curves were last held against its scale.

    Parameters
    ----------
    folder : Path
        Of the season.
    exact_points : int
        As of `ngcmos.season.build.bring_in`: it decides which light curves may stay.
    """

    def __init__(self, folder: Path, exact_points: int) -> None:
        self._path = folder / _NAME
        self._exact_points = exact_points

    def holds(self, signature: str) -> bool:
        """Whether the season looks as it did."""
        try:
            return self._path.read_text(encoding="utf-8") == self._text(signature)
        except (OSError, ValueError):
            return False

    def keep(self, signature: str) -> None:
        """Write down how it looks, for the next run.

        Raises
        ------
        WriteError
            The disk is full, read-only or failing.
        """
        write_text(self._path, self._text(signature))

    def _text(self, signature: str) -> str:
        return digest_of(f"{signature} {self._exact_points}")
