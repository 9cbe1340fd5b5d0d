"""What a light curve says against the ephemeris of its star: a slip of units or scales, or a transit elsewhere.

``doubts_of_fit(fit, expected, unforeseen) -> list[str]``, sentences without an end.
"""

from ngcmos.transits.ephemeris import Expected
from ngcmos.transits.fit import TransitFit

SEEN_SIGMA = 3.0
SCALES_MIN = 10.0  # what lies between JD, HJD or UTC and BJD_TDB is less: 8.3 min of light, 1.2 min of clocks
LEAST_LATE_MIN = 1.0  # no ephemeris is better after some years
OTHER_UNIT = 3.0  # times deeper or shallower: filters and neighbours' light explain less
MINUTES_A_DAY, HOURS_A_DAY = 1440.0, 24.0


def doubts_of_fit(fit: TransitFit, expected: Expected | None, unforeseen: TransitFit | None = None) -> list[str]:
    """Where a curve contradicts what was expected.

    Parameters
    ----------
    fit : TransitFit
    expected : Expected or None
    unforeseen : TransitFit, optional
        The curve fitted without the ephemeris, where there is no transit with it.
    """
    if expected is None:
        return []
    if not fit.is_transit:
        return _elsewhere(unforeseen, expected) if unforeseen is not None and unforeseen.is_transit else []
    told = _elsewhere(fit, expected) if not expected.is_seen else _late(fit)
    ratio = fit.depth / expected.depth if expected.depth > 0 else 1.0
    sure = abs(fit.depth - expected.depth) > SEEN_SIGMA * fit.depth_err
    if sure and not 1 / OTHER_UNIT < ratio < OTHER_UNIT:
        told.append(f"it is {fit.depth:.2%} deep, expected {expected.depth:.2%}: is that depth in its unit?")
    return told


def _elsewhere(found: TransitFit, expected: Expected) -> list[str]:
    """A transit that is not where, or not as long as, the ephemeris has it."""
    told = f"there is a transit at BJD_TDB {found.mid_bjd:.4f}, {found.depth:.2%} deep"
    off_d, length_h = found.mid_bjd - expected.mid_bjd, HOURS_A_DAY * found.duration_d
    if abs(off_d) < found.duration_d / 2 and expected.duration_d > 0:
        expected_h = HOURS_A_DAY * expected.duration_d
        return [f"{told}, that lasts {length_h:.2f} h, expected {expected_h:.2f} h: is its length (hours) right?"]
    return [
        f"{told}, {HOURS_A_DAY * off_d:+.1f} h from the expected one: are period (days) and epoch (BJD_TDB) right?"
    ]


def _late(fit: TransitFit) -> list[str]:
    """A transit that is early or late, by more than can be."""
    off_min, err_min = MINUTES_A_DAY * fit.oc_d, MINUTES_A_DAY * fit.oc_err_d
    if abs(off_min) <= max(SEEN_SIGMA * err_min, LEAST_LATE_MIN):
        return []
    if abs(off_min) > SCALES_MIN:
        why = "are period (days) and epoch right, and known so well?"
    else:
        why = "is its epoch BJD_TDB? JD, HJD and UTC lie up to 10 min off"
    how = f"{abs(off_min):.1f} ± {err_min:.1f} min {'late' if off_min > 0 else 'early'}"
    return [f"it is {how} by its ephemeris: {why}"]
