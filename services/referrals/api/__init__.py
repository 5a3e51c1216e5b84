"""The Community Point of Access over HTTP: the collection carries the prefix, each further subject has its router."""

from services.referrals.api import batch, decisions, directory, intake, people, receivers, referral

router = intake.router

for part in (batch.router, people.router, directory.router, referral.router, decisions.router, receivers.router):
    router.include_router(part)
