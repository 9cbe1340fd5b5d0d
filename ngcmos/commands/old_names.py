"""Modules and functions of the old scripts, and what does their work now.

``scripts/utils.py`` and its like hold nothing but `moved`: whoever imports an old name is told the new one.
"""

import sys
from collections.abc import Callable
from typing import NoReturn

NEW_NAMES: dict[str, dict[str, str]] = {
    "calibration_images": {
        "bias": "ngcmos.calibration.masters.load_bias_and_dark",
        "dark": "ngcmos.calibration.masters.load_bias_and_dark",
        "flat": "ngcmos.calibration.masters.load_masters",
        "reduce_images": "ngcmos.calibration.reduce.calibrate",
        "find_current_night_directory": "ngcmos.night.folder.find_folder",
    },
    "utils": {
        "get_location": "ngcmos.photometry.times.earth_location",
        "get_light_travel_times": "ngcmos.photometry.times.bjd_tdb",
        "utc_to_jd": "ngcmos.photometry.times.mid_exposure",
        "get_catalog": "ngcmos.steps.catalog.read_catalog",
        "convert_coords_to_pixels": "ngcmos.astrometry.distortion.to_pixels",
        "_detect_objects_sep": "ngcmos.astrometry.detection.find_sources",
        "find_max_pixel_value": "ngcmos.photometry.apertures.measure",
        "wcs_phot": "ngcmos.photometry.apertures.measure",
        "find_current_night_directory": "ngcmos.night.folder.find_folder",
        "filter_filenames": "ngcmos.night.folder.open_night",
        "get_prefix": "ngcmos.night.folder.open_night",
        "get_phot_files": "ngcmos.night.products.photometry_path",
        "get_rel_phot_files": "ngcmos.night.products.relative_path",
        "read_phot_file": "ngcmos.notebook.read_photometry",
        "extract_phot_file": "ngcmos.notebook.read_light_curve",
        "expand_and_rename_table": "ngcmos.notebook.read_light_curve",
        "extract_airmass_zp": "ngcmos.tables.table.read_frames",
        "extract_airmass_and_zp": "ngcmos.tables.table.read_frames",
        "bin_time_flux_error": "ngcmos.lightcurves.series.bin_points",
        "remove_outliers": "ngcmos.lightcurves.series.find_outliers",
        "scintilation_noise": "ngcmos.photometry.noise.scintillation",
        "noise_sources": "ngcmos.photometry.noise.noise_curve",
        "plot_images": "ngcmos.qc.plots.new_figure",
    },
}
NEW_SCRIPTS = {
    "calibration_images": "create_flats.py makes the flat, process_cmos.py the other masters as it needs them",
    "plot_detrending": "analyse_cmos.py shows a star, relative_photometry.py takes the air off it",
    "rms_vs_flux": "noise_model.py shows the scatter of all stars",
    "utils": "its functions are parts of the package ngcmos, see docs/old_names.md",
    "wcs_solving": "simple_wrapper.py solves the frames",
}


def moved(module: str) -> Callable[[str], NoReturn]:
    """`__getattr__` of an old module: an ImportError that names the new call.

    Names that Python itself asks for (`__path__`) are not there, as in any module.
    """

    def getattr_of_module(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new = NEW_NAMES.get(module, {}).get(name)
        said = f"{module}.{name} is {new} now" if new else f"{module}.{name} is gone: {NEW_SCRIPTS[module]}"
        raise ImportError(f"{said}; old and new calls stand side by side in docs/old_names.md")

    return getattr_of_module


def say_moved(module: str) -> int:
    """What an old script does that is started: it names the new way; the exit code of wrong usage."""
    sys.stderr.write(f"{module}.py is gone: {NEW_SCRIPTS[module]}\n")
    return 2
