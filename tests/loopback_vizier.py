"""A server on 127.0.0.1 that answers as VizieR's /viz-bin/votable does, well or badly as a test wants it.

with LoopbackVizier(stars) as vizier:
    vizier.faults = [503, "slow"]             # one a query, then good answers
    fetch_tic(..., Service(vizier.url))
    vizier.queries                            # what was asked, a dict each
"""

import http.server
import threading
from xml.sax.saxutils import escape

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord

FIELDS = {
    "TIC": 'datatype="long" ucd="meta.id;meta.main"><VALUES null="-9223372036854775808" />',
    "GAIA": 'datatype="long" ucd="meta.id"><VALUES null="-9223372036854775808" />',
    "RAJ2000": 'datatype="double" unit="deg" ucd="pos.eq.ra">',
    "DEJ2000": 'datatype="double" unit="deg" ucd="pos.eq.dec">',
    "Tmag": 'datatype="float" unit="mag">',
    "Gmag": 'datatype="float" unit="mag">',
    "BPmag": 'datatype="float" unit="mag">',
    "RPmag": 'datatype="float" unit="mag">',
    "pmRA": 'datatype="double" unit="mas/yr">',
    "pmDE": 'datatype="double" unit="mas/yr">',
    "Teff": 'datatype="float" unit="K">',
    "Disp": 'datatype="char" arraysize="*">',
    "m_TIC": 'datatype="long"><VALUES null="-9223372036854775808" />',
    "Source": 'datatype="long" ucd="meta.id;meta.main">',
    "RA_ICRS": 'datatype="double" unit="deg" ucd="pos.eq.ra;meta.main">',
    "DE_ICRS": 'datatype="double" unit="deg" ucd="pos.eq.dec;meta.main">',
    "Name": 'datatype="char" arraysize="*">',
    "Type": 'datatype="char" arraysize="*">',
    "Period": 'datatype="double" unit="d">',
}


class LoopbackVizier:
    """`stars`: a table with the columns of FIELDS, masked where VizieR has nothing.

    `faults` holds what the next queries get instead of a good answer: a status as 503, or one of "slow"
    (nothing before `delay_s`), "garbage" (a web page), "cut" (half of the text), "torn" (the connection breaks
    half way), "overflow", "refused" (an error note), "norows", "notable", "nocolumn" (no Tmag).
    """

    def __init__(self, stars, *, catalog="IV/39/tic82", delay_s=5.0, others=None):
        self.stars = stars
        self.others = others or {}  # {catalog: stars} beside the first
        self.catalog = catalog
        self.delay_s = delay_s
        self.faults = []
        self.queries = []
        self._stopped = threading.Event()

    def __enter__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, query, fault):
        """Text of the answer to a query, a dict of VizieR's parameters."""
        asked = query.get("-source")
        if asked != self.catalog and asked not in self.others:
            return votable_text(self.catalog, [], {}, "")
        stars = self.others.get(asked, self.stars)
        there = [name for name in query["-out"].split(",") if name in FIELDS and name in stars.colnames]
        names = [name for name in there if not (fault == "nocolumn" and name == "Tmag")]
        rows = [] if fault == "norows" else self.select(query, stars)
        note = ""
        if fault == "overflow":
            note = '<INFO name="QUERY_STATUS" value="OVERFLOW">truncated result (maxtup=50)</INFO>'
        if fault == "refused":
            note = '<INFO name="QUERY_STATUS" value="ERROR">no such column</INFO>'
        return votable_text(self.catalog, names if fault != "notable" else [], rows, note)

    def select(self, query, stars):
        """Rows in the box that fulfil the constraints on magnitude and TIC."""
        ra, sign, dec = query["-c"].partition("+") if "+" in query["-c"] else query["-c"].partition("-")
        width, height = (float(side) for side in query["-c.bd"].split("x"))
        centre = SkyCoord(float(ra), float(sign + dec), unit="deg")
        columns = ("RAJ2000", "DEJ2000") if "RAJ2000" in stars.colnames else ("RA_ICRS", "DE_ICRS")
        places = SkyCoord(*(stars[name] for name in columns), unit="deg")
        east, north = centre.spherical_offsets_to(places)
        inside = (np.abs(east) < width / 2 * units.deg) & (np.abs(north) < height / 2 * units.deg)
        for name in ("Tmag", "Gmag"):
            if name in query:
                inside &= np.ma.filled(stars[name] < float(query[name].removeprefix("<")), False)
        if "TIC" in query:
            inside &= stars["TIC"] == int(query["TIC"])
        limit = query["-out.max"]
        return stars[inside][: None if limit == "unlimited" else int(limit)]


def votable_text(catalog, names, rows, note):
    """A VOTable in VizieR's manner: integers with a null value, empty cells, notes after the table."""
    fields = "".join(f'<FIELD name="{name}" {FIELDS[name]}</FIELD>\n' for name in names)
    lines = ("".join(f"<TD>{_cell(row[name])}</TD>" for name in names) for row in rows)
    body = "\n".join(f"<TR>{line}</TR>" for line in lines)
    table = f'<TABLE ID="tic82" name="{catalog}">\n{fields}<DATA><TABLEDATA>\n{body}\n</TABLEDATA></DATA></TABLE>'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        f'<RESOURCE ID="yCat" name="{escape(catalog)}">\n'
        f"{table if names else ''}\n{note}\n</RESOURCE>\n</VOTABLE>\n"
    )


def _cell(value):
    if value is np.ma.masked or value != value:
        return ""
    return str(value) if isinstance(value, str) else repr(value.item())


def _handler_of(vizier):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            query = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            vizier.queries.append(query)
            fault = vizier.faults.pop(0) if vizier.faults else None
            if fault == "slow":
                vizier._stopped.wait(vizier.delay_s)
            if self.path != "/viz-bin/votable":
                fault = 404
            if isinstance(fault, int):
                self.send_error(fault)
                return
            self.send_body(vizier.answer(query, fault).encode(), fault)

        def send_body(self, body, fault):
            if fault == "garbage":
                body = b"<!DOCTYPE html>\n<html><body>VizieR is closed for maintenance</body></html>"
            self.send_response(200)
            if fault != "cut":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault in ("cut", "torn"):
                body = body[: len(body) // 2]
            try:
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler
