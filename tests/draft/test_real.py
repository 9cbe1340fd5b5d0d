"""Drafts of real cameras: what is known of them comes out of their frames."""

import pytest

from ngcmos.commands import measure_camera
from ngcmos.commands.new_camera import main
from ngcmos.config import load_camera


@pytest.fixture(scope="module")
def draft(real_data, tmp_path_factory):
    """The profile drafted from frames of a real camera and its catalog."""

    def drafted(frames, catalog):
        path = tmp_path_factory.mktemp("draft") / "drafted.toml"
        named = [str(one) for one in sorted(real_data.glob(frames))]
        assert main([*named, "--catalog", str(real_data / catalog), "--output", str(path), "-q"]) == 0
        return load_camera(path)

    return drafted


@pytest.mark.real
def test_ogle(draft):
    camera = draft("ogle/*.fts", "ogle/tic_lmc531.fits")
    detector = camera.detector
    assert detector.scale_arcsec == pytest.approx(0.2604, rel=1e-3)
    assert (detector.gain_e_adu, detector.read_noise_e, detector.filter) == (1.8, 5.1, "I")
    assert camera.telescope.aperture_m == 1.3
    assert camera.site.latitude_deg == pytest.approx(-29.015, abs=0.01)
    assert camera.calibration.reduced
    assert camera.check.limit_px > 200
    assert max(camera.photometry.radii_px) > 8


@pytest.mark.real
def test_hatp32(draft):
    camera = draft("hatp32/20171219/NG*.fits", "hatp32/tic82_hatp32.fits")
    made = load_camera("microobservatory")
    assert camera.detector.scale_arcsec == pytest.approx(made.detector.scale_arcsec, rel=2e-3)
    assert camera.photometry == made.photometry
    for key in ("gain_e_adu", "saturation_adu", "filter", "readmode", "shape"):
        assert getattr(camera.detector, key) == getattr(made.detector, key)
    assert camera.site.longitude_deg == made.site.longitude_deg


@pytest.mark.real
def test_neutral_calibration_measures_nothing(real_data, tmp_path, capsys):
    folders = [str(real_data / "hatp32" / name) for name in ("calibration", "20171219")]
    code = measure_camera.main([*folders, "--camera", "microobservatory", "--output", str(tmp_path)])
    assert code == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert len(lines) == 7 and all("not known: " in line for line in lines)
    assert len(list(tmp_path.glob("*.png"))) == 1
