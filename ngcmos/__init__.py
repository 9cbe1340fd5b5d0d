"""ngcmos: from a night of raw CMOS frames to the light curve of every star."""

__version__ = "0.1.0"
