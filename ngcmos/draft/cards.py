"""What the cards of a frame say of its camera, telescope and site, whatever program wrote them."""

import math
import re

from ngcmos.draft.found import Found, Value, rounded
from ngcmos.draft.sheet import Card, Sheet
from ngcmos.draft.sites import observatory_in

ARCSEC_A_RADIAN_UM_MM = 206.264806  # arcsec of a micrometre at a millimetre of focal length
_ELECTRONS = re.compile(r"\be(l|lectrons?)?-?\s*(/|per)\s*(ADU|DN|count)", re.IGNORECASE)
_METRES = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*[- ]?(mm|cm|m)\b", re.IGNORECASE)
_METRES_A_UNIT = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
_SCALE = ("SECPIX", "SECPIX1", "PIXSCALE", "PIXSCAL1", "SCALE", "IM_SCALE")
_PIXEL = ("XPIXSZ", "PIXSIZE1", "PIXSIZE", "PIXSZ", "XPIXELSZ", "CCDXPIXE")
_READ_NOISE = ("RDNOISE", "READNOIS", "RON", "ENOISE", "RDNOIS", "HIERARCH ESO DET OUT1 RON")
_SATURATION = ("SATURATE", "SATLEVEL", "SATURAT", "MAXLIN", "DATAMAX")
_BITS = ("BITDEPTH", "ADCBITS", "BITCAMPX")
_FILTER = ("FILTER", "FILTER1", "FILTNAM", "INSFLNAM", "FILTERS")
_READ_MODE = ("READMODE", "READOUTM", "READOUT")
_FLATTENED, _BIAS_TAKEN = ("FLATCOR", "FLATCORR"), ("ZEROCOR", "BIASCOR", "BIASCORR")
_SECTION = re.compile(r"\[(\d+):(\d+),(\d+):(\d+)\]")
_SITES = (
    ("SITELAT", "SITELONG", "SITEELEV"),
    ("LAT-OBS", "LONG-OBS", "ALT-OBS"),
    ("OBSGEO-B", "OBSGEO-L", "OBSGEO-H"),
    ("OBSLAT", "OBSLONG", "OBSALT"),
    ("LATITUDE", "LONGITUD", "HEIGHT"),
    ("GEOLAT", "GEOLON", "GEOALT"),
)
_HEIGHTS = ("SITEALT", "ALT-OBS", "OBSALT", "HEIGHT", "ELEVATIO", "ALTITUDE")
MEASURE = "measure_camera.py measures it, from bias frames and flats"


def said_by(card: Card) -> str:
    """Where a value comes from, for a card."""
    return f"{card.key} of the header"


def of_detector(sheet: Sheet, shape: tuple[int, int]) -> list[Found]:
    """Shape, scale, gain, read noise, saturation, read mode and filter, as far as cards tell them."""
    gain = _gain(sheet)
    found = [
        Found("detector.rows", shape[0], "the image"),
        Found("detector.columns", shape[1], "the image"),
        *_scale(sheet),
        gain,
        _read_noise(sheet, gain.value),
    ]
    saturation = sheet.first_number(*_SATURATION)
    bits = sheet.first_number(*_BITS)
    if saturation:
        found.append(Found("detector.saturation_adu", round(saturation.number), said_by(saturation)))
    elif bits:
        found.append(Found("detector.saturation_adu", 2 ** round(bits.number) - 1, said_by(bits)))
    if mode := sheet.first(*_READ_MODE):
        found.append(Found("detector.readmode", mode.text, said_by(mode)))
        found += [Found("headers.readmode", mode.key, "the card that is there")] * (mode.key != _READ_MODE[0])
    if name := sheet.first(*_FILTER):
        found.append(Found("detector.filter", name.text, said_by(name)))
        found += [Found("headers.filter", (name.key,), "the card that is there")] * (name.key != _FILTER[0])
    return found


def _scale(sheet: Sheet) -> list[Found]:
    """The scale, as a card says it, of pixel and focal length, or of a plate solution in the header."""
    pixel_um = _pixel_um(sheet)
    told = [Found("detector.pixel_um", pixel_um[0], pixel_um[1])] if pixel_um else []
    card, focal = sheet.first_number(*_SCALE), sheet.first_number("FOCALLEN", "FOCAL")
    if card:
        return [*told, Found("detector.scale_arcsec", rounded(card.number, 5), said_by(card))]
    if pixel_um and focal:
        scale = ARCSEC_A_RADIAN_UM_MM * pixel_um[0] / focal.number
        return [*told, Found("detector.scale_arcsec", rounded(scale), f"{pixel_um[1]} and {said_by(focal)}")]
    kind = sheet.first("CTYPE1")
    if kind and kind.text.startswith("RA"):
        terms = [sheet.first_number(key) for key in ("CD1_1", "CD2_1")]
        size = math.hypot(*(term.number if term else 0.0 for term in terms))
        if size:
            return [*told, Found("detector.scale_arcsec", rounded(3600 * size), "CD1_1, CD2_1 of the header")]
    return told


def _pixel_um(sheet: Sheet) -> tuple[float, str] | None:
    """(size of a pixel, where from); cards hold micrometres, millimetres or metres."""
    card = sheet.first_number(*_PIXEL)
    if card is None or card.number < 0:
        return None
    unit_um = 1.0 if card.number > 0.5 else 1e3 if card.number > 5e-4 else 1e6
    return rounded(card.number * unit_um), said_by(card)


def _gain(sheet: Sheet) -> Found:
    """Electrons a count; GAIN is a setting of the camera unless it says that it is not."""
    for key in ("EGAIN", "GAIN", "GAINDL", "CCDGAIN"):
        card = sheet.first_number(key)
        if card and (key != "GAIN" or _ELECTRONS.search(f"{card.text} {card.comment}")):
            return Found("detector.gain_e_adu", rounded(card.number), said_by(card))
    return Found("detector.gain_e_adu", 1.0, "nothing: assumed", MEASURE)


def _read_noise(sheet: Sheet, gain_e_adu: Value) -> Found:
    """Electrons; where no card tells them, one count: few cameras sample their noise more coarsely."""
    card = sheet.first_number(*_READ_NOISE)
    if card:
        return Found("detector.read_noise_e", rounded(card.number), said_by(card))
    return Found("detector.read_noise_e", gain_e_adu, "nothing: assumed, one count", MEASURE)


def of_calibration(sheet: Sheet, shape: tuple[int, int]) -> list[Found]:
    """Whether the frames are free of bias and flat already; else the overscan and what it leaves of the image."""
    flat, zero = sheet.first(*_FLATTENED), sheet.first(*_BIAS_TAKEN)
    if flat and zero and flat.text not in ("F", "False") and zero.text not in ("F", "False"):
        return [Found("calibration.reduced", True, f"{zero.key} and {flat.key} of the header")]
    done = sheet.first("CALSTAT")
    if done and {"B", "F"} <= set(done.text.upper()):
        return [Found("calibration.reduced", True, said_by(done))]
    found = []
    for key, names in (("overscan", ("BIASSEC",)), ("trim", ("TRIMSEC",))):
        card = sheet.first(*names)
        section = card.text.replace(" ", "") if card else ""
        if card and _is_part(section, shape):
            found.append(Found(f"calibration.{key}", section, said_by(card)))
    return found


def _is_part(section: str, shape: tuple[int, int]) -> bool:
    """Whether a section as "[21:2068,1:2048]" is a part of the image, not all of it and nothing beyond it."""
    match = _SECTION.fullmatch(section)
    if match is None:
        return False
    left, right, bottom, top = map(int, match.groups())
    inside = 1 <= left <= right <= shape[1] and 1 <= bottom <= top <= shape[0]
    return inside and (right - left + 1, top - bottom + 1) != (shape[1], shape[0])


def of_telescope(sheet: Sheet) -> Found:
    """The diameter: a card in millimetres or metres, or a size in the telescope's name."""
    card = sheet.first_number("APTDIA", "TELDIAM", "APERTUR", "APERTURE")
    if card and card.number > 0:
        metres = card.number if card.number < 15 else card.number * 1e-3
        return Found("telescope.aperture_m", rounded(metres), said_by(card))
    for key in ("TELESCOP", "INSTRUME"):
        named = sheet.first(key)
        size = _METRES.search(f"{named.text} {named.comment}") if named else None
        if named and size:
            metres = float(size[1]) * _METRES_A_UNIT[size[2].lower()]
            return Found("telescope.aperture_m", rounded(metres), said_by(named))
    return Found("telescope.aperture_m", 0.2, "nothing: assumed", "its diameter in metres; scintillation needs it")


def of_site(sheet: Sheet) -> list[Found]:
    """Latitude, longitude, height and clock: by cards, by an observatory's name, or assumed."""
    for keys in _SITES:
        latitude, longitude = sheet.first_number(keys[0]), sheet.first_number(keys[1])
        if latitude and longitude and abs(latitude.number) <= 90 and abs(longitude.number) <= 360:
            return _site_by_cards(sheet, latitude, longitude, keys[2])
    for key in ("OBSERVAT", "SITENAME", "SITE", "TELESCOP", "ORIGIN"):
        card = sheet.first(key)
        place = observatory_in(card.text) if card else None
        if card and place:
            where = f"{said_by(card)}, which is {place.name}"
            return [Found(f"site.{name}", value, where) for name, value in place.facts.items()]
    how = "type them: --set site.latitude_deg=… (north and east are positive); airmass and times need them"
    unknown: list[tuple[str, Value]] = [
        ("latitude_deg", 0.0),
        ("longitude_deg", 0.0),
        ("elevation_m", 0.0),
        ("timezone", "UTC"),
    ]
    return [Found(f"site.{name}", value, "nothing: assumed", how) for name, value in unknown]


def _site_by_cards(sheet: Sheet, latitude: Card, longitude: Card, height_key: str) -> list[Found]:
    east = (longitude.number + 180.0) % 360.0 - 180.0
    if "west" in longitude.comment.lower() and east > 0:
        east = -east
    height = sheet.first_number(height_key, *(key for key in _HEIGHTS if key != "ALTITUDE"))
    found = [
        Found("site.latitude_deg", rounded(latitude.number, 8), said_by(latitude)),
        Found("site.longitude_deg", rounded(east, 8), said_by(longitude)),
    ]
    if height:
        found.append(Found("site.elevation_m", rounded(height.number), said_by(height)))
    else:
        found.append(Found("site.elevation_m", 0.0, "nothing: assumed", "type it: --set site.elevation_m=…"))
    return [*found, zone_at(east)]


def zone_at(longitude_deg: float) -> Found:
    """The clock of a longitude: good to tell which evening it is; summer time does not matter for that."""
    hours = round(longitude_deg / 15.0)
    zone = f"Etc/GMT{-hours:+d}" if hours else "UTC"  # these names count westward
    return Found("site.timezone", zone, "the longitude; a name as America/Santiago reads better")
