"""One person acts in several organisations: the issuer and the subject decide."""

import pytest

from shared.kernel.actor import Actor

_ACTOR = Actor(id="ig 1", organisation="CPA", role="governance", issuer="https://id")


@pytest.mark.parametrize(
    ("issuer", "subject", "is_same"), [("https://id", "ig 1", True), ("https://id", "ig", False), ("https://other", "ig 1", False)]
)
def test_person_is_the_same_in_any_organisation(issuer: str, subject: str, is_same: bool) -> None:  # noqa: FBT001
    assert _ACTOR.is_person(issuer, subject) is is_same
    assert [_ACTOR.is_person_of(f"{issuer} {organisation} {subject}") for organisation in ("CPA", "RFL")] == [is_same] * 2
