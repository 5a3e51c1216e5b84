"""Raising a safeguarding concern over HTTP (shared/web/safeguarding.py). This context keeps the concerns itself."""

from services.referrals.api.auth import RAISES_CONCERNS
from services.referrals.handlers.safeguarding import give_account
from services.referrals.queries.people import RELATIONSHIPS
from shared.contracts.safeguarding import AccountGiven
from shared.web.safeguarding import safeguarding_router

router = safeguarding_router("/referrals", staff=RAISES_CONCERNS, relationships=RELATIONSHIPS, event=AccountGiven, receive=give_account)
