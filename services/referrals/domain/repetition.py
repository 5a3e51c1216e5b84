"""Repeated commands: the referral already is as the command asks, so that a repetition after a lost response changes nothing (D7).

Whether the caller may send the command is decided before. A command that another one has overtaken is no repetition.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.referrals import commands
from services.referrals.domain.amendment import without_question
from services.referrals.domain.closure import CHANGE_BY_REASON
from services.referrals.domain.life import REPORT_OF
from services.referrals.domain.referral import OPEN, REFERRAL, TRIAGED, Referral, Status, effective_status
from shared.contracts.codes import IS_URGENT
from shared.kernel.state_table import Trigger
from shared.kernel.totality import total


def _has_triaged(referral: Referral, command: commands.TriageReferral, is_stale: bool) -> bool:  # noqa: FBT001  every entry has the same form
    is_same = effective_status(referral) is TRIAGED[command.urgency] and referral.triage_reason == command.reason
    return is_stale and is_same and referral.is_complex == command.is_complex


def _has_amended(referral: Referral, command: commands.AmendReferral, is_stale: bool) -> bool:  # noqa: FBT001  every entry has the same form
    """A text is compared by the handler, which has the person's record."""
    is_urgent = not command.is_urgent or (referral.raised_at is not None and IS_URGENT[referral.urgency])
    return is_stale and is_urgent and (referral.informed_at is not None or not (command.information or command.telephone))


def _has_cancelled(referral: Referral, command: commands.CancelReferral, is_stale: bool) -> bool:  # noqa: FBT001  every entry has the same form
    """A death or a move that the caller may only report is marked."""
    change = CHANGE_BY_REASON[command.reason]
    is_reported = change is not None and REPORT_OF[change] in referral.discrepancies
    return (is_stale and is_reported) or (referral.status is Status.CANCELLED and referral.cancel_reason is command.reason)


#: Whether a command has been carried out, from the referral, the command and whether its sender saw an older version.
_IS_DONE: Mapping[Trigger, Callable[[Referral, Any, bool], bool]] = total(
    [trigger for trigger in REFERRAL if isinstance(trigger, type)],
    {
        commands.ReceiveReferral: lambda _, __, ___: False,
        commands.TriageReferral: _has_triaged,
        commands.RouteReferral: lambda it, command, is_stale: (
            is_stale and without_question(it).status is Status.ROUTED and it.service_code == command.service_code
        ),
        commands.SignpostReferral: lambda it, command, _: it.status is Status.SIGNPOSTED and it.service_code == command.service_code,
        commands.RequestInformation: lambda it, command, is_stale: is_stale and it.question == command.question,
        commands.AnswerInformation: lambda it, _, is_stale: is_stale and it.informed_at is not None,
        commands.AmendReferral: _has_amended,
        commands.SetCondition: lambda it, command, is_stale: is_stale and it.condition is command.condition,
        commands.ResolveDiscrepancy: lambda it, command, is_stale: (
            is_stale and command.discrepancy not in it.discrepancies and it.discrepancy_reason == command.reason
        ),
        commands.AcceptReferral: lambda it, _, __: it.status is Status.ACCEPTED,
        commands.ReturnReferral: lambda it, command, is_stale: (
            is_stale and it.status is Status.RETURNED and it.return_reason is command.reason
        ),
        commands.RecallReferral: lambda it, _, is_stale: is_stale and it.status is Status.RETURNED and it.return_reason is None,
        commands.AnswerCall: lambda it, _, is_stale: is_stale and it.answer_by is None and it.status is Status.ACCEPTED,
        commands.RaiseUrgency: lambda it, command, is_stale: (
            is_stale and it.status is Status.TRIAGED_URGENT and it.triage_reason == command.reason
        ),
        commands.CloseReferral: lambda it, command, _: it.status is Status.CLOSED and it.outcome is command.outcome,
        commands.CancelReferral: _has_cancelled,
        commands.ReopenReferral: lambda it, command, is_stale: is_stale and it.status in OPEN and it.reopen_reason == command.reason,
    },
)


def is_repeated(referral: Referral, command: object, version: int) -> bool:
    """Whether the command has been carried out. `version` is the one that its sender saw."""
    return _IS_DONE[type(command)](referral, command, version < referral.version)
