"""The HTTP interface of the Community Point of Access: one router per subject."""

from services.referrals.api import (
    audit,
    batch,
    break_glass,
    collection,
    concerns,
    decisions,
    directory,
    identity,
    life,
    people,
    proposals,
    receivers,
    referral,
    safeguarding,
    work,
)
from shared.web.routes import joined

router = joined(
    "/referrals",
    collection.router,
    batch.router,
    people.router,
    identity.router,
    life.router,
    proposals.router,
    safeguarding.router,
    concerns.router,
    directory.router,
    referral.router,
    decisions.router,
    receivers.router,
    work.router,
    break_glass.router,
    audit.router,
)
