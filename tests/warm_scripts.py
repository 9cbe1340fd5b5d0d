"""A process that has imported what scripts import, and becomes a script each time it is asked.

Most of what a short run of a script costs is reading code (1.5 s of 2). This process has done that; asked on its
socket it forks, and the fork runs the script's file to its end as Python would, with the options, folder and
environment that were sent and nothing of the test's own process. All workers of a test run share one; it ends with
the last of them.
"""

import atexit
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SOCKET, DOOR = "socket", "door"  # where scripts are asked for; where it is seen who is still there
ALONE_S = 60.0  # after so long it ends where nobody came
ASKED_FOR_LATER = [  # by functions, when they are called
    "PIL.BmpImagePlugin",  # these by Pillow, when it opens its first picture
    "PIL.GifImagePlugin",
    "PIL.ImageDraw",
    "PIL.JpegImagePlugin",
    "PIL.PpmImagePlugin",
    "astropy.coordinates",
    "astropy.timeseries",
    "astropy.visualization",
    "astropy.wcs",
    "batman",
    "donuts",
    "imageio_ffmpeg",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.dates",
    "matplotlib.figure",
    "nifty_ls",
    "pandas",
    "photutils.background",
    "photutils.psf",
    "pyarrow.parquet",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.spatial",
    "sep",
]


class WarmScripts:
    """The one who asks: `run(...)` gives what subprocess.run would.

    `run_id` is that of a test run whose workers share the process.
    """

    def __init__(self, env, run_id=""):
        name = f"ngcmos-warm-{run_id[:16]}"
        self._folder = Path(tempfile.gettempdir(), name) if run_id else Path(tempfile.mkdtemp(prefix=name))
        self._folder.mkdir(exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._presence = self._knock() or self._begin(env)

    def _knock(self):
        """A connection that tells that this process is there, until it ends; None where nobody answers."""
        presence = socket.socket(socket.AF_UNIX)
        try:
            presence.connect(str(self._folder / DOOR))
        except OSError:
            presence.close()
            return None
        return presence

    def _begin(self, env):
        # matplotlib is imported once: a folder of its own choice would end with the first script
        env = env | {"MPLCONFIGDIR": str(self._folder)}
        command = [sys.executable, __file__, str(self._folder)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, **pipes, env=env, cwd="/", start_new_session=True)
        assert self._process.stdout.readline() == "ready\n"
        return self._knock()

    def run(self, argv, *, cwd, env, timeout_s=600, anew=False):
        """Completed run of a script; a timeout kills it and all that it has begun.

        `anew`, it reads the code of the package itself, from where $PYTHONPATH says: only libraries are there.
        """
        with tempfile.TemporaryDirectory(dir=self._folder) as own, socket.socket(socket.AF_UNIX) as asked:
            paths = [Path(own, name) for name in ("stdout", "stderr")]
            request = {"argv": argv, "cwd": str(cwd), "env": env, "timeout_s": timeout_s, "anew": anew}
            asked.connect(str(self._folder / SOCKET))
            with asked.makefile("rw") as stream:
                stream.write(json.dumps(request | {"said": [*map(str, paths)]}) + "\n")
                stream.flush()
                code = int(stream.readline())
            return subprocess.CompletedProcess(argv, code, *(path.read_text(encoding="utf-8") for path in paths))


def import_all():
    """Import the package and what its functions import when they are called."""
    import ngcmos.commands.running  # first, before numpy, as scripts do

    for module in pkgutil.walk_packages(ngcmos.__path__, "ngcmos."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ASKED_FOR_LATER:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def serve(folder):
    """Wait for requests while there is who asks; returns in a fork that is to be a script: its request."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for a script
    there = set()
    with _listen(folder / SOCKET) as listener, _listen(folder / DOOR) as door:
        print("ready", flush=True)  # noqa: T201
        while True:
            ready, _, _ = select.select([listener, door, *there], [], [], None if there else ALONE_S)
            if door in ready:
                there.add(door.accept()[0])
            there.difference_update(ready)  # they say nothing: what is there to read is their end
            if not there:
                shutil.rmtree(folder, ignore_errors=True)
                os._exit(0)
            if listener not in ready:
                continue
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _wait_for_script(connection)
            connection.close()


def _listen(path):
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    return listener


def _wait_for_script(connection):
    """Fork again: one waits and tells the exit code of the other, which gets the request and is the script.

    The script has a process group of its own: what kills it kills its workers too.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with connection, connection.makefile("rw") as stream:
        request = json.loads(stream.readline())
        script = os.fork()
        os.setpgid(script, script or 0)  # by both, whoever comes first
        if script:
            signal.signal(signal.SIGALRM, lambda *_: os.killpg(script, signal.SIGKILL))
            signal.setitimer(signal.ITIMER_REAL, request["timeout_s"])
            stream.write(f"{os.waitstatus_to_exitcode(os.waitpid(script, 0)[1])}\n")
            stream.flush()
            os._exit(0)
    return request


def become(request):
    """Be the script of a request, to its end."""
    for descriptor, path in enumerate([os.devnull, *request["said"]]):
        file = os.open(path, os.O_WRONLY | os.O_CREAT if descriptor else os.O_RDONLY)
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["argv"]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    if request["anew"]:
        sys.path[1:1] = filter(None, request["env"].get("PYTHONPATH", "").split(os.pathsep))
        for name in [name for name in sys.modules if name.partition(".")[0] == "ngcmos"]:
            del sys.modules[name]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as stop:
        if not isinstance(stop.code, int | None):
            raise
        end(stop.code or 0)
    end(0)


def end(code):
    """End as Python does, but for taking all modules apart: that copies each page they lie on (0.25 s)."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = "/"  # modules of the tests are none of a script's
    import_all()
    become(serve(Path(sys.argv[1])))
