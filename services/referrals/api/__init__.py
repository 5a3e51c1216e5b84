"""The Community Point of Access over HTTP: the collection carries the prefix, each further subject has its router."""

from services.referrals.api import batch, collection, decisions, directory, people, receivers, referral

router = collection.router

for part in (batch.router, people.router, directory.router, referral.router, decisions.router, receivers.router):
    router.include_router(part)
