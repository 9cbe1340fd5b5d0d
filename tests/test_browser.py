"""The morning page as a browser shows it: nothing asked for outside, nothing in the console, every plot drawn."""

import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from running import run_chain

from ngcmos.config import load_camera, load_config
from ngcmos.simulate.night import simulate_night

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
OPTIONS += ["--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr"]
PROBE = """
<script>
(() => {
  const root = document.documentElement, canvases = [...document.querySelectorAll("canvas")];
  const dataOf = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const inked = (canvas) => canvas.width && dataOf(canvas).some((value, at) => at % 4 === 3 && value);
  const click = (over) => {
    over.scrollIntoView();
    const box = over.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const where = { bubbles: true, clientX: x, clientY: y, view: window };
    for (const type of ["mouseenter", "mousemove", "mousedown", "mouseup", "click"])
      over.dispatchEvent(new MouseEvent(type, where));
  };
  setTimeout(() => {
    root.dataset.canvases = canvases.length;
    root.dataset.inked = canvases.filter(inked).length;
    document.querySelectorAll(".u-over").forEach(click);
  }, 500);
  setTimeout(() => {
    root.dataset.answers = [...document.querySelectorAll("output")].filter((o) => o.textContent).length;
    root.dataset.named = document.querySelector("#f0-sky + output").textContent;
    root.dataset.overflow = root.scrollWidth - root.clientWidth;
    root.dataset.pictures = [...document.images].filter((i) => i.naturalWidth > 0).length;
    root.dataset.probed = "yes";
  }, 1000);
})();
</script>
"""

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """The page of a simulated night."""
    base = tmp_path_factory.mktemp("browser") / "base"
    options = {"size": 320, "density": 2.0, "frames": 12, "cadence_s": 120.0, "calibrations": 3}
    night = simulate_night(base, load_camera(), faults=["empty-file", "cloud"], **options)
    config = load_config(camera=str(night.camera_file), config=str(night.directories_file))
    run_chain(config, night.folder, skip=["QC_control", "season"], quiet=True)
    return (night.folder / "night_report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server(text):
    """A loopback server of the page (with the probe) that remembers what it is asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            content = text.replace("</body>", f"{PROBE}</body>") if self.path == "/page.html" else ""
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.asked = asked
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def browse(address, profile, *options):
    """(DOM after scripts ran, console lines) of a page."""
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", *options, "--virtual-time-budget=5000"]
    done = subprocess.run(
        [*command, "--dump-dom", address], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def told(dom):
    """{name: value} that the probe wrote."""
    return dict(re.findall(r'data-([a-z]+)="([^"]*)"', re.search(r"<html[^>]*>", dom)[0]))


@pytest.fixture(scope="module")
def seen(server, tmp_path_factory):
    """(what the probe saw, console lines, requests) of a wide window."""
    address = f"http://127.0.0.1:{server.server_port}/page.html"
    dom, console = browse(address, tmp_path_factory.mktemp("profile"), "--window-size=1400,900")
    return told(dom), console, list(server.asked)


def test_console_is_empty(seen):
    assert seen[1] == []


def test_page_asks_for_itself_alone(seen):
    assert set(seen[2]) <= {"/page.html", "/favicon.ico"}


def test_every_plot_is_drawn(seen, text):
    places = len(re.findall(r"<output>", text))
    assert places >= 9
    assert (seen[0]["probed"], seen[0]["plots"]) == ("yes", str(places))
    assert seen[0]["inked"] == seen[0]["canvases"] == str(places)


def test_every_plot_answers_a_click(seen, text):
    assert seen[0]["answers"] == seen[0]["plots"]
    assert re.search(r"NG\d{4}-\d{4}_\S+\.fits .*UTC", seen[0]["named"])


def test_pictures_are_shown(seen, text):
    assert int(seen[0]["pictures"]) == text.count("<img ") >= 3


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_nothing_sticks_out_of_a_phone(tmp_path, text, scheme):
    """A window is 500 px wide at least; so the 390 px are those of a frame in it, whose own probe tells."""
    tell = 'console.log("seen " + root.dataset.overflow + " " + getComputedStyle(document.body).backgroundColor)'
    page = text.replace("</body>", f"{PROBE}</body>").replace('root.dataset.probed = "yes"', tell)
    (tmp_path / "page.html").write_text(page)
    outer = tmp_path / "phone.html"
    outer.write_text('<!doctype html><iframe src="page.html" width="390" height="800"></iframe>')
    _, console = browse(outer.as_uri(), tmp_path / "profile", f"--blink-settings=preferredColorScheme={scheme}")
    ground = "rgb(255, 255, 255)" if scheme else "rgb(20, 23, 27)"
    assert [re.search(r'"(seen .*?)"', line)[1] for line in console] == [f"seen 0 {ground}"]
