"""The normal form of typed values: texts, codes, NHS numbers, telephone numbers and addresses.

Each function is pure and idempotent, and accepts every string. `shared.contracts.input_types` refuses what is not permitted.
"""

import re
import unicodedata
from collections.abc import Callable

#: Characters without a meaning for a reader, and line breaks of other systems.
_UNSEEN: dict[int, str | None] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0))),
    **dict.fromkeys((0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029), "\n"),
    **dict.fromkeys((0xAD, 0x200B, 0x2060, 0xFEFF)),  # soft hyphen, zero-width space, word joiner, byte order mark
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A))),  # direction overrides, which reorder what a reader sees
    ord("\t"): "\t",
    ord("\n"): "\n",
}
#: A character that `_UNSEEN` changes; the search for one is many times faster than the translation.
_CHANGED = re.compile("[" + re.escape("".join(chr(point) for point, form in _UNSEEN.items() if form != chr(point))) + "]")
#: Joiners, direction marks and fillers: they have a meaning between letters only.
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u180e\u200c\u200d\u200e\u200f\u2800\u3164\uffa0"
_EDGES = "".join(chr(point) for point in range(0x3100) if chr(point).isspace()) + _FILLERS
#: Spaces, dashes, controls and formats: an NHS number has none of them.
_SEPARATORS = frozenset({"Zs", "Zl", "Zp", "Pd", "Cf", "Cc"})
#: Further characters between the digits of a typed number: the minus sign and the full stop.
_MINUS_SIGN = "\u2212"
_BETWEEN = frozenset({_MINUS_SIGN, "."})
#: Words before a typed NHS number.
_NHS = re.compile("(?:NHS(?:NUMBER|NO)?:?)+", re.IGNORECASE | re.ASCII)
_POSTCODE = re.compile(r"\b([A-Z]{1,2}[0-9][A-Z0-9]?) ?([0-9][A-Z]{2})$", re.IGNORECASE | re.ASCII)


def text(typed: str) -> str:
    """Trimmed, in Unicode NFC, with line feeds as line breaks, without control characters and direction overrides."""
    if typed.isascii() and typed.isprintable():
        return typed.strip()
    seen = typed.replace("\r\n", "\n").translate(_UNSEEN) if _CHANGED.search(typed) else typed
    return unicodedata.normalize("NFC", seen).strip(_EDGES)


def line(typed: str) -> str:
    """`text` on one line, with single spaces."""
    if typed.isascii() and typed.isprintable() and "  " not in typed:
        return typed.strip()
    return " ".join(text(typed).split())


def is_blank(typed: str) -> bool:
    """Whether a reader sees nothing."""
    return not text(typed)


def nhs_digits(typed: str) -> str:
    """Without spaces, dashes, full stops, invisible characters of any kind and `NHS No:` before it. Digits of full width are plain ones."""
    plain = typed.replace(" ", "").replace("-", "")
    if plain.isascii() and plain.isdigit():
        return plain
    compatible = "".join(unicodedata.normalize("NFKC", each) for each in plain)
    bare = "".join(each for each in compatible if each not in _BETWEEN and unicodedata.category(each) not in _SEPARATORS)
    found = _NHS.match(bare)
    return bare[found.end() :] if found else bare


def code(typed: str) -> str:
    """Trimmed, without invisible characters, with plain hyphens. Letters keep their case."""
    if typed.isascii() and typed.isprintable():
        return typed.strip()
    return "".join(map(_of_code, typed)).strip()


def ods_code(typed: str) -> str:
    """A code of a practice or organisation, in capitals."""
    return _recased(code(typed), str.upper)


def service_code(typed: str) -> str:
    """A code of the directory of services, in small letters."""
    return _recased(code(typed), str.lower)


def telephone(typed: str) -> str:
    """One line with plain hyphens. Words stay: "0163 296 0000, after six"."""
    plain = line(typed)
    return plain if plain.isascii() else "".join("-" if _is_dash(each) else each for each in plain)


def address(typed: str) -> str:
    """One line; a postcode at its end is in capitals with one space, as in `NW97 1AA`."""
    return _POSTCODE.sub(lambda found: f"{found[1]} {found[2]}".upper(), line(typed))


def postcode(typed: str) -> str:
    """In capitals with one space, as at the end of an `address`."""
    return address("".join(line(typed).split()))


def _of_code(character: str) -> str:
    if _is_dash(character):
        return "-"
    kind = unicodedata.category(character)
    return "" if kind in {"Cf", "Cc"} else " " if kind.startswith("Z") else character


def _is_dash(character: str) -> bool:
    return character == _MINUS_SIGN or unicodedata.category(character) == "Pd"


def _recased(plain: str, recase: Callable[[str], str]) -> str:
    """Other alphabets keep their letters: the capital of a dotless i is a plain I, which no one typed."""
    return recase(plain) if plain.isascii() else plain
