"""What the doctor says of a sound machine, and of each thing that is not as it should be."""

import dataclasses
import datetime
import os
import shutil
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from loopback_vizier import LoopbackVizier
from running import BARE, ROOT, night_options, run_script

from ngcmos.astrometry.tic import load_tic
from ngcmos.astrometry.vizier import Service, region_of
from ngcmos.calibration.masters import load_bias_and_dark
from ngcmos.config import load_camera, load_config
from ngcmos.doctor import doctor
from ngcmos.doctor.machine import (
    check_clock,
    check_ffmpeg,
    check_interpreter,
    check_packages,
    check_readable,
    check_room,
    check_writable,
    read_pins,
)
from ngcmos.doctor.night import (
    check_catalogs,
    check_locks,
    check_masters,
    check_solve_field,
    count_usable,
    find_newest,
    list_nights,
    room_needed,
)
from ngcmos.simulate.night import simulate_night

NOBODY = "http://127.0.0.1:9"
EVENING = datetime.datetime(2024, 7, 6, 13, 0, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A small raw night, its masters made, and the catalog of its field as VizieR's answer was kept."""
    base = tmp_path_factory.mktemp("doctor") / "base"
    night = simulate_night(base, load_camera(), size=256, frames=2, seed=5)
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    load_bias_and_dark(config)
    truth = night.truths[0]
    asked = dataclasses.replace(config.camera.catalog, local=())
    centre = Table.read(base / "tic.fits")
    with LoopbackVizier(centre) as server:
        where = float(np.median(centre["RAJ2000"])), float(np.median(centre["DEJ2000"]))
        region, kept = region_of(where, asked), base / "out" / "catalogs"
        load_tic(truth.field, region, asked, kept_folder=kept, service=Service(server.url))
    return types.SimpleNamespace(base=base, field=truth.field)


@pytest.fixture
def sound(simulated, tmp_path):
    """A copy of it to spoil: base, folders, profile, and the catalog settings without local files."""
    base = tmp_path / "base"
    shutil.copytree(simulated.base, base)
    config = load_config(camera=str(base / "camera.toml"), config=base / "directories.json")
    return types.SimpleNamespace(
        base=base,
        field=simulated.field,
        config=config,
        camera=config.camera,
        folders=config.directories,
        night=base / "nights" / "20240705",
        catalog=dataclasses.replace(config.camera.catalog, local=()),
    )


def only(findings):
    """The one finding that there must be."""
    [finding] = findings
    return finding


def verdicts(findings):
    return [finding.verdict for finding in findings]


def test_this_python_is_sound():
    findings = list(check_interpreter(ROOT))
    assert verdicts(findings) == ["good", "good"]
    assert sys.executable in findings[0].what


def test_package_of_another_checkout(tmp_path):
    (tmp_path / "ngcmos").mkdir()
    finding = list(check_interpreter(tmp_path))[1]
    assert finding.verdict == "remark"
    assert f"--editable {tmp_path}" in finding.remedy


def test_packages_as_pinned(tmp_path):
    pins = tmp_path / "requirements.txt"
    pins.write_text(f"# tested\nnumpy=={np.__version__}  # arrays\n\n-e .\n")
    assert read_pins(pins) == {"numpy": np.__version__}
    assert verdicts(check_packages(pins, modules=("json",))) == ["good", "good"]


def test_package_of_another_version_is_a_remark(tmp_path):
    pins = tmp_path / "requirements.txt"
    pins.write_text("numpy==0.1\n")
    finding, _ = check_packages(pins, modules=("json",))
    assert finding.verdict == "remark"
    assert f"numpy {np.__version__} (tested with 0.1)" in finding.what
    assert f"pip install -r {pins}" in finding.remedy


def test_missing_package(tmp_path):
    pins = tmp_path / "requirements.txt"
    pins.write_text("no-such-package==1.0\n")
    finding, _ = check_packages(pins, modules=("json",), asked=["no-such-package"])
    assert (finding.verdict, finding.what) == ("BAD", "packages missing: no-such-package")


def test_missing_package_that_only_others_asked_for(tmp_path):
    """What one Python needs (backports), another has of its own."""
    pins = tmp_path / "requirements.txt"
    pins.write_text("no-such-package==1.0\n")
    finding, _ = check_packages(pins, modules=("json",))
    assert finding.verdict == "remark"
    assert "no-such-package not there (tested with 1.0)" in finding.what


def test_packages_without_a_requirements_file(tmp_path):
    pins = read_pins(tmp_path / "requirements.txt")
    assert {"numpy", "sep", "donuts", "imageio-ffmpeg"} <= set(pins)
    assert "pytest" not in pins


def test_package_that_does_not_import(tmp_path, monkeypatch):
    (tmp_path / "torn.py").write_text("raise OSError('libtorn.so: cannot open')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    *_, finding = check_packages(tmp_path / "none", modules=("json", "torn", "csv"))
    assert finding.verdict == "BAD"
    assert finding.what == "not importable: torn (OSError: libtorn.so: cannot open)"


def test_package_that_kills_python(tmp_path, monkeypatch):
    (tmp_path / "torn.py").write_text("import os; os._exit(7)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    *_, finding = check_packages(tmp_path / "none", modules=("json", "torn", "csv"))
    assert finding.verdict == "BAD"
    assert finding.what == "not importable: torn (Python ended with 7)"


def test_real_packages_import_and_nothing_is_left_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    *_, finding = check_packages(ROOT / "requirements.txt")
    assert finding.verdict == "good"
    assert list(tmp_path.iterdir()) == []


def test_ffmpeg_runs():
    finding = only(check_ffmpeg())
    assert finding.verdict == "good"
    assert finding.what.startswith("ffmpeg version")


@pytest.mark.parametrize("program", ["/nonexistent/ffmpeg", "/bin/false", __file__])
def test_ffmpeg_that_does_not_run(program, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", program)
    assert only(check_ffmpeg()).verdict == "BAD"


def test_clock_tells_the_night_a_script_would_take(sound):
    """13:00 UTC is 09:00 of the same day in Chile, so yesterday evening is that of the 5th."""
    finding = only(check_clock(sound.config.site, now=EVENING, newest=None))
    assert finding.verdict == "good"
    assert "2024-07-06 09:00 in America/Santiago" in finding.what
    assert "takes 20240705 now" in finding.what


@pytest.mark.parametrize(("ahead_s", "verdict"), [(-3600, "good"), (59, "good"), (61, "BAD"), (86400, "BAD")])
def test_frame_from_the_future(sound, ahead_s, verdict):
    newest = ("a.fits", EVENING + datetime.timedelta(seconds=ahead_s))
    finding = only(check_clock(sound.config.site, now=EVENING, newest=newest))
    assert finding.verdict == verdict
    assert ("a.fits is from the future" in finding.what) == (verdict == "BAD")


@pytest.mark.parametrize("year", [1970, 2023, 2100])
def test_clock_of_another_age(sound, year):
    finding = only(check_clock(sound.config.site, now=EVENING.replace(year=year), newest=None))
    assert finding.verdict == "BAD"
    assert "the year cannot be right" in finding.what


def test_newest_frame_is_that_of_the_latest_stamp(sound):
    names = sorted(path.name for path in sound.night.glob("NG*.fits"))
    name, stamp = find_newest([sound.night])
    assert name == names[-1]
    assert f"{stamp:%Y%m%d%H%M%S}" == names[-1][-22:-8]


def test_writable_folder_is_left_as_it_was(tmp_path):
    assert check_writable("out", tmp_path).verdict == "good"
    assert list(tmp_path.iterdir()) == []


def test_folder_that_will_be_made(tmp_path):
    finding = check_writable("out", tmp_path / "a" / "b")
    assert finding.verdict == "good"
    assert f"will be made in {tmp_path}" in finding.what
    assert list(tmp_path.iterdir()) == []


def test_file_in_place_of_a_folder(tmp_path):
    (tmp_path / "out").touch()
    finding = check_writable("out", tmp_path / "out")
    assert (finding.verdict, finding.remedy) == ("BAD", f"{tmp_path / 'out'} is a file: move it away")


def test_folder_that_refuses_files():
    assert check_writable("out", doctor.Path("/proc/self")).verdict == "BAD"


def test_folder_that_cannot_be_read(tmp_path):
    assert check_readable("calibration", tmp_path / "gone").verdict == "remark"


def test_room_of_one_disk_is_shared(tmp_path):
    (tmp_path / "base").mkdir()
    share = shutil.disk_usage(tmp_path).free * 0.6
    assert only(check_room({tmp_path / "base": share})).verdict == "good"
    finding = only(check_room({tmp_path / "base": share, tmp_path / "out": share}))
    assert finding.verdict == "BAD"
    assert "make room" in finding.remedy


def test_room_of_a_night_of_the_real_camera(sound):
    needed = room_needed(load_camera(), sound.folders)
    raw = 2500 * 2048 * 2048 * 2
    assert 1.3 * raw < needed[sound.folders.base] < 2 * raw


def test_night_that_a_run_holds(sound):
    code = "import pathlib, sys; from ngcmos.night.lock import hold_night\n"
    code += "with hold_night(pathlib.Path(sys.argv[1])): print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(sound.night)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        finding = only(check_locks([sound.night]))
        process.stdin.close()
    assert finding.verdict == "remark"
    assert f"{sound.night} is held by process {process.pid} on " in finding.what
    assert only(check_locks([sound.night])).verdict == "good"  # the file is still there, its run is not


def test_nights_are_listed_by_date(sound):
    for name in ("20240704", "20240803", "shifts_plots", "20240801.old"):
        (sound.folders.base / name).mkdir(exist_ok=True)
    assert [path.name for path in list_nights(sound.folders.base)] == ["20240704", "20240705", "20240803"]


def test_sound_masters(sound):
    bias, dark, flat = check_masters(sound.camera, sound.folders)
    assert (bias.verdict, dark.verdict) == ("good", "good")
    assert "5 of 5 bias*.fits" in bias.what
    assert flat.verdict == "remark"


def test_masters_of_another_shape(sound):
    bias, dark, _ = check_masters(load_camera(), sound.folders)
    assert (bias.verdict, dark.verdict) == ("BAD", "BAD")
    assert "256x256 px, expected 2048x2048" in bias.what
    assert "mv " in bias.remedy


def test_masters_to_be_made(sound):
    shutil.rmtree(sound.folders.out)
    bias, *_ = check_masters(sound.camera, sound.folders)
    assert bias.verdict == "good"
    assert "5 of 5 bias*.fits" in bias.what


def test_masters_and_nothing_to_make_them_of(sound):
    shutil.rmtree(sound.folders.out)
    shutil.rmtree(sound.folders.calibration)
    bias, dark, _ = check_masters(sound.camera, sound.folders)
    assert (bias.verdict, dark.verdict) == ("BAD", "BAD")
    assert f"into {sound.folders.calibration}" in dark.remedy


@pytest.mark.parametrize(("raw", "verdict"), [(True, "remark"), (False, "BAD")])
def test_damaged_master(sound, raw, verdict):
    path = sound.folders.out / "master_dark.fits"
    path.write_bytes(path.read_bytes()[:5000])
    if not raw:
        shutil.rmtree(sound.folders.calibration)
    _, dark, _ = check_masters(sound.camera, sound.folders)
    assert dark.verdict == verdict


def test_old_master(sound):
    path = sound.folders.out / "master_bias.fits"
    long_ago = time.time() - 500 * 86400
    os.utime(path, (long_ago, long_ago))
    bias, *_ = check_masters(sound.camera, sound.folders)
    assert bias.verdict == "remark"
    assert "500 days old" in bias.what


def test_calibration_frames_that_do_not_fit_are_not_counted(sound):
    first, second, third, *_ = sorted(sound.folders.calibration.glob("dark*.fits"))
    first.write_bytes(b"")
    fits.setval(second, "READMODE", value="STANDARD")
    fits.setval(third, "EXPTIME", value=0.0)
    assert count_usable("dark", sound.camera, sound.folders.calibration) == (2, 5)


def catalogs(sound, *, fields=(), server=NOBODY, **settings):
    """Findings about the catalogs, by default with no network and no local files."""
    chosen = dataclasses.replace(sound.catalog, **settings)
    return list(check_catalogs(chosen, sound.folders.out, fields, sound.night, server=server))


def test_kept_catalog_makes_up_for_the_network(sound):
    kept, service = catalogs(sound, fields=[sound.field])
    assert kept.verdict == "good"
    assert f"1 catalogs kept in {sound.folders.out / 'catalogs'}: {sound.field}" in kept.what
    assert service.verdict == "remark"
    assert f"{NOBODY}: no answer" in service.what


def test_no_catalog_and_no_network(sound):
    shutil.rmtree(sound.folders.out / "catalogs")
    *_, service = catalogs(sound)
    assert service.verdict == "BAD"
    assert "--catalog FILE" in service.remedy


def test_field_without_a_catalog_and_no_network(sound):
    *_, service = catalogs(sound, fields=[sound.field, "NG0000+0000"])
    assert service.verdict == "BAD"
    assert service.what.endswith("there is no catalog of NG0000+0000")


def test_local_catalog_makes_up_for_the_network(sound):
    shutil.rmtree(sound.folders.out / "catalogs")
    findings = catalogs(sound, local=(str(sound.base / "tic.fits"),), fields=[sound.field])
    assert verdicts(findings) == ["good", "remark"]


def test_local_catalog_that_is_not_there(sound):
    finding, *_ = catalogs(sound, local=("/nonexistent/tic.fits",))
    assert (finding.verdict, finding.what) == (
        "BAD",
        "catalog.local /nonexistent/tic.fits: No such file or directory",
    )


@pytest.mark.parametrize("spoil", [lambda data: data[:4000], lambda data: data[:9000] + b"\x7f" + data[9001:]])
def test_damaged_kept_catalog(sound, spoil):
    path = sound.folders.out / "catalogs" / f"{sound.field}_catalog.fits"
    path.write_bytes(spoil(path.read_bytes()))
    spoilt = path.read_bytes()
    damage, _, service = catalogs(sound)
    assert damage.verdict == "remark"
    assert f"{path}: damaged kept catalog" in damage.what
    assert service.verdict == "BAD"
    assert path.read_bytes() == spoilt


def test_service_that_answers(sound):
    with LoopbackVizier(Table()) as server:
        *_, service = catalogs(sound, server=server.url)
    assert (service.verdict, service.what) == ("good", f"VizieR answers, {server.url}")


def test_solve_field_that_is_not_installed(sound, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    wanted = dataclasses.replace(sound.camera.solve, solve_field=True)
    assert only(check_solve_field(wanted)).verdict == "remark"
    assert list(check_solve_field(dataclasses.replace(wanted, solve_field=False))) == []


def test_folders_of_a_sound_night(sound):
    findings = list(doctor.check_folders(sound.config, night="20240705", server=NOBODY))
    assert "BAD" not in verdicts(findings)
    assert findings[0].what == f"night {sound.night}: 2 science frames, 10 calibration"


def test_folders_before_there_is_a_night(sound, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(sound.night)
    first, *others = doctor.check_folders(sound.config, server=NOBODY)
    assert first.verdict == "remark"
    assert "no night found" in first.what
    assert "BAD" not in verdicts(others)


def test_night_that_was_named_and_is_not_there(sound):
    first, *_ = doctor.check_folders(sound.config, night="20240709", server=NOBODY)
    assert first.verdict == "BAD"


def state_of(base):
    """Everything that a script could change in a tree; a folder's own time may change by a probe."""
    return {path: path.is_dir() or (path.lstat().st_mtime_ns, path.stat().st_size) for path in base.rglob("*")}


def test_script_on_a_sound_machine(sound):
    before = state_of(sound.base)
    done = run_script("doctor", *night_options(sound.base))
    assert done.stderr == ""
    assert state_of(sound.base) == before
    *lines, last = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} <= {"good", "remark"}
    assert all(" -> " in line for line in lines if line.startswith("remark"))
    assert last.startswith("Tonight would work: 0 BAD")


def test_mistakes_in_the_configuration_are_findings(sound):
    (sound.base / "directories.json").write_text("{")
    (sound.base / "camera.toml").write_text("name = 1\n")
    done = run_script("doctor", *night_options(sound.base), "-q", code=1)
    camera, directories, last = done.stdout.splitlines()
    assert camera.startswith(
        f"BAD     {sound.base / 'camera.toml'}: 4 mistakes: name must be a text, not 1; missing key detector"
    )
    assert directories.startswith(f"BAD     {sound.base / 'directories.json'}: not readable as JSON")
    assert last.startswith("Tonight would NOT work: 2 BAD")
    assert done.stderr == ""


def test_found_only_in_the_current_folder(sound):
    options = ["--camera", sound.base / "camera.toml", "--night", "20240705"]
    said = run_script("doctor", *options, cwd=sound.base).stdout
    assert f"cron starts elsewhere: give it --config {sound.base / 'directories.json'}" in said


def test_python_without_ngcmos_is_told_in_one_line():
    script = ROOT / "scripts" / "doctor.py"
    command = [sys.executable, "-S", "-E", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=BARE)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("BAD     Python ")
    assert ".venv/bin/python" in line


def test_camera_without_masters_misses_none(sound):
    own = dataclasses.replace(sound.camera.calibration, bias=False, dark=False, flat=False)
    assert [*check_masters(dataclasses.replace(sound.camera, calibration=own), sound.folders)] == []
    reduced = dataclasses.replace(sound.camera.calibration, reduced=True)
    assert [*check_masters(dataclasses.replace(sound.camera, calibration=reduced), sound.folders)] == []
