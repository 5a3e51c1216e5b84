"""What the clients do, and how often: the one table of the load. And what they send, all of it synthetic."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import nhs_number


@dataclass(frozen=True, slots=True)
class Step:
    """One act: who, on what, which command, and the state that it ends."""

    caller: str
    verb: str
    body: Mapping[str, Any] | None
    of: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What comes of a referral in another context: how it is found there by what the receipt says, and what is done to it."""

    caller: str
    collection: str
    found_by: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """`share` of a hundred referrals. `steps` are done to the referral."""

    share: int
    steps: tuple[Step, ...] = ()
    elsewhere: FollowUp | None = None


#: Of a hundred referrals: sent twice at once; sent again later, when others have come in between; so often as a batch of retries.
TWICE_AT_ONCE, AGAIN_LATER, IN_A_BATCH = 5, 4, 1
BATCH_OF_RETRIES = 6
#: Besides, for each referral: requests that only read, and that are wrong and must be refused.
READS, REFUSED = 0.15, 0.01
#: And as many batches, of so many referrals each.
BATCHES, BATCH = 0.05, 20


def _triage(urgency: str, reason: str, *, is_complex: bool = False) -> Step:
    return Step("point-of-access", "triage", {"urgency": urgency, "is_complex": is_complex, "reason": reason}, "received")


def _route(route: str, service: str) -> Step:
    return Step("point-of-access", "route", {"route": route, "service_code": service}, "triaged")


_VISIT = (_triage("urgent", "Seen to be urgent."), _route("rapid-care", "rapid-care"))
_MEETING = (_triage("routine", "Standard measures have not helped.", is_complex=True), _route("mdt", "mdt"))
_NAVIGATOR = (_triage("routine", "Help with arranging."), _route("navigation", "care-navigation"))
_ADVICE = (_triage("advice", "Advice is enough."), Step("point-of-access", "signpost", {"service_code": "befriending"}, "triaged"))
_PACKAGE = {"items": [{"kind": "night-sitting", "service_code": "night-sitting", "starts_at": "RECEIVED"}]}
_TO_THE_END = (
    Step("rapid-care", "acceptance", None, "requested"),
    Step("rapid-care", "assignment", {"clinician_id": "SOMEBODY"}, "accepted"),
    Step("rapid-care", "departure", None, "assigned"),
    Step("rapid-care", "first-contact", {"contacted_at": "RECEIVED"}, "en-route"),
    Step("rapid-care", "assessment", {"health_needs": ["infection"], "social_needs": ["personal-care"]}, "contacted"),
    Step("rapid-care", "package", _PACKAGE, "assessed"),
)

_SCREENED = Step("mdt-coordinator", "screening", {"outcome": "eligible"}, "referred")
_WITHDRAWN = Step("gp", "cancellation", {"reason": "declined-by-person"}, "received")


def _visit(*steps: Step) -> FollowUp:
    return FollowUp("rapid-care", "/rapid-care/responses", "referral_id={id}&status=waiting", steps)


JOURNEYS: Mapping[str, Journey] = {
    "received only": Journey(69),
    "withdrawn": Journey(3, (_WITHDRAWN,)),
    "advice": Journey(6, _ADVICE),
    "navigator": Journey(6, _NAVIGATOR),
    "meeting": Journey(1, _MEETING),
    "on an agenda": Journey(3, _MEETING, FollowUp("mdt-coordinator", "/mdt/cases", "person_id={person_id}", (_SCREENED,))),
    "visit asked for": Journey(6, _VISIT),
    "visit accepted": Journey(2, _VISIT, _visit(*_TO_THE_END[:1])),
    "visit made": Journey(4, _VISIT, _visit(*_TO_THE_END)),
}

CLINICIANS = [f"clinician-{number}" for number in range(40)]
NAVIGATORS = [f"navigator-{number}" for number in range(12)]
_REFERRAL = {"source": "gp", "reason": "urgent-deterioration", "urgency": "urgent", "condition": "fall"}
_STORY = {"narrative": "Found on the floor, not hurt, shaken."}
_WEIGHTS = range(10, 1, -1)


def journey(random: Random) -> Journey:
    return random.choices(list(JOURNEYS.values()), [each.share for each in JOURNEYS.values()])[0]


def referral(random: Random, number: str | None = None) -> bytes:
    demographics = {
        "given_name": f"Given{random.randrange(1000)}",
        "family_name": f"Family{random.randrange(1000)}",
        "born_on": f"19{random.randrange(25, 50)}-0{random.randrange(1, 10)}-1{random.randrange(10)}",
        "address": f"{random.randrange(200)} Synthetic Street",
        "practice_code": random.choice(["W07", "B11", "C03"]),
    }
    return json.dumps(
        {**_REFERRAL, "nhs_number": number or synthetic_number(random), "demographics": demographics, "story": _STORY}
    ).encode()


def synthetic_number(random: Random) -> str:
    """From the range that is never issued."""
    while True:
        digits = f"999{random.randrange(10**6):06}"
        check = -sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11
        if check < 10 and nhs_number.is_valid(f"{digits}{check}"):
            return f"{digits}{check}"


def wrong(random: Random) -> bytes:
    """With a check digit that is not its own; what is urgent would be taken all the same."""
    right = synthetic_number(random)
    number = right[:-1] + str((int(right[-1]) + 1) % 10)
    return json.dumps(json.loads(referral(random, number)) | {"urgency": "routine", "reason": "falls"}).encode()
