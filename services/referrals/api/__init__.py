"""The HTTP interface of the Community Point of Access: one router per subject."""

from services.referrals.api import (
    audit,
    batch,
    break_glass,
    collection,
    decisions,
    directory,
    identity,
    life,
    people,
    proposals,
    receivers,
    referral,
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
    directory.router,
    referral.router,
    decisions.router,
    receivers.router,
    work.router,
    break_glass.router,
    audit.router,
)
