"""The referrer's feedback: one line in words for each event, also for Rapid Care's warnings and visits (AC6, 001:11487-11488)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.domain.referral import POINT_OF_ACCESS, Referral
from services.referrals.domain.referrer_view import HiddenPart, shown
from services.referrals.store.directory import SERVICE
from services.referrals.store.responses import RESPONSE
from services.referrals.store.tables import EVENT
from services.referrals.store.timeline import TIMELINE_EVENT
from shared.contracts.rapid_care import ResponseAtRisk, ResponseBreachCleared, ResponseBreached, ResponseContacted
from shared.contracts.referral_codes import CancelReason, Outcome, ReturnReason
from shared.contracts.referrals import ReferralAmended
from shared.kernel.totality import total
from shared.persistence.statements import ReadSession, Statement, any_of

_EVENTS = Statement(
    sa.select(EVENT.c.id, EVENT.c.subject, EVENT.c.type, EVENT.c.occurred_at, EVENT.c.data)
    .where(EVENT.c.subject == any_of("subjects"), EVENT.c.topic == sa.literal_column("'referrals.referral'"))
    .order_by(EVENT.c.seq)
)
#: What Rapid Care has published of its responses to these referrals.
_RESPONSES = Statement(
    sa.select(
        TIMELINE_EVENT.c.id,
        RESPONSE.c.referral_id.label("subject"),
        TIMELINE_EVENT.c.type,
        TIMELINE_EVENT.c.occurred_at,
        TIMELINE_EVENT.c.data,
    )
    .join(RESPONSE, RESPONSE.c.response_id == TIMELINE_EVENT.c.subject)
    .where(
        RESPONSE.c.referral_id == any_of("subjects"),
        TIMELINE_EVENT.c.correlation_id == sa.bindparam("correlation_id", type_=sa.Uuid),
        TIMELINE_EVENT.c.type == sa.any_(sa.bindparam("types", type_=sa.ARRAY(sa.Text))),
    )
    .order_by(TIMELINE_EVENT.c.occurred_at, TIMELINE_EVENT.c.id)
)
_NAMES = Statement(sa.select(SERVICE.c.code, SERVICE.c.name).order_by(SERVICE.c.valid_from))

#: The sentence for the verb of each event, with the fields of its data. An `identified` referral is no news, so it has none.
#: `{Service}` and `{Rapid_care}` begin a sentence, `{service}` and `{rapid_care}` stand within one: not every reader sees the name.
_SENTENCES: Mapping[str, str] = {
    "received": "We have your referral; its reference is {reference}.",
    "identity-unverified": "The NHS number could not be verified. Care continues without it; please check the number with the person.",
    "merged": "It joined an open referral for the same person and reason. Your reference stays valid.",
    "triaged": "A clinician has triaged it: {outcome}.",
    "urgency-raised": "It is urgent now.",
    "routed": "We have asked {service} to take over.",
    "accepted": "{Service} has taken it.",
    "acceptance-crossed": "{Service} has accepted it as well. We are settling who goes.",
    "returned": "It came back from {service}. We are finding another way; you need not do anything.",
    "recalled": "We have taken it back from {service}, to find a quicker way; you need not do anything.",
    "call-repeated": "There was another urgent call about the person. {Service} must answer it.",
    "call-answered": "The other urgent call about the person was answered.",
    "discrepancy-found": "We have a question about what was sent. Nothing waits for it.",
    "discrepancy-resolved": "A question about what was sent is settled.",
    "signposted": "The person was signposted to {service}.",
    "information-requested": "We need more from you. Nothing waits for it.",
    "information-answered": "Your answer has arrived.",
    "amended": "What you added has arrived.",
    "acknowledgement-overdue": "{Service} should have answered by now. We are asking.",
    "outcome-overdue": "{Service} should have reported the outcome by now. We are asking.",
    "closed": "It is closed.",
    "cancelled": "It was withdrawn.",
    "separated": "It has left the referral that it had joined, and is open again.",
    "reopened": "The record that the person had died or moved away was a mistake. Your referral is open again.",
}
#: The same for an event of Rapid Care, by its type.
_OF_RESPONSE: Mapping[str, str] = {
    ResponseAtRisk.TYPE: "{Rapid_care} has not reached the person yet, and the two hours end soon. Its coordinator and we know.",
    ResponseBreached.TYPE: "{Rapid_care} did not reach the person within two hours. Its coordinator and we act on it now.",
    ResponseBreachCleared.TYPE: "{Rapid_care} did reach the person within two hours; the visit was recorded late.",
    ResponseContacted.TYPE: "A clinician of {rapid_care} has reached the person.",
}

_ELSEWHERE = "We are finding another way; you need not do anything."
_GOES_NEXT = "We are deciding who goes next."
_RETURNED: Mapping[ReturnReason, str] = total(
    ReturnReason,
    {
        ReturnReason.CAPACITY: f"It came back from {{service}}, which has no room now. {_ELSEWHERE}",
        ReturnReason.INELIGIBLE: f"It came back from {{service}}, which is not for this person. {_ELSEWHERE}",
        ReturnReason.CLOSED_HOURS: f"It came back from {{service}}, which is closed now. {_ELSEWHERE}",
        ReturnReason.LIFE_THREATENING: "{Service} sees danger to life. Call the emergency service now: {emergency}.",
        ReturnReason.STANDARD_MEASURES_SUFFICE: f"It came back from {{service}}: the usual care is enough. {_ELSEWHERE}",
        ReturnReason.INSUFFICIENT_INFORMATION: f"It came back from {{service}}, which needs more information. {_ELSEWHERE}",
        ReturnReason.CONCERN: f"{{Service}} has seen the person and is concerned. {_GOES_NEXT}",
        ReturnReason.NO_ACCESS: f"{{Service}} has tried and did not reach the person. {_GOES_NEXT}",
        ReturnReason.CALL_UNANSWERED: "{Service} ended its care while an urgent call about the person was unanswered. We act on the call.",
        ReturnReason.RECEIVER_WITHDREW: f"{{Service}} cannot go on with it. {_ELSEWHERE}",
        ReturnReason.OTHER_SERVICE_INVOLVED: f"{{Service}} has not seen the person, whom another service may have. {_GOES_NEXT}",
        ReturnReason.OTHER: _SENTENCES["returned"],
    },
)
_CLOSED: Mapping[Outcome, str] = total(
    Outcome,
    {
        Outcome.ADMISSION_AVOIDED: "It is closed: the person was cared for at home, and an admission to hospital was avoided.",
        Outcome.ADMITTED: "It is closed: the person was admitted to hospital.",
        Outcome.NEED_MET: "It is closed: the need is met.",
        Outcome.ADVICE_GIVEN: "It is closed: advice was given.",
        Outcome.CARE_PLAN_AGREED: "It is closed: a care plan was agreed with the person.",
        Outcome.SIGNPOSTED: "It is closed: the person was signposted to another service.",
        Outcome.NOT_ACUTE: "It is closed: the need was not acute.",
        Outcome.INAPPROPRIATE: "It is closed: the service was not the right one for this need.",
        Outcome.NOT_NEEDED: "It is closed: the help was not needed any more.",
        Outcome.OTHER_SERVICE_INVOLVED: "It is closed: another service cares for the person.",
        Outcome.NO_ACCESS: "It is closed: the person was not reached.",
        Outcome.DECLINED_BY_PERSON: "It is closed: the person declined the help.",
        Outcome.DIED: "It is closed: the person has died.",
        Outcome.MOVED_AWAY: "It is closed: the person has moved away.",
        Outcome.REDIRECTED_TO_EMERGENCY: "It is closed: the emergency service has the person.",
    },
)
_CANCELLED: Mapping[CancelReason, str] = total(
    CancelReason,
    {
        CancelReason.WITHDRAWN: _SENTENCES["cancelled"],
        CancelReason.SENT_IN_ERROR: "It was withdrawn, because it had been sent in error.",
        CancelReason.DECLINED_BY_PERSON: "It was withdrawn, because the person declined the help.",
        CancelReason.MOVED_AWAY: "It has ended, because the person is recorded as having moved away.",
        CancelReason.DIED: "It has ended, because the person is recorded as having died.",
    },
)
#: The sentence for a verb and a code of its data.
_OF_CODE: Mapping[str, Mapping[Any, str]] = {
    "triaged": {"red-flag": "A clinician has triaged it as urgent, and sees danger to life. Call the emergency service now: {emergency}."},
    "returned": _RETURNED,
    "closed": _CLOSED,
    "cancelled": _CANCELLED,
    "reopened": {
        "ended-in-error": "It had ended by mistake, and is open again.",
        "person-returned": "The person is recorded as living in the area again. Your referral is open again.",
    },
    "discrepancy-found": {
        "receiver-uninformed": "There is more about the person. We pass it on to the service that has your referral.",
    },
    "discrepancy-resolved": {
        "receiver-uninformed": "The service that has your referral knows what was sent since.",
    },
    "contacted": {"no-access": "A clinician of {rapid_care} visited, and did not get to see the person."},
}


@dataclass(frozen=True, slots=True)
class Line:
    """`code` is the verb of the event."""

    at: datetime
    code: str
    text: str


async def feedback(
    reader: ReadSession, referral: Referral, policy: Policy, *, hidden: Mapping[UUID, HiddenPart], is_service_named: bool = True
) -> list[Line]:
    """Oldest first; a merged referral includes the later feedback of the referral that it joined.

    `hidden` is what the reader does not see of each of the two; `is_service_named`: the reader sees who has the joined referral.
    """
    subjects = [each for each in (referral.id, referral.merged_into) if each]
    chain = {"subjects": subjects, "correlation_id": referral.correlation_id}
    responses = await reader.fetch(_RESPONSES, types=list(_OF_RESPONSE), **chain)
    own = await reader.fetch(_EVENTS, subjects=subjects)
    rows = sorted([*responses, *own], key=lambda row: row["occurred_at"])
    unseen = {event for each in hidden.values() for event in each.events}
    later = [row for row in rows if row["occurred_at"] >= referral.received_at and row["id"] not in unseen]
    relevant = [row for row in later if _is_own(row, referral.id)]
    found = [(row, data, sentence) for row in relevant if (sentence := _sentence(row["type"], data := _shown(row, hidden)))]
    names = await _names(reader) if any(name in sentence for *_, sentence in found for name in _OF_SERVICE) else {}
    emergency = names.get(policy.emergency_service, "")
    return [
        _line(row, data, sentence, names, emergency, is_named=is_service_named or row["subject"] == referral.id)
        for row, data, sentence in found
    ]


#: The places of a sentence that have the name of a service.
_OF_SERVICE = ("{Service}", "{service}", "{emergency}")
#: What a reader reads there who does not see which service has the referral.
_UNNAMED = {"Service": "A service", "service": "a service", "Rapid_care": "The service", "rapid_care": "the service"}


def _named(service: str) -> Mapping[str, str]:
    return dict.fromkeys(("Service", "service"), service) | dict.fromkeys(("Rapid_care", "rapid_care"), "Rapid Care")


async def _names(reader: ReadSession) -> dict[str, str]:
    return {row["code"]: row["name"] for row in await reader.fetch(_NAMES)} | {POINT_OF_ACCESS: "The Community Point of Access"}


#: Events that concern only the referral's own referrer, not the referrers of merged referrals.
_OF_ITS_REFERRER = (".received.v1", ".information-requested.v1", ".information-answered.v1")


def _is_own(row: Any, referral_id: UUID) -> bool:
    if row["type"] == ReferralAmended.TYPE:
        return str(_data(row)["sent_as"]) == str(referral_id) == str(row["subject"])
    return bool(row["subject"] == referral_id) or not row["type"].endswith(_OF_ITS_REFERRER)


def _data(row: Any) -> dict[str, Any]:
    """An event of this context is stored as it was published."""
    return dict(orjson.loads(row["data"]) if isinstance(row["data"], bytes) else row["data"])


def _shown(row: Any, hidden: Mapping[UUID, HiddenPart]) -> dict[str, Any]:
    part = hidden.get(row["subject"])
    return shown(row["id"], _data(row), part) if part else _data(row)


def _sentence(kind: str, data: dict[str, Any]) -> str | None:
    """None for an event that is no news to the referrer."""
    verb = _verb(kind)
    return _OF_CODE.get(verb, {}).get(_code(data)) or _OF_RESPONSE.get(kind) or _SENTENCES.get(verb)


def _verb(kind: str) -> str:
    return kind.split(".")[-2]


def _line(row: Any, data: dict[str, Any], sentence: str, names: Mapping[str, str], emergency: str, *, is_named: bool) -> Line:
    service = names.get(data.get("service_code", ""), data.get("service_code", "")) or "The service"
    values = {"reference": data.get("reference", ""), "outcome": data.get("outcome", ""), "emergency": emergency}
    return Line(row["occurred_at"], _verb(row["type"]), sentence.format(**values, **(_named(service) if is_named else _UNNAMED)))


def _code(data: dict[str, Any]) -> str:
    """The code that decides about the sentence."""
    [code, *_] = data.get("discrepancies") or [data.get("reason") or data.get("mode") or data.get("outcome")]
    return "red-flag" if data.get("has_red_flag") else str(code)
