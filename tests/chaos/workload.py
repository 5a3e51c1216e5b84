"""The table of the load: the journeys, their frequency, and the synthetic bodies of their requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import nhs_number


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """One command: its caller, its verb and body, and the status that it ends."""

    caller: str
    verb: str
    body: Mapping[str, Any] | None
    from_status: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The continuation of a referral in another context. `query` finds it by fields of the referral's receipt."""

    caller: str
    collection: str
    query: str
    steps: tuple[JourneyStep, ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """`percent` of the referrals take this journey. `steps` are the commands on the referral itself."""

    percent: int
    steps: tuple[JourneyStep, ...] = ()
    follow_up: FollowUp | None = None


#: Percent of the referrals that are sent twice concurrently, repeated once later, or repeated later as a burst of retries.
DUPLICATE_PERCENT, LATE_RETRY_PERCENT, RETRY_BURST_PERCENT = 5, 4, 1
RETRY_BURST_SIZE = 6
#: Per referral: read requests, and invalid requests, which must be refused.
READS, INVALID = 0.15, 0.01
#: Batches per referral, and referrals per batch.
BATCHES, BATCH_SIZE = 0.05, 20


def _triage(urgency: str, reason: str, *, is_complex: bool = False) -> JourneyStep:
    return JourneyStep("point-of-access", "triage", {"urgency": urgency, "is_complex": is_complex, "reason": reason}, "received")


def _route(route: str, service: str) -> JourneyStep:
    return JourneyStep("point-of-access", "route", {"route": route, "service_code": service}, "triaged")


_TO_RAPID_CARE = (_triage("urgent", "Seen to be urgent."), _route("rapid-care", "rapid-care"))
_TO_MEETING = (_triage("routine", "Standard measures have not helped.", is_complex=True), _route("mdt", "mdt"))
_TO_NAVIGATOR = (_triage("routine", "Help with arranging."), _route("navigation", "care-navigation"))
_SIGNPOSTED = (
    _triage("advice", "Advice is enough."),
    JourneyStep("point-of-access", "signpost", {"service_code": "befriending"}, "triaged"),
)
_PACKAGE = {"items": [{"kind": "night-sitting", "service_code": "night-sitting", "starts_at": "RECEIVED_AT"}]}
_FULL_RESPONSE = (
    JourneyStep("rapid-care", "acceptance", None, "requested"),
    JourneyStep("rapid-care", "assignment", {"clinician_id": "CLINICIAN"}, "accepted"),
    JourneyStep("rapid-care", "departure", None, "assigned"),
    JourneyStep("rapid-care", "first-contact", {"contacted_at": "RECEIVED_AT"}, "en-route"),
    JourneyStep("rapid-care", "assessment", {"health_needs": ["infection"], "social_needs": ["personal-care"]}, "contacted"),
    JourneyStep("rapid-care", "package", _PACKAGE, "assessed"),
)

_SCREENED = JourneyStep("mdt-coordinator", "screening", {"outcome": "eligible"}, "referred")
_WITHDRAWN = JourneyStep("gp", "cancellation", {"reason": "declined-by-person"}, "received")


def _response(*steps: JourneyStep) -> FollowUp:
    return FollowUp("rapid-care", "/rapid-care/responses", "referral_id={id}&status=waiting", steps)


JOURNEYS: Mapping[str, Journey] = {
    "received only": Journey(69),
    "withdrawn": Journey(3, (_WITHDRAWN,)),
    "advice": Journey(6, _SIGNPOSTED),
    "navigator": Journey(6, _TO_NAVIGATOR),
    "meeting": Journey(1, _TO_MEETING),
    "on an agenda": Journey(3, _TO_MEETING, FollowUp("mdt-coordinator", "/mdt/cases", "person_id={person_id}", (_SCREENED,))),
    "visit requested": Journey(6, _TO_RAPID_CARE),
    "visit accepted": Journey(2, _TO_RAPID_CARE, _response(*_FULL_RESPONSE[:1])),
    "visit made": Journey(4, _TO_RAPID_CARE, _response(*_FULL_RESPONSE)),
}

CLINICIANS = [f"clinician-{number}" for number in range(40)]
NAVIGATORS = [f"navigator-{number}" for number in range(12)]
_REFERRAL_FIELDS = {"source": "gp", "reason": "urgent-deterioration", "urgency": "urgent", "condition": "fall"}
_STORY = {"narrative": "Found on the floor, not hurt, shaken."}
_CHECK_DIGIT_WEIGHTS = range(10, 1, -1)


def journey(random: Random) -> Journey:
    return random.choices(list(JOURNEYS.values()), [each.percent for each in JOURNEYS.values()])[0]


def referral(random: Random, number: str | None = None) -> bytes:
    demographics = {
        "given_name": f"Given{random.randrange(1000)}",
        "family_name": f"Family{random.randrange(1000)}",
        "born_on": f"19{random.randrange(25, 50)}-0{random.randrange(1, 10)}-1{random.randrange(10)}",
        "address": f"{random.randrange(200)} Synthetic Street",
        "practice_code": random.choice(["W07", "B11", "C03"]),
    }
    return json.dumps(
        {**_REFERRAL_FIELDS, "nhs_number": number or synthetic_number(random), "demographics": demographics, "story": _STORY}
    ).encode()


def synthetic_number(random: Random) -> str:
    """Returns a valid NHS number from the range that is never issued."""
    while True:
        digits = f"999{random.randrange(10**6):06}"
        check = -sum(int(digit) * weight for digit, weight in zip(digits, _CHECK_DIGIT_WEIGHTS, strict=True)) % 11
        if check < 10 and nhs_number.is_valid(f"{digits}{check}"):
            return f"{digits}{check}"


def invalid_referral(random: Random) -> bytes:
    """Returns a routine referral with a wrong check digit. An urgent one would be accepted all the same."""
    valid = synthetic_number(random)
    number = valid[:-1] + str((int(valid[-1]) + 1) % 10)
    return json.dumps(json.loads(referral(random, number)) | {"urgency": "routine", "reason": "falls"}).encode()
