"""Light curves with a transit whose truth is known, made without the code that is tested."""

import dataclasses

import numpy as np

LIMB = (0.35, 0.22)
RINGS = 1500
BJD0 = 2_460_000.5


@dataclasses.dataclass(frozen=True)
class Truth:
    """What was put in: loss of light at mid-transit, mid-time (BJD), days from first to last contact."""

    depth: float
    mid_bjd: float
    duration_d: float


def transit_loss(offset_d, duration_d, impact, ratio, limb=LIMB):
    """Loss of light by a planet on a straight way before a limb-darkened star: rings, each covered in part.

    Of a ring of radius r, a planet of radius k at the distance d covers arccos((r^2 + d^2 - k^2) / 2rd) / pi.
    """
    half = np.sqrt((1 + ratio) ** 2 - impact**2)
    distance = np.maximum(np.hypot(np.asarray(offset_d) / (duration_d / 2) * half, impact), 1e-9)[:, None]
    radius = (np.arange(RINGS) + 0.5) / RINGS
    mu = np.sqrt(1 - radius**2)
    light = radius * (1 - limb[0] * (1 - mu) - limb[1] * (1 - mu) ** 2)
    cosine = (radius**2 + distance**2 - ratio**2) / (2 * radius * distance)
    return np.arccos(np.clip(cosine, -1, 1)) / np.pi @ light / light.sum()


def red_noise(random, points, memory):
    """Noise of scatter 1 that forgets in `memory` points: each is the last one, less, and something new."""
    kept = np.exp(-1 / memory)
    values = np.empty(points)
    values[0] = random.standard_normal()
    for row in range(1, points):
        values[row] = kept * values[row - 1] + np.sqrt(1 - kept**2) * random.standard_normal()
    return values


def smooth_noise(random, points, width):
    """Noise of scatter 1, white noise smoothed by a Gaussian of `width` points."""
    reach = int(4 * width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.convolve(random.standard_normal(points + 2 * reach), kernel / np.sqrt((kernel**2).sum()), "valid")


def made_curve(seed, *, part="whole", hours=6.0, cadence_s=180.0, scatter=0.0018, ratio=0.0, depth=None):
    """(Curve, Truth): a night with a trend, white noise and `ratio` times as much red noise.

    `part` is whole, ingress, egress or none; `depth` about that of the transit, else 0.3 to 2 %, evenly in its
    logarithm.
    """
    from ngcmos.transits.curve import Curve

    random = np.random.default_rng([13, seed])
    time = np.arange(0, hours * 3600, cadence_s) / 86400
    shape = random.uniform(1.0, 3.0) / 24, random.uniform(0, 0.85)
    radius = np.sqrt(np.exp(random.uniform(*np.log((0.003, 0.02)))) if depth is None else depth)
    beyond = random.uniform(-0.3, 0.1) * shape[0]
    whole = random.uniform(time[0] + 0.6 * shape[0], time[-1] - 0.6 * shape[0])
    mid = {"ingress": time[-1] + beyond, "egress": time[0] - beyond}.get(part, whole)
    memory = np.exp(random.uniform(*np.log((10, 60)))) * 60 / cadence_s
    red = red_noise(random, time.size, memory) if seed % 2 else smooth_noise(random, time.size, memory / 1.5)
    noise = scatter * (random.standard_normal(time.size) + ratio * red)
    loss = 0 if part == "none" else transit_loss(time - mid, *shape, radius)
    trend = 1 + 0.003 * (time - time.mean()) / np.ptp(time)
    airmass = 1.1 + 0.3 * ((time - time.mean()) / np.ptp(time)) ** 2
    many = np.full(time.size, cadence_s)
    curve = Curve(
        time + BJD0,
        trend * (1 - loss) + noise,
        np.full(time.size, scatter),
        airmass,
        many,
        np.zeros(time.size, int),
    )
    return curve, Truth(float(transit_loss([0.0], *shape, radius)[0]), BJD0 + mid, shape[0])
