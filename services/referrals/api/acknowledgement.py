"""The acknowledgement of a referral: a durable receipt, with the alternative service for a person who cannot wait."""

from fastapi import Response

from services.referrals.api.responses import ReceivedView
from services.referrals.commands import ReceiveReferral
from services.referrals.domain import Policy
from services.referrals.domain.receiving import emergency_alternative
from services.referrals.handlers.receive import receive_referral
from services.referrals.queries import directory
from shared.persistence.transaction import Transaction
from shared.web.responses import created


async def acknowledge(command: ReceiveReferral, tx: Transaction[Policy]) -> Response:
    """Receives the referral and stores its 201 for repetitions of the request. `receive_group.py` lets many share a transaction."""
    received = await receive_referral(command, tx=tx)
    code = emergency_alternative(received.joins or received.referral, tx.now, tx.policy)
    service = await directory.service(tx, code, tx.policy.day_of(tx.now)) if code else None
    view = ReceivedView.acknowledging(received, alternative=service, policy=tx.policy, now=tx.now)
    return created(tx, view, f"/referrals/{received.referral.id}")
