"""The access policy, and its tables in docs/access.md."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access import REACH, SCOPES, Answer, Basis, Part, Reach, Relationship, Verdict, decide
from shared.contracts.persons import SharingPreference
from shared.kernel.actor import Actor
from tests.builders.referrals import MONDAY

_WORDS = {"always": Reach.ALWAYS, "unless withheld": Reach.UNLESS_WITHHELD, "direct care": Reach.DIRECT_CARE, "never": Reach.NEVER}
_LASTING = timedelta(days=28)
_OURS, _OTHERS = UUID(int=1), UUID(int=2)


def _rows(heading: str) -> dict[Basis, list[str]]:
    """The rows of the first table under a heading of the page, by their basis."""
    section = Path("docs/access.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| `")]
    return {Basis(first.strip("`")): cells for first, *cells in rows}


def test_page_has_every_basis_in_order() -> None:
    assert [list(_rows("Relationships")), list(_rows("Parts"))] == [list(Basis)] * 2


@pytest.mark.parametrize("basis", Basis)
def test_parts_of_a_basis_are_those_of_the_page(basis: Basis) -> None:
    assert dict(zip(Part, (_WORDS[cell] for cell in _rows("Parts")[basis]), strict=True)) == {part: REACH[part][basis] for part in Part}


@pytest.mark.parametrize("basis", Basis)
def test_scopes_and_end_are_those_of_the_page(basis: Basis) -> None:
    _, _, scopes, lasts = _rows("Relationships")[basis]
    ended = Relationship(basis, "CLCH", ended_at=MONDAY)

    assert set(re.findall(r"`([^`]+)`", scopes)) == set(SCOPES[basis])
    assert ended.holds(MONDAY + _LASTING - timedelta(seconds=1), _LASTING) is (lasts == "yes")
    assert not ended.holds(MONDAY + _LASTING, _LASTING)


def test_stranger_does_not_learn_whether_a_person_exists() -> None:
    assert decide([], SharingPreference.DIRECT_CARE, Part.EXISTENCE) == Verdict(Answer.UNKNOWN)


def test_relationship_of_one_referral_opens_no_other() -> None:
    sent = Relationship(Basis.REFERRER, "LAS", subject=_OURS)

    answers = [decide([sent], SharingPreference.DIRECT_CARE, Part.EXISTENCE, subject).answer for subject in (None, _OURS, _OTHERS)]

    assert answers == [Answer.ALLOWED, Answer.ALLOWED, Answer.UNKNOWN]


@pytest.mark.parametrize(
    ("sharing", "practice", "receiver"),
    [
        (SharingPreference.DIRECT_CARE, Answer.ALLOWED, Answer.ALLOWED),
        (SharingPreference.RESTRICTED, Answer.WITHHELD, Answer.ALLOWED),
        (SharingPreference.WITHHELD, Answer.WITHHELD, Answer.WITHHELD),
    ],
)
def test_each_preference_closes_more_of_the_story(sharing: SharingPreference, practice: Answer, receiver: Answer) -> None:
    answers = [decide([Relationship(basis, "CLCH")], sharing, Part.STORY).answer for basis in (Basis.REGISTERED_PRACTICE, Basis.RECEIVER)]

    assert answers == [practice, receiver]


def test_referrer_never_sees_the_story() -> None:
    assert decide([Relationship(Basis.REFERRER, "LAS")], SharingPreference.DIRECT_CARE, Part.STORY).answer is Answer.CLOSED


@pytest.mark.parametrize(
    ("organisation", "actor_id", "scope", "expected"),
    [
        ("CLCH", "nurse-1", "mdt:lead", True),
        ("CLCH", "nurse-2", "mdt:lead", False),
        ("RFL", "nurse-1", "mdt:lead", False),
        ("CLCH", "nurse-1", "mdt:read", False),
    ],
)
def test_relationship_needs_organisation_professional_and_scope(organisation: str, actor_id: str, scope: str, *, expected: bool) -> None:
    lead = Relationship(Basis.LEAD, "CLCH", professional_id="nurse-1")

    assert lead.is_of(Actor(actor_id, organisation, "nurse", frozenset({scope}))) is expected


_RELATIONSHIPS = st.lists(st.builds(Relationship, st.sampled_from(Basis), st.just("CLCH"), subject=st.sampled_from([None, _OURS, _OTHERS])))


@given(_RELATIONSHIPS, st.sampled_from(SharingPreference), st.sampled_from(Part))
def test_further_relationship_closes_nothing(held: list[Relationship], sharing: SharingPreference, part: Part) -> None:
    for each in held:
        if decide([each], sharing, part).answer is Answer.ALLOWED:
            assert decide(held, sharing, part).answer is Answer.ALLOWED
    if decide(held, sharing, part).answer is Answer.ALLOWED:
        assert any(decide([each], sharing, part).answer is Answer.ALLOWED for each in held)


@given(_RELATIONSHIPS, st.sampled_from(Part))
def test_stricter_preference_opens_nothing(held: list[Relationship], part: Part) -> None:
    opened = [decide(held, sharing, part).answer is Answer.ALLOWED for sharing in SharingPreference]

    assert opened == sorted(opened, reverse=True)
