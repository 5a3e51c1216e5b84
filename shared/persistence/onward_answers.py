"""Onward answers: the projection, in an asking service, of the referrals by which it asked another service to continue the care.

A row is one onward referral with its latest state, from referrals. Its events are of one aggregate, so they have one order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from shared.contracts.envelope import Envelope
from shared.contracts.event import Event
from shared.contracts.referral_codes import AskingService, OnwardRequest
from shared.contracts.referrals import (
    ReferralAccepted,
    ReferralCancelled,
    ReferralClosed,
    ReferralRecalled,
    ReferralReopened,
    ReferralReturned,
    ReferralRouted,
)
from shared.persistence.projection import upsert_if_newer
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of
from shared.persistence.transaction import Transaction

#: The events of a referral that answer the asking service, or ask the next receiver.
OnwardEvent: TypeAlias = (
    ReferralRouted | ReferralAccepted | ReferralReturned | ReferralRecalled | ReferralClosed | ReferralCancelled | ReferralReopened
)


class OnwardState(StrEnum):
    """`asked`: a receiver has the referral and has not answered. `returned`: the Community Point of Access finds another way."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REOPENED = "reopened"


_STATES: Mapping[type[Event], OnwardState] = {
    ReferralRouted: OnwardState.ASKED,
    ReferralAccepted: OnwardState.ACCEPTED,
    ReferralReturned: OnwardState.RETURNED,
    ReferralRecalled: OnwardState.RETURNED,
    ReferralClosed: OnwardState.CLOSED,
    ReferralCancelled: OnwardState.CANCELLED,
    ReferralReopened: OnwardState.REOPENED,
}


@dataclass(frozen=True, slots=True)
class OnwardAnswer:
    """`reason` is the code of the return, the outcome or the cancellation."""

    referral_id: UUID
    subject_id: UUID
    request: OnwardRequest
    state: OnwardState
    service_code: str | None
    reason: str | None
    answered_at: datetime
    sequence: int


_ANSWERS = TypeAdapter(OnwardAnswer)


class OnwardAnswers:
    """The table of one asking service, which this adds to its metadata, and the statements on it."""

    def __init__(self, metadata: sa.MetaData, service: AskingService) -> None:
        self._service = service
        self.table = answer = sa.Table(
            "onward_answer",
            metadata,
            sa.Column("referral_id", sa.Uuid, primary_key=True),
            sa.Column("subject_id", sa.Uuid, nullable=False, index=True),
            sa.Column("request", sa.Text, nullable=False),
            sa.Column("state", sa.Text, nullable=False),
            sa.Column("service_code", sa.Text),
            sa.Column("reason", sa.Text),
            sa.Column("answered_at", INSTANT, nullable=False),
            sa.Column("sequence", sa.Integer, nullable=False),
            comment="Projection of onward referrals of this service, from referrals.",
        )
        self._project = upsert_if_newer(answer, retain=("service_code",))
        among = answer.c.subject_id == any_of("subjects")
        self._of = Statement(sa.select(answer).where(among).order_by(answer.c.answered_at, answer.c.referral_id))

    async def project(self, tx: Transaction[Any], event: OnwardEvent, envelope: Envelope) -> None:
        """Stores the state of an onward referral of this service; any other event changes nothing."""
        if event.onward_of is None or event.onward_of.service is not self._service:
            return
        await tx.defer_write(
            self._project,
            referral_id=UUID(envelope.subject),
            subject_id=event.onward_of.subject_id,
            request=event.onward_of.request,
            state=_STATES[type(event)],
            service_code=_service_code(event),
            reason=_reason(event),
            answered_at=envelope.time,
            sequence=envelope.sequence,
        )

    async def of(self, reader: ReadSession, subjects: Iterable[UUID]) -> Mapping[UUID, tuple[OnwardAnswer, ...]]:
        """The answers by response or case, in the order of time."""
        found: defaultdict[UUID, tuple[OnwardAnswer, ...]] = defaultdict(tuple)
        for row in await reader.fetch(self._of, subjects=list(subjects)):
            found[row["subject_id"]] += (_ANSWERS.validate_python(dict(row)),)
        return found


def _service_code(event: OnwardEvent) -> str | None:
    """The service that was asked or has answered; None for an end, which keeps the last one."""
    match event:
        case ReferralRouted() | ReferralAccepted() | ReferralReturned() | ReferralRecalled():
            return event.service_code
        case ReferralClosed() | ReferralCancelled() | ReferralReopened():
            return None


def _reason(event: OnwardEvent) -> str | None:
    match event:
        case ReferralReturned() | ReferralCancelled():
            return event.reason
        case ReferralClosed():
            return event.outcome
        case ReferralRouted() | ReferralAccepted() | ReferralRecalled() | ReferralReopened():
            return None
