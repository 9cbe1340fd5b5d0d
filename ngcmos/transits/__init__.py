"""Transits: the list of targets, when a transit is expected, and its fit to the light curve of a star."""
