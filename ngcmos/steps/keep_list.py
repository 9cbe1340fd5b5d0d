"""The list of targets as it counts for a field: which of its stars are measured whatever they are like."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from ngcmos.errors import ConfigError
from ngcmos.night.job import Job
from ngcmos.night.products import targets_path
from ngcmos.night.remarks import keep_remark
from ngcmos.transits.targets import doubts_of_match, find_star, read_targets

LIST = "targets"
COMPLAINTS_SHOWN = 3


def kept_stars(job: Job, catalog: Table) -> tuple[int, ...]:
    """TIC ids of the stars of a catalog that `targets.csv` names; what is wrong with the list is remarked.

    A list that cannot be read keeps no star, and stops no night.
    """
    path = targets_path(job.config.directories.out)
    try:
        targets, complaints = read_targets(path)
    except ConfigError as error:
        targets, complaints = [], [str(error)]
    columns = [np.asarray(catalog[name]) for name in ("tic_id", "gaia_id", "ra_deg_corr", "dec_deg_corr")]
    complaints += [f"{path}: {line}" for one in targets for line in doubts_of_match(one, *columns)]
    keep_remark(job.ledger, "", LIST, _summed_up(complaints))
    rows = [row for target in targets for row in find_star(target, *columns).tolist()]
    return tuple(dict.fromkeys(int(catalog["tic_id"][row]) for row in rows))


def _summed_up(complaints: Sequence[str]) -> str:
    more = len(complaints) - COMPLAINTS_SHOWN
    return "; ".join([*complaints[:COMPLAINTS_SHOWN], *([f"and {more} more"] if more > 0 else [])])
