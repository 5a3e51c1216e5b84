"""Events of Rapid Care's responses, as the Community Point of Access follows them."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.referrals.store import responses
from services.referrals.store.tables import Tx
from shared.contracts import rapid_care
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event

#: The columns of the row that each event states.
_STATES: Mapping[type[Event], Callable[[Any, Envelope], dict[str, Any]]] = {
    rapid_care.ResponseHeldUntilOpening: lambda event, _: {"opens_at": event.opens_at, "due_at": event.due_at},
    rapid_care.ResponseRequested: lambda event, _: {"due_at": event.due_at},
    rapid_care.ResponseAccepted: lambda event, envelope: {"due_at": event.due_at, "progress_sequence": envelope.sequence},
    rapid_care.ResponseAssigned: lambda _, envelope: {"progress_sequence": envelope.sequence},
    rapid_care.ResponseEnRoute: lambda _, envelope: {"progress_sequence": envelope.sequence},
    rapid_care.ResponseAtRisk: lambda _, envelope: {"at_risk_since": envelope.time},
    rapid_care.ResponseBreached: lambda event, _: {"breached_at": event.due_at},
    rapid_care.ResponseBreachCleared: lambda _event, _: {"is_breach_cleared": True},
    rapid_care.ResponseContacted: lambda event, envelope: {
        "contacted_at": event.contacted_at if event.is_seen else None,
        "progress_sequence": envelope.sequence,
        "restored_sequence": envelope.sequence,
    },
    rapid_care.ResponseAssessed: lambda _, envelope: {"progress_sequence": envelope.sequence},
    rapid_care.ResponseCallAnswered: lambda _, envelope: {"progress_sequence": envelope.sequence},
    rapid_care.ResponseOverdue: lambda event, envelope: {
        "overdue_since": event.due_at,
        "overdue_step": event.step,
        "overdue_sequence": envelope.sequence,
    },
    rapid_care.ResponseDeclined: lambda _, envelope: {"ended_sequence": envelope.sequence},
    rapid_care.ResponseCancelled: lambda _, envelope: {"ended_sequence": envelope.sequence},
    rapid_care.ResponseEscalated: lambda _, envelope: {"ended_sequence": envelope.sequence},
    rapid_care.ResponseClosed: lambda _, envelope: {"ended_sequence": envelope.sequence},
    rapid_care.ResponseRestored: lambda _, envelope: {"restored_sequence": envelope.sequence},
}
#: The events of a response that change what is known about its referral.
FOLLOWED = tuple(_STATES)


async def project_response(event: Event, envelope: Envelope, *, tx: Tx) -> None:
    """Rapid Care's progress with a referral: due time, warnings, contact and end."""
    stated = _STATES[type(event)](event, envelope)
    await responses.merge(tx, UUID(envelope.subject), referral_id=getattr(event, "referral_id", None), **stated)
