"""What takes long to make, made by one worker of a test run for all of them."""

import fcntl
import os
import pickle
import shutil

from torture import lay_out

from ngcmos.config import load_config


def made_once(tmp_path_factory, name, make):
    """(folder, what `make(folder)` returned) of what one worker made in a folder for all; nobody changes it.

    What it returns is pickled.
    """
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, said = root / name / "made", root / name / "said"
    folder.parent.mkdir(exist_ok=True)
    with (root / name / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            content = pickle.dumps(make(folder))
            said.with_suffix(".part").write_bytes(content)
            said.with_suffix(".part").rename(said)
    return folder, pickle.loads(said.read_bytes())


def own_night(tmp_path_factory, name, make):
    """(config, night folder, truths) of a simulated night that `make(base)` made once and returned the truths of.

    Each worker has a copy: what one puts beside its frames is not seen by others.
    """
    made, truths = made_once(tmp_path_factory, name, lambda folder: make(folder / "base"))
    base = tmp_path_factory.mktemp(name) / "base"
    lay_out(made / "base", base)
    [folder] = (base / "nights").glob("2*")
    config = load_config(camera=str(base / "camera.toml"), config=str(base / "directories.json"))
    return config, folder, truths
