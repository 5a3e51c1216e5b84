"""The known name or code that is nearest to a typed one. It is shown, never used in place of the typed one."""

from collections.abc import Iterable
from difflib import get_close_matches

#: Characters that are read or typed for each other.
_LOOK_ALIKE = str.maketrans("OQDILSBZG", "000115826")
_CLOSE = 0.6


def nearest(typed: str, known: Iterable[str]) -> str | None:
    """Look-alikes come first, as `W70` for `W7O`; then the closest spelling. None when none is close."""
    by_form = {_form(each): each for each in sorted(known, reverse=True)}
    form = _form(typed)
    found = [form] if form in by_form else get_close_matches(form, by_form, n=1, cutoff=_CLOSE)
    return by_form[found[0]] if found else None


def _form(name: str) -> str:
    return name.upper().replace("-", "_").translate(_LOOK_ALIKE)
