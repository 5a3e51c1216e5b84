"""The files of the repository as text, and its Python files as syntax trees."""

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTEXTS = ("referrals", "rapid_care", "mdt", "navigation")
#: Folders that no commit contains.
_IGNORED = re.compile(r"\.git|\.venv|\.hypothesis|\.\w+_cache|__pycache__|.*\.egg-info")


@dataclass(frozen=True)
class Source:
    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(Source(path, path.read_text()) for path in found)


def production() -> tuple[Source, ...]:
    return sources("services", "shared", "infra")


def written_tests() -> tuple[Source, ...]:
    return sources("tests")


@cache
def checkout_texts() -> dict[str, str]:
    """The text files of the checkout by path. A copy of it has no Git, so the folders are walked."""
    found = {}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if not _IGNORED.fullmatch(each)]
        for path in (Path(folder, file) for file in files):
            if (text := _text(path)) is not None:
                found[path.relative_to(ROOT).as_posix()] = text
    return found


def _text(path: Path) -> str | None:
    """None for a binary file."""
    content = path.read_bytes()
    return None if b"\0" in content else content.decode(errors="replace")
