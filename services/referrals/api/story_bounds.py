"""The length of each text of a story in a request that is not urgent. An urgent one is accepted, and its long texts are cut for events."""

from collections.abc import Iterator

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from services.referrals.domain.story import is_short
from shared.contracts.input_types import MAX_LONG_TEXT
from shared.contracts.persons import Story

_Text = tuple[tuple[str | int, ...], str | None]


def require_bounded(story: Story | None) -> None:
    """Raises ValidationError with the location of each text that is too long."""
    if story is None or is_short(story):
        return
    too_long = [path for path, text in _texts(story) if text and len(text) > MAX_LONG_TEXT]
    if too_long:
        errors = [InitErrorDetails(type="string_too_long", loc=("story", *path), input=None, ctx=_LIMIT) for path in too_long]
        raise ValidationError.from_exception_data("Story", errors)


def _texts(story: Story) -> Iterator[_Text]:
    for name in ("narrative", "what_matters", "preferred_visit_times"):
        yield (name,), getattr(story, name)
    for name in ("history", "communication_needs"):
        yield from (((name, number), text) for number, text in enumerate(getattr(story, name)))


_LIMIT = {"max_length": MAX_LONG_TEXT}
