"""The callers of each route, and the constrained types of text in bodies."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from services.referrals.domain.access import RECEIVE, REFER, TRIAGE
from shared.contracts.referrals import Story
from shared.kernel.actor import Actor
from shared.web.dependencies import require_scopes

#: The staff of the Community Point of Access.
Triager = Annotated[Actor, require_scopes(TRIAGE)]
#: Sends referrals.
Referrer = Annotated[Actor, require_scopes(REFER, TRIAGE)]
#: Accepts referrals for a service of the directory.
Receiver = Annotated[Actor, require_scopes(RECEIVE, TRIAGE)]
#: A referrer, a receiver or the staff of the Community Point of Access.
Involved = Annotated[Actor, require_scopes(REFER, RECEIVE, TRIAGE)]
#: All staff who care for people may read a person's contact (AC2).
Staff = Annotated[
    Actor,
    require_scopes(
        REFER,
        RECEIVE,
        TRIAGE,
        "rapid-care:coordinate",
        "rapid-care:respond",
        "mdt:coordinate",
        "mdt:decide",
        "mdt:lead",
        "mdt:read",
        "navigation:coordinate",
        "navigation:work",
    ),
]
#: The Community Point of Access, or a lead for their own people.
TriagerOrLead = Annotated[Actor, require_scopes(TRIAGE, "mdt:lead")]


def _printable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a text cannot contain the character NUL")
    return text


#: A short text such as a name, an address or a reason; and a long text.
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_printable)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), AfterValidator(_printable)]


def _validated(story: Story) -> Story:
    if not story.narrative.strip():
        raise ValueError("a story needs words")
    for text in (story.narrative, *story.history, *story.communication_needs, story.what_matters or "", story.preferred_visit_times or ""):
        _printable(text)
    for contact in story.contacts:
        _printable("".join((contact.name, contact.relationship, contact.telephone or "", contact.lives_in or "")))
    return story


ValidatedStory = Annotated[Story, AfterValidator(_validated)]
