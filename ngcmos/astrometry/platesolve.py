"""astrometry.net's solve-field as an outside program: the last resort for a frame our own solver gives up.

It gets a list of sources, never the image, and its TAN solution is only a guess, to be verified and refined by
`ngcmos.astrometry.solve.solve_from_guess`.
"""

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
from astropy.io import fits

from ngcmos.astrometry.distortion import Solution
from ngcmos.astrometry.spots import Spots
from ngcmos.astrometry.triangles import Search
from ngcmos.astrometry.wcs_header import solution_from_header
from ngcmos.errors import ToolError, UnsolvedError

PROGRAM = "solve-field"
MOST_SOURCES = 500
GRACE_S = 10.0


def find_solve_field(program: str = PROGRAM) -> str:
    """Path of the program, empty where it is not installed."""
    return shutil.which(program) or ""


def solve_with_astrometry_net(
    spots: Spots,
    search: Search,
    *,
    folder: Path,
    timeout_s: float = 120.0,
    grace_s: float = GRACE_S,
    program: str = PROGRAM,
) -> Solution:
    """Approximate TAN solution of a list of sources.

    Parameters
    ----------
    spots : Spots
        The 500 brightest are given to the program.
    search : Search
    folder : path
        An empty folder for the files of the program; the caller removes it.
    timeout_s : float
        CPU time the program may take; it is ended when that and `grace_s` more have passed.
    program : str
        Its name or path.

    Raises
    ------
    ToolError
        The program is not installed, failed, or took too long.
    UnsolvedError
        It ran and found no solution.
    """
    path = find_solve_field(program)
    if not path:
        raise ToolError(f"{program}: not installed, expected astrometry.net's solve-field on the PATH")
    _write_sources(folder / "sources.xyls", spots)
    command = _command(path, folder, search, timeout_s)
    answer = _run(command, folder, timeout_s + grace_s)
    solved = folder / "sources.wcs"
    if not solved.is_file():
        raise UnsolvedError(f"{program}: no solution among {len(spots)} sources; it said: {answer}")
    try:
        header = fits.getheader(solved)
    except OSError as error:
        raise ToolError(f"{program}: its {solved.name} is not readable ({error})") from None
    return dataclasses.replace(solution_from_header(header), rung="solve-field")


def _write_sources(path: Path, spots: Spots) -> None:
    brightest = np.argsort(-spots.flux, kind="stable")[:MOST_SOURCES]
    columns = [
        fits.Column(name=name, format="D", array=np.asarray(values, dtype=float)[brightest])
        for name, values in (("X", spots.x + 1.0), ("Y", spots.y + 1.0), ("FLUX", spots.flux))
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)


def _command(path: str, folder: Path, search: Search, timeout_s: float) -> list[str]:
    options: dict[str, object] = {
        "--width": search.shape[1],
        "--height": search.shape[0],
        "--x-column": "X",
        "--y-column": "Y",
        "--sort-column": "FLUX",
        "--scale-units": "arcsecperpix",
        "--scale-low": search.scale_limits_arcsec[0],
        "--scale-high": search.scale_limits_arcsec[1],
        "--ra": search.pointing[0],
        "--dec": search.pointing[1],
        "--radius": search.radius_deg,
        "--cpulimit": max(1, round(timeout_s)),
        "--dir": folder,
        "--temp-dir": folder,
    }
    unwanted = ("--new-fits", "--solved", "--match", "--rdls", "--corr", "--index-xyls")
    switches = ("--no-plots", "--no-tweak", "--no-remove-lines", "--overwrite", "--crpix-center")
    pairs = [str(part) for option in options.items() for part in option]
    pairs += [part for name in unwanted for part in (name, "none")]
    return [path, *switches, *pairs, str(folder / "sources.xyls")]


def _run(command: list[str], folder: Path, timeout_s: float) -> str:
    """Last line of what the program said; it and what it started end with the time."""
    with _start(command, folder) as process:
        try:
            output = process.communicate(timeout=timeout_s)[0]
        except subprocess.TimeoutExpired:
            raise ToolError(f"{command[0]}: no answer after {timeout_s:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    lines = output.strip().splitlines() or ["nothing"]
    if process.returncode:
        raise ToolError(f"{command[0]}: exit code {process.returncode}, it said: {lines[-1]}")
    return lines[-1]


def _start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """The program as the head of a process group of its own."""
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{command[0]}: could not be started ({error})") from None
