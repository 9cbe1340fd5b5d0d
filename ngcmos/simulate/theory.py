"""What photons and the air leave of the precision of a flux, by the truth alone."""

import numpy as np

from ngcmos.config import Camera
from ngcmos.simulate.signals import Floats, scintillation_sigma
from ngcmos.simulate.truth import Truth

RADIUS_PX = 5


def relative_noise(true: Truth, camera: Camera) -> Floats:
    """Relative scatter (frames, stars) of a flux at 5 px: photons of star and sky, dark, read noise, air."""
    detector, telescope = camera.detector, camera.telescope
    electrons, frames = true.electrons, true.frames
    sky_e = np.asarray(frames["sky_e"], float)[:, None]
    exptime_s = np.asarray(frames["exptime_s"], float)[:, None]
    area = np.pi * RADIUS_PX**2
    noise = electrons + area * (sky_e + detector.dark_e_s * exptime_s + detector.read_noise_e**2)
    air = scintillation_sigma(
        aperture_m=telescope.aperture_m,
        cy=telescope.scintillation_cy,
        exptime_s=exptime_s,
        airmass=np.asarray(frames["airmass"], float)[:, None],
        elevation_m=camera.site.elevation_m,
    )
    return np.asarray(np.sqrt(noise / electrons**2 + air**2))
