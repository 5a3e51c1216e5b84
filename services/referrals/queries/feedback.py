"""The referrer's feedback: one line in words for each event (AC6, 001:11487-11488)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from services.referrals.domain import Policy
from services.referrals.domain.referral import POINT_OF_ACCESS, Referral
from services.referrals.store.directory import SERVICE
from services.referrals.store.tables import EVENT
from shared.contracts.referrals import ReferralAmended
from shared.persistence.statements import ReadSession, Statement

_EVENTS = Statement(
    sa.select(EVENT.c.subject, EVENT.c.type, EVENT.c.occurred_at, EVENT.c.data)
    .where(EVENT.c.subject == sa.any_(sa.bindparam("subjects", type_=sa.ARRAY(sa.Uuid))), EVENT.c.topic == sa.bindparam("topic"))
    .order_by(EVENT.c.seq)
)
_NAMES = Statement(sa.select(SERVICE.c.code, SERVICE.c.name).order_by(SERVICE.c.valid_from))

#: The sentence for the verb of each event, with the fields of its data. An `identified` referral is no news, so it has none.
_SENTENCES: Mapping[str, str] = {
    "received": "We have your referral; its reference is {reference}.",
    "identity-unverified": "The NHS number could not be verified. Care continues without it; please check the number with the person.",
    "merged": "It joined an open referral for the same person and reason. Your reference stays valid.",
    "triaged": "A clinician has triaged it: {outcome}.",
    "urgency-raised": "It is urgent now.",
    "routed": "We have asked {service} to take over.",
    "accepted": "{service} has taken it.",
    "acceptance-crossed": "{service} has accepted it as well. We are settling who goes.",
    "returned": "It came back from {service}: {reason}. We are finding another way; you need not do anything.",
    "recalled": "We have taken it back from {service}, to find a quicker way; you need not do anything.",
    "call-repeated": "There was another urgent call about the person. {service} must answer it.",
    "call-answered": "The other urgent call about the person was answered.",
    "discrepancy-found": "We have a question about what was sent. Nothing waits for it.",
    "discrepancy-resolved": "A question about what was sent is settled.",
    "signposted": "The person was signposted to {service}.",
    "information-requested": "We need more from you. Nothing waits for it.",
    "information-answered": "Your answer has arrived.",
    "amended": "What you added has arrived.",
    "acknowledgement-overdue": "{service} should have answered by now. We are asking.",
    "outcome-overdue": "{service} should have reported the outcome by now. We are asking.",
    "closed": "It is closed: {outcome}.",
    "cancelled": "It was withdrawn: {reason}.",
    "separated": "It had joined a referral of another person by mistake. Your referral is open again.",
    "reopened": "The record that the person had died or moved away was a mistake. Your referral is open again.",
}


#: The sentence for a verb and a reason, or a discrepancy, that concerns the referrer.
_OF_REASON: Mapping[str, str] = {
    "returned life-threatening": "{service} sees danger to life. Call the emergency service now: {emergency}.",
    "returned concern": "{service} has seen the person and is concerned. We are deciding who goes next.",
    "returned no-access": "{service} has tried and did not reach the person. We are deciding who goes next.",
    "returned call-unanswered": "{service} ended its care while an urgent call about the person was unanswered. We act on the call.",
    "discrepancy-found receiver-uninformed": "There is more about the person. We pass it on to the service that has your referral.",
    "discrepancy-resolved receiver-uninformed": "The service that has your referral knows what was sent since.",
    "reopened ended-in-error": "It had ended by mistake, and is open again.",
    "returned receiver-withdrew": "{service} cannot go on with it. We are finding another way; you need not do anything.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`code` is the verb of the event."""

    at: datetime
    code: str
    text: str


async def feedback(reader: ReadSession, referral: Referral, policy: Policy) -> list[Line]:
    """Oldest first; a merged referral includes the later feedback of the referral that it joined."""
    subjects = [each for each in (referral.id, referral.merged_into) if each]
    rows = await reader.fetch(_EVENTS, subjects=subjects, topic="referrals.referral")
    names = {row["code"]: row["name"] for row in await reader.fetch(_NAMES)} | {POINT_OF_ACCESS: "The Community Point of Access"}
    since = {referral.id: referral.received_at, referral.merged_into: referral.received_at}
    relevant = [row for row in rows if row["occurred_at"] >= since[row["subject"]] and _is_own(row, referral.id)]
    emergency = names.get(policy.emergency_service, "")
    lines = [_line(row["type"], row["occurred_at"], orjson.loads(row["data"]), names, emergency) for row in relevant]
    return [line for line in lines if line is not None]


#: Events that concern only the referral's own referrer, not the referrers of merged referrals.
_OF_ITS_REFERRER = (".received.v1", ".information-requested.v1", ".information-answered.v1")


def _is_own(row: Any, referral_id: UUID) -> bool:
    if row["type"] == ReferralAmended.TYPE:
        return str(orjson.loads(row["data"])["sent_as"]) == str(referral_id) == str(row["subject"])
    return bool(row["subject"] == referral_id) or not row["type"].endswith(_OF_ITS_REFERRER)


def _line(kind: str, at: datetime, data: dict[str, Any], names: Mapping[str, str], emergency: str) -> Line | None:
    verb = kind.split(".")[-2]
    if verb not in _SENTENCES:
        return None
    service = names.get(data.get("service_code", ""), data.get("service_code", "")) or "The service"
    values = {name: str(data.get(name, "")).replace("-", " ") for name in ("outcome", "reason")}
    [reason, *_] = data.get("discrepancies") or [data.get("reason")]
    sentence = _OF_REASON.get(f"{verb} {reason}") or _SENTENCES[verb]
    return Line(at, verb, sentence.format(service=service, reference=data.get("reference", ""), emergency=emergency, **values))
