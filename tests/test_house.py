"""How large a file, a function and its list of arguments may grow."""

import ast
import re

import pytest
from running import ROOT

MOST_LINES, MOST_OF_FUNCTION, MOST_ARGUMENTS = 400, 45, 7
MODULES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in (ROOT / "ngcmos").rglob("*.py")
}


def functions():
    """(where, function) of all functions."""
    for name, text in MODULES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}: {node.name}", node


def lines_of(function):
    """Lines of a function from its first statement on; a docstring is none."""
    documented = ast.get_docstring(function) is not None and len(function.body) > 1
    return function.end_lineno - function.body[documented].lineno + 1


def arguments_of(function):
    """Number of arguments that a caller gives."""
    given = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len(given) - (given[:1] in (["self"], ["cls"]))


def test_no_file_is_longer_than_a_reader_keeps_in_mind():
    assert [name for name, text in MODULES.items() if len(text.splitlines()) > MOST_LINES] == []


@pytest.mark.parametrize(("count", "most"), [(lines_of, MOST_OF_FUNCTION), (arguments_of, MOST_ARGUMENTS)])
def test_functions_stay_small(count, most):
    assert [where for where, function in functions() if count(function) > most] == []


def test_modules_that_are_begun_first_are_there():
    text = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    [named] = re.findall(r"^HEAVIEST = (\(.*?^\))", text, re.MULTILINE | re.DOTALL)
    assert [name for name in ast.literal_eval(named) if not (ROOT / "tests" / name).exists()] == []
