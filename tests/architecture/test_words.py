"""The repository contains none of the refused words."""

import os
import re
from pathlib import Path

from tests.architecture.sources import ROOT

#: The field has its own words for these.
_WORDS = re.compile(
    r"\b(?:tell|tells|telling|told|untold|anew|afresh|whoever|whomever|whosoever|meanwhile|besides|trouble|thereupon|hitherto|henceforth"
    r"|good-bye)\b",
    re.IGNORECASE,
)
#: The licence has its own words, and the locks contain names of packages.
_EXCLUDED = {"LICENSE", "infra/requirements.lock", "infra/kafka/jars.lock", "tests/architecture/test_words.py"}
#: Folders that no commit contains.
_IGNORED = re.compile(r"\.git|\.venv|\.hypothesis|\.\w+_cache|__pycache__|.*\.egg-info")


def _texts() -> dict[str, str]:
    """The text files of the checkout by path. A copy of it has no Git, so the folders are walked."""
    found = {}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if not _IGNORED.fullmatch(each)]
        for path in (Path(folder, file) for file in files):
            name = path.relative_to(ROOT).as_posix()
            if name not in _EXCLUDED and (text := _text(path)) is not None:
                found[name] = text
    return found


def _text(path: Path) -> str | None:
    """None for a binary file."""
    content = path.read_bytes()
    return None if b"\0" in content else content.decode(errors="replace")


def test_no_file_contains_a_refused_word() -> None:
    found = [
        f"{name}:{number}: {word}"
        for name, text in sorted(_texts().items())
        for number, line in enumerate(text.splitlines(), start=1)
        for word in _WORDS.findall(line)
    ]

    assert found == []
