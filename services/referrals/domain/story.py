"""The length of a story in an event. Kafka accepts a megabyte; no part of a story is lost, and the newest history is published."""

import json
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeVar

from shared.contracts.persons import FamilyContact, Story

T = TypeVar("T")

#: Characters of one text, of all communication needs, and of all contacts, in the story of an urgent referral.
_NARRATIVE, _SHORT_TEXT, _NEEDS, _CONTACTS = 20_000, 5_000, 5_000, 20_000
#: Bytes of the history in an event; the rest of a story that fits leaves room for them within a megabyte, encrypted.
_HISTORY_BYTES = 300_000


def fit(story: Story) -> Story:
    """The story with texts of bounded length, so that its event fits into Kafka. A longer text is complete in the history."""
    needs = _within(story.communication_needs, _NEEDS, str)
    contacts = _within(story.contacts, _CONTACTS, FamilyContact.model_dump_json)
    cut = [text for text, limit in _limited(story) if text and len(text) > limit]
    cut += [*story.communication_needs[len(needs) :], *(each.model_dump_json() for each in story.contacts[len(contacts) :])]
    return Story(
        narrative=story.narrative[:_NARRATIVE],
        history=(*story.history, *cut),
        what_matters=story.what_matters and story.what_matters[:_SHORT_TEXT],
        communication_needs=needs,
        preferred_visit_times=story.preferred_visit_times and story.preferred_visit_times[:_SHORT_TEXT],
        contacts=contacts,
    )


def _limited(story: Story) -> list[tuple[str | None, int]]:
    return [(story.narrative, _NARRATIVE), (story.what_matters, _SHORT_TEXT), (story.preferred_visit_times, _SHORT_TEXT)]


def _within(items: Sequence[T], limit: int, text_of: Callable[[T], str]) -> tuple[T, ...]:
    """The first items whose texts have at most `limit` characters together."""
    lengths = accumulate(len(text_of(item)) for item in items)
    return tuple(item for item, length in zip(items, lengths, strict=True) if length <= limit)


def published(story: Story) -> Story:
    """The story with as much of its history, the newest first, as an event has room for."""
    sizes = accumulate(len(json.dumps(text, ensure_ascii=False).encode()) + 1 for text in reversed(story.history))
    count = sum(size <= _HISTORY_BYTES for size in sizes)
    return story if count == len(story.history) else story.model_copy(update={"history": story.history[len(story.history) - count :]})
