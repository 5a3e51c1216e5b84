"""The tests that a page names as evidence: a list of file and test, each of which exists."""

import ast
import re
from functools import cache

from tests.architecture.sources import ROOT

_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def faults_of(shown: str) -> list[str]:
    """What is wrong with a list of tests: nothing, another form, or the tests that do not exist."""
    named = _TEST.findall(shown)
    if not named or ", ".join(f"`{path}::{name}`" for path, name in named) != shown:
        return [f"not a list of tests: {shown}"]
    return [f"{path}::{name}" for path, name in named if name not in _tests_of(path)]


@cache
def _tests_of(path: str) -> set[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text()) if file.exists() else ast.Module([], [])
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
