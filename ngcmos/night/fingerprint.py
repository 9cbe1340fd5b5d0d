"""What a product was made of, so that nobody takes it for another one: inputs, settings, layout and code.

The fingerprint of a product is a hash of everything that enters it: the fingerprints of its inputs, the settings
of the profile, the layout of its rows, and the code that makes it as a syntax tree without docstrings, so that a
changed comment changes nothing and a changed constant everything. `Inputs` keeps all of it by name, so that two
products can be compared in words.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from ngcmos.night.kept import kept

DIGITS = 16
CODE, LAYOUT = "code", "layout"
SHARED = tuple(f"ngcmos.{name}" for name in ("neighbours", "rotation", "sphere", "stats"))
_SAID = {
    CODE: "code of ngcmos",
    LAYOUT: "columns",
    "bias": "master bias",
    "dark": "master dark",
    "flat": "master flat",
    "catalog": "input catalog",
    "hot_pixels": "hot pixels",
    "solution": "plate solutions",
    "table": "photometry table",
    "refused": "refused frames",
}
_OF_ONE_NIGHT = ("bias", "dark", "flat", "catalog", "hot_pixels", "solution", "table", "refused", "clear_zp")
_NO_MEANING = ("type_comment", "kind", "type_ignores", "returns")  # and annotations of arguments


@dataclasses.dataclass(frozen=True)
class Inputs:
    """All that enters a product, by name; values are what JSON knows."""

    values: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Hash of all of it, hex."""
        return digest_of(self.text)

    @classmethod
    def of(cls, rooms: Iterable[str], row: np.dtype[Any] | None = None, **values: Any) -> "Inputs":
        """These values (tables of a profile, or what JSON knows), the code of rooms and the layout of a row."""
        layout = {} if row is None else {LAYOUT: layout_of(row)}
        return cls(settings_of(**values) | layout | {CODE: code_of(*rooms)})

    @classmethod
    def read(cls, text: str) -> "Inputs":
        """What a product kept as `text`; nothing where that is none."""
        try:
            values = json.loads(text)
        except ValueError:
            values = None
        return cls(values if isinstance(values, dict) else {})

    @property
    def text(self) -> str:
        """As JSON, to be kept beside or inside the product."""
        return json.dumps(dict(self.values), sort_keys=True)

    @property
    def reduction(self) -> "Inputs":
        """What all nights of one reduction share: settings, layout and code."""
        return Inputs({name: value for name, value in self.values.items() if name not in _OF_ONE_NIGHT})

    def is_other_code(self, differs: Iterable[str]) -> bool:
        """Whether differences are of the code alone: the product tells the same in another way."""
        return set(differs) <= {_SAID[CODE], _SAID[LAYOUT]}

    def differences(self, made_of: str) -> list[str]:
        """What differs from the inputs that a product kept as `text`, in words; "" differs as a whole."""
        now, then = self.read(self.text).values, self.read(made_of).values
        if not then:
            return [_SAID[CODE]]
        names = [name for name in {**now, **then} if now.get(name) != then.get(name)]
        return sorted({_in_words(name) for name in names})


def _in_words(name: str) -> str:
    return _SAID.get(name, name.rpartition(".")[2])


def settings_of(**tables: object) -> dict[str, Any]:
    """{"table.key": value} of tables of a profile, or of single values, as JSON knows them."""
    found: dict[str, Any] = {}
    for name, table in tables.items():
        if isinstance(table, BaseModel):
            found |= {f"{name}.{key}": value for key, value in table.model_dump(mode="json").items()}
        elif dataclasses.is_dataclass(table) and not isinstance(table, type):
            found |= {f"{name}.{key}": value for key, value in dataclasses.asdict(table).items()}
        else:
            found[name] = table
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def digest_of(text: str | bytes) -> str:
    """First 16 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:DIGITS]


def layout_of(row: np.dtype[Any]) -> str:
    """Hash of the columns of a row; the width of texts does not count."""
    columns = [(name, row[name].kind if row[name].kind == "S" else row[name].str) for name in row.names or ()]
    return digest_of(json.dumps(columns))


@functools.cache
def code_of(*rooms: str) -> str:
    """Hash of the code of modules, and of all modules of packages, by their syntax trees without docstrings.

    The arithmetic that all rooms share (`SHARED`) always enters.

    Parameters
    ----------
    rooms : str
        Full names as "ngcmos.photometry" or "ngcmos.tables.table".
    """
    sources = [(room, path) for room in sorted({*rooms, *SHARED}) for path in _sources(room)]
    as_written = hashlib.sha256(Path(__file__).read_bytes())
    for room, path in sources:
        as_written.update(f"{room}/{path.name}:".encode() + path.read_bytes())
    return kept(f"code {as_written.hexdigest()}", lambda: _digest_of_trees(sources))


def _digest_of_trees(sources: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for room, path in sources:
        digest.update(f"{room}/{path.name}:{_text_of(path)}\n".encode())
    return digest.hexdigest()[:DIGITS]


@functools.cache
def _text_of(path: Path) -> str:
    """The syntax tree of a file as a text; many products share a file."""
    return "".join(_words(ast.parse(path.read_bytes())))


def _sources(room: str) -> list[Path]:
    """Files of a module or of a package with all below it."""
    spec = importlib.util.find_spec(room)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module {room}")
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)]
    return sorted(Path(spec.origin).parent.rglob("*.py"))


def _words(node: ast.AST) -> Iterator[str]:
    """The nodes of a syntax tree with their values, the same in every version of Python."""
    yield f"({type(node).__name__}"
    for name, value in ast.iter_fields(node):
        if name in _NO_MEANING or value is None or (name == "annotation" and isinstance(node, ast.arg)):
            continue
        values = value if isinstance(value, list) else [value]
        if name == "body" and values and _is_docstring(node, values[0]):
            values = values[1:]
        for one in values:
            if isinstance(one, ast.AST):
                yield from _words(one)
            else:
                yield f" {name}={one!r}"
    yield ")"


def _is_docstring(node: ast.AST, first: object) -> bool:
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    text = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return documented and text
