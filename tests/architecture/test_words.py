"""The repository contains none of the refused words."""

import re

from tests.architecture.sources import checkout_texts

#: The field has its own words for these. `nobody-available` is a code of an earlier version, which the change log names.
_WORDS = re.compile(
    r"\b(?:tell|tells|telling|told|untold|anew|afresh|whoever|whomever|whosoever|meanwhile|besides|trouble|thereupon|hitherto|henceforth"
    r"|good-bye|somebody|nobody(?!-available`))\b",
    re.IGNORECASE,
)
#: The licence has its own words, and the locks contain names of packages.
_EXCLUDED = {"LICENSE", "infra/requirements.lock", "infra/kafka/jars.lock", "tests/architecture/test_words.py"}


def test_no_file_contains_a_refused_word() -> None:
    found = [
        f"{name}:{number}: {word}"
        for name, text in sorted(checkout_texts().items())
        if name not in _EXCLUDED
        for number, line in enumerate(text.splitlines(), start=1)
        for word in _WORDS.findall(line)
    ]

    assert found == []
