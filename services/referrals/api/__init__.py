"""The HTTP interface of the Community Point of Access: one router per subject, under the prefix of the collection."""

from services.referrals.api import batch, collection, decisions, directory, identity, life, people, proposals, receivers, referral, work

router = collection.router

for part in (
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
):
    router.include_router(part)
