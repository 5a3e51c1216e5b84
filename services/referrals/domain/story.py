"""The length of a story in an event. Kafka accepts a megabyte; the record keeps every part, and the newest ones are published."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, takewhile
from typing import TypeVar

from services.referrals.domain.record_fields import contact_form
from shared.contracts.input_types import MAX_LONG_TEXT
from shared.contracts.persons import FamilyContact, Story

#: Stands for a text that an urgent referral lacks; never an invented fact.
NOT_GIVEN = "not given"

T = TypeVar("T")

#: Characters of one text, of all communication needs, and of all contacts, in the story of an urgent referral.
_NARRATIVE, _SHORT_TEXT, _NEEDS, _CONTACTS = 20_000, 5_000, 5_000, 20_000
#: Bytes of the history in an event. With the other texts, of up to four bytes a character, it fits into a megabyte, encrypted.
_HISTORY_BYTES = 300_000
_SINGLE_TEXTS = ("narrative", "what_matters", "preferred_visit_times")


def with_texts(story: Story | None, texts: Sequence[str]) -> Story | None:
    """The story with further texts in its history."""
    if not texts:
        return story
    known = story or Story(narrative=NOT_GIVEN)
    return known.model_copy(update={"history": (*known.history, *texts)})


def fit(story: Story) -> Story:
    """The story with texts of bounded length, so that its event fits into Kafka. A longer text is complete in the history."""
    needs = _within(story.communication_needs, _NEEDS, len)
    contacts = _within(story.contacts, _CONTACTS, _contact_length)
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


def _within(items: Sequence[T], limit: int, length_of: Callable[[T], int]) -> tuple[T, ...]:
    """The first items whose texts have at most `limit` characters together."""
    lengths = accumulate(map(length_of, items))
    return tuple(item for item, length in zip(items, lengths, strict=True) if length <= limit)


def is_short(story: Story) -> bool:
    """Whether the whole story is within the narrowest bound of one of its parts, so that no part exceeds any."""
    return len(story.model_dump_json()) <= MAX_LONG_TEXT


def published(story: Story) -> Story:
    """The story with as much of it as an event has room for: the newest history, needs and contacts, and the beginning of a long text."""
    if is_short(story):
        return story
    bounded = {
        "history": _newest(story.history, _HISTORY_BYTES, _json_bytes),
        "communication_needs": _newest(story.communication_needs, MAX_LONG_TEXT, len),
        "contacts": _newest(story.contacts, _CONTACTS, _contact_length),
        **{name: text[:MAX_LONG_TEXT] for name in _SINGLE_TEXTS if (text := getattr(story, name))},
    }
    changed = {name: part for name, part in bounded.items() if part != getattr(story, name)}
    return story.model_copy(update=changed) if changed else story


def _newest(items: tuple[T, ...], limit: int, size_of: Callable[[T], int]) -> tuple[T, ...]:
    """The last items whose sizes are at most `limit` together."""
    sizes = takewhile(lambda size: size <= limit, accumulate(map(size_of, reversed(items))))
    return items[len(items) - sum(1 for _ in sizes) :]


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) + 1


def _contact_length(contact: FamilyContact) -> int:
    return len(contact.model_dump_json())


def merge_stories(recorded: Story, received: Story) -> Story:
    """The received story with the replaced texts in its history; parts that it omits keep their recorded value, the narrative too."""
    narrative = recorded.narrative if received.narrative == NOT_GIVEN else received.narrative
    replaced = [old for old, new in _single_texts(recorded, received) if old and new and old != new and NOT_GIVEN not in {old, new}]
    history = distinct([*recorded.history, *replaced, *received.history])
    return Story(
        narrative=narrative,
        history=tuple(text for text in history if text != narrative),
        what_matters=received.what_matters or recorded.what_matters,
        communication_needs=distinct([*recorded.communication_needs, *received.communication_needs]),
        preferred_visit_times=received.preferred_visit_times or recorded.preferred_visit_times,
        contacts=merge_contacts(recorded.contacts, received.contacts),
    )


def _single_texts(recorded: Story, received: Story) -> list[tuple[str | None, str | None]]:
    """The parts that are one text each, as (recorded, received)."""
    return [(getattr(recorded, name), getattr(received, name)) for name in ("narrative", "what_matters", "preferred_visit_times")]


def merge_contacts(recorded: Iterable[FamilyContact], received: Iterable[FamilyContact]) -> tuple[FamilyContact, ...]:
    """All contacts by name and relationship; a repeated contact adds the details that the recorded one lacks."""
    merged: dict[tuple[str, str], FamilyContact] = {}
    for contact in (*recorded, *received):
        key = contact_form(contact.name, contact.relationship)
        stated = contact.model_dump(exclude_none=True) | (merged[key].model_dump(exclude_none=True) if key in merged else {})
        merged[key] = merged[key].model_copy(update=stated) if key in merged else contact
    return tuple(merged.values())


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
