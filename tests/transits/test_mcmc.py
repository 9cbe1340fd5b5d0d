import numpy as np
import pytest
from made_transits import LIMB, made_curve

from ngcmos.transits.fit import fit_transit
from ngcmos.transits.mcmc import sample_transit
from ngcmos.transits.shape import Limb


def test_chains_agree_with_the_grid():
    """Another way to the same errors: depth, mid-time and length agree within an error, the errors to 60 %."""
    curve, truth = made_curve(2, depth=0.01)
    fit = fit_transit(curve, limb=Limb(*LIMB))
    chain = sample_transit(fit, limb=Limb(*LIMB), walkers=16, steps=90)
    for values, found, error in (
        (chain.depth, fit.depth, fit.depth_err),
        (chain.mid_bjd, fit.mid_bjd, fit.mid_err_d),
        (chain.duration_d, fit.duration_d, fit.duration_err_d),
    ):
        assert abs(np.mean(values - found)) < error
        assert np.std(values) == pytest.approx(error, rel=0.6)
    assert abs(np.mean(chain.depth) - truth.depth) < 3 * np.std(chain.depth)
