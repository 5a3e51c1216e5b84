"""The word of a referrer, which changes referrals: those that it sent, and those that these joined.

The events name the referral with which the word was sent, so that another referrer does not see them (`referrer_events`). Pure.
"""

from dataclasses import replace
from uuid import UUID

from services.referrals.domain.referral import Referral
from shared.contracts.referrals import (
    ReferralConditionSet,
    ReferralDiscrepancyFound,
    ReferralDiscrepancyResolved,
    ReferralRecalled,
    ReferralUrgencyRaised,
)
from shared.kernel.decision import Decision, Fact

#: An amendment and a call always name it (`amendment`, `calls`).
_MAY_NAME_IT = (ReferralConditionSet, ReferralUrgencyRaised, ReferralDiscrepancyFound, ReferralDiscrepancyResolved, ReferralRecalled)


def as_sent(decision: Decision[Referral], sent_as: UUID) -> Decision[Referral]:
    """The decision, whose events name the referral."""
    return replace(decision, events=[_naming(event, sent_as) for event in decision.events])


def _naming(event: Fact, sent_as: UUID) -> Fact:
    return event.model_copy(update={"sent_as": sent_as}) if isinstance(event, _MAY_NAME_IT) else event
