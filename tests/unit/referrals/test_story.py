"""The part of a story that an event has room for; the record keeps every part (finding B6)."""

from functools import reduce

import pytest

from services.referrals.commands import ReviseRecord
from services.referrals.domain import person as people
from services.referrals.domain.person import Person
from services.referrals.domain.story import published
from shared.contracts.codes import Locality
from shared.contracts.persons import FamilyContact, PersonRecordRecorded, Story
from shared.kernel.decision import Decision
from shared.kernel.ids import new_id
from tests.builders.referrals import a_person, a_request

#: Kafka accepts a megabyte, and encryption adds a third.
_LARGEST = 740_000


def a_long_story(number: int, letter: str = "\U0001f600") -> Story:
    """As long as a request that is not urgent may be in each text; other needs and contacts in each."""
    return Story(
        narrative=f"{number} ".ljust(20_000, letter),
        history=tuple(f"{number} {part} ".ljust(20_000, letter) for part in range(3)),
        what_matters=f"{number} ".ljust(20_000, letter),
        communication_needs=tuple(f"{number} {part} ".ljust(2_000, letter) for part in range(2)),
        preferred_visit_times=f"{number} ".ljust(20_000, letter),
        contacts=tuple(
            FamilyContact(name=f"{number} {part} ".ljust(100, letter), relationship="neighbour".ljust(100, letter)) for part in range(4)
        ),
    )


@pytest.mark.parametrize("letter", ["a", "\U0001f600", '"', "\\"])
def test_record_of_forty_long_stories_fits_into_its_event(letter: str) -> None:
    person = _after_stories(letter)

    decisions = [
        _referred(person, Story(narrative="a" * 650)),
        people.add_answer(person, "a" * 20_000, referral_id=new_id()),
        people.revise(person, ReviseRecord(story=a_long_story(50, letter)), locality=Locality.WEST),
    ]

    for decision in decisions:
        [recorded] = decision.events
        assert isinstance(recorded, PersonRecordRecorded)
        assert len(recorded.model_dump_json().encode()) < _LARGEST
        assert recorded.story.narrative == decision.state.story.narrative


def test_record_keeps_what_its_event_leaves_out() -> None:
    person = _after_stories()

    sent = [a_long_story(number) for number in range(40)]

    assert {story.narrative for story in sent} <= {person.story.narrative, *person.story.history}
    assert {text for story in sent for text in story.history} <= set(person.story.history)
    assert {contact.name for story in sent for contact in story.contacts} <= {contact.name for contact in person.story.contacts}
    assert {need for story in sent for need in story.communication_needs} == set(person.story.communication_needs)
    assert people.is_shortened(person)


def test_event_has_the_newest_parts() -> None:
    person = _after_stories("a")

    story = published(person.story)

    for name in ("history", "communication_needs", "contacts"):
        kept, every = getattr(story, name), getattr(person.story, name)
        assert 0 < len(kept) < len(every)
        assert every[-len(kept) :] == kept


def test_short_story_is_published_as_it_is() -> None:
    story = a_person().story

    assert published(story) is story


def _after_stories(letter: str = "\U0001f600") -> Person:
    stories = [a_long_story(number, letter) for number in range(40)]
    return reduce(lambda person, story: _referred(person, story).state, stories, a_person())


def _referred(person: Person, story: Story) -> Decision[Person]:
    decision = people.update_from_referral(person, a_request(story=story), referral_id=new_id(), locality=person.locality)
    assert decision
    return decision
