"""The header cards of a plate solution: written, and read back."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io.fits import VerifyError

from ngcmos.arrays import Floats, Place, Shape
from ngcmos.astrometry.distortion import ORDER, Solution, no_distortion
from ngcmos.astrometry.fitting import DEGENERATE, fold, place
from ngcmos.astrometry.polynomials import exponents_of, total_order
from ngcmos.errors import UnsolvedError
from ngcmos.names import Card

Header = Mapping[str, Any]  # of a frame: values by keyword

FAR_PX = 1e4  # larger than any chip
HIGHEST_ORDER = 9  # of SIP (Shupe et al. 2005, ASP Conf. 347, 491)
TILE_PX = 512


def wcs_cards(solution: Solution, shape: Shape, origin: Place = (0.0, 0.0)) -> list[Card]:
    """Header cards of a solution: list of (keyword, value, comment).

    CRPIX is 1-based as FITS wants it; `origin` is where in the file the first pixel of the image is (x, y,
    0-based). MATCH-* are median residuals of the matched stars in the 512-px tiles at the corners (T = high y,
    R = high x) and at the centre; a tile without stars has no card, as have WCSRMS and MATCH-* of a solution
    without matched stars.
    """
    cards: list[Card] = [
        ("WCSAXES", 2, "number of world axes"),
        ("CTYPE1", "RA---TAN-SIP", "tangent plane with SIP distortion"),
        ("CTYPE2", "DEC--TAN-SIP", "tangent plane with SIP distortion"),
        ("CUNIT1", "deg", ""),
        ("CUNIT2", "deg", ""),
        ("CRVAL1", solution.crval[0], "[deg] right ascension of the tangent point"),
        ("CRVAL2", solution.crval[1], "[deg] declination of the tangent point"),
        ("CRPIX1", solution.crpix[0] + origin[0] + 1.0, "[px] its column, first pixel is 1"),
        ("CRPIX2", solution.crpix[1] + origin[1] + 1.0, "[px] its row, first pixel is 1"),
    ]
    cards += [(f"CD{i + 1}_{j + 1}", float(solution.cd[i, j]), "[deg/px]") for i in (0, 1) for j in (0, 1)]
    cards += [("RADESYS", "ICRS", "reference frame"), ("EQUINOX", 2000.0, "[yr]")]
    for name, square, lowest in (("A", solution.a, 2), ("B", solution.b, 2)):
        cards += _polynomial_cards(name, square, lowest, "SIP distortion")
    for name, square, lowest in (("AP", solution.ap, 1), ("BP", solution.bp, 1)):
        cards += _polynomial_cards(name, square, lowest, "inverse SIP distortion")
    return cards + _quality_cards(solution, shape)


def _polynomial_cards(name: str, square: Floats, lowest: int, comment: str) -> list[Card]:
    order = len(square) - 1
    terms: list[Card] = [
        (f"{name}_{i}_{j}", float(square[i, j]), comment)
        for i in range(order + 1)
        for j in range(order + 1 - i)
        if i + j >= lowest
    ]
    return [(f"{name}_ORDER", order, f"{comment}, order"), *terms]


def _quality_cards(solution: Solution, shape: Shape) -> list[Card]:
    cards: list[Card] = [("WCSNSTAR", solution.n, "stars in the plate solution")]
    if not solution.n:
        return cards
    cards.append(("WCSRMS", solution.rms, "[px] rms residual of the plate solution"))
    for name, value in tile_residuals(solution, shape).items():
        cards.append((f"MATCH-{name}", value, "[px] median residual of a tile"))
    return cards


def tile_residuals(solution: Solution, shape: Shape) -> dict[str, float]:
    """Median residual in pixels of the corner tiles TL, TR, BL, BR and the centre C, where they hold stars."""
    rows, columns = shape
    left, right = solution.x < TILE_PX, solution.x >= columns - TILE_PX
    low, high = solution.y < TILE_PX, solution.y >= rows - TILE_PX
    centre_x = np.abs(solution.x - (columns - 1) / 2) <= TILE_PX / 2
    centre_y = np.abs(solution.y - (rows - 1) / 2) <= TILE_PX / 2
    tiles = {"TL": left & high, "TR": right & high, "BL": left & low, "BR": right & low, "C": centre_x & centre_y}
    return {name: float(np.median(solution.residual[tile])) for name, tile in tiles.items() if tile.any()}


def solution_from_header(header: Header) -> Solution:
    """The solution that a header holds (TAN or TAN-SIP), without matched stars and without the inverse AP, BP.

    Constant and linear SIP terms, as older programs wrote them, are folded into CRPIX and CD.

    Raises
    ------
    UnsolvedError
        The header holds no such solution.
    """
    kinds = [str(_value(header, f"CTYPE{axis}", "")) for axis in (1, 2)]
    if kinds not in (["RA---TAN-SIP", "DEC--TAN-SIP"], ["RA---TAN", "DEC--TAN"]):
        found = ", ".join(kind for kind in kinds if kind) or "missing"
        raise UnsolvedError(
            f"no plate solution in the header: CTYPE is {found}, expected RA---TAN-SIP, DEC--TAN-SIP"
        )
    crval = _number(header, "CRVAL1"), _number(header, "CRVAL2")
    origin = np.array([_number(header, f"CRPIX{axis}") - 1.0 for axis in (1, 2)])
    cd = np.array([[_number(header, f"CD{i}_{j}") for j in (1, 2)] for i in (1, 2)])
    a, b = _header_square(header, "A"), _header_square(header, "B")
    _require_sense(origin, cd, (a, b))
    rms = _number(header, "WCSRMS") if "WCSRMS" in header else math.nan
    if any(square[i, j] for square in (a, b) for i, j in exponents_of(0, 1)):
        return dataclasses.replace(_fold_into_linear(crval, origin, cd, a, b), rms=rms, rung="header")
    if not abs(np.linalg.det(cd)) > 0:
        raise UnsolvedError(DEGENERATE)
    return Solution(crval, place(*origin), cd, a, b, rms=rms, rung="header")


def _fold_into_linear(crval: Place, origin: Floats, cd: Floats, a: Floats, b: Floats) -> Solution:
    """Solution of distortion polynomials that hold constant and linear terms too."""
    size = max(len(a), len(b), ORDER + 1)
    full = np.stack([np.pad(square, (0, size - len(square))) for square in (a, b)])
    full[0, 1, 0] += 1.0
    full[1, 0, 1] += 1.0
    unit = 1000.0
    total = total_order(size)
    return fold(np.einsum("kl,lij->kij", cd, full) * unit**total, crval=crval, origin=origin, unit=unit)


def _require_sense(origin: Floats, cd: Floats, squares: Sequence[Floats]) -> None:
    """Refuse numbers that no chip has: far origins, pixels of degrees, distortions beyond all bounds."""
    if not (np.abs(origin).max() < FAR_PX**2 and np.abs(cd).max() < 1):
        raise UnsolvedError("no plate solution in the header: CRPIX and CD are those of no chip")
    with np.errstate(over="ignore"):
        reach = [np.max(np.abs(square) * FAR_PX ** total_order(len(square))) for square in squares]
    if not max(reach) < FAR_PX**2:
        raise UnsolvedError("no plate solution in the header: its distortion is beyond all bounds")


def _header_square(header: Header, name: str) -> Floats:
    order = int(_number(header, f"{name}_ORDER")) if f"{name}_ORDER" in header else ORDER
    if not 0 <= order <= HIGHEST_ORDER:
        raise UnsolvedError(
            f"no plate solution in the header: {name}_ORDER is {order}, expected 0 to {HIGHEST_ORDER}"
        )
    square = no_distortion(max(order, ORDER))
    for i, j in exponents_of(0, order):
        if f"{name}_{i}_{j}" in header:
            square[i, j] = _number(header, f"{name}_{i}_{j}")
    return square


def _number(header: Header, keyword: str) -> float:
    try:
        value = float(_value(header, keyword))
    except (KeyError, TypeError, ValueError):
        raise UnsolvedError(f"no plate solution in the header: {keyword} is missing or no number") from None
    if not math.isfinite(value):
        raise UnsolvedError(f"no plate solution in the header: {keyword} is {value}")
    return value


def _value(header: Header, keyword: str, default: Any = None) -> Any:
    """Value of a card or the default; a card that cannot be read is as good as none of a plate solution."""
    try:
        return header.get(keyword, default)
    except VerifyError:
        raise UnsolvedError(f"no plate solution in the header: {keyword} is not readable") from None
