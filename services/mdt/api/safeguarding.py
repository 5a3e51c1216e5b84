"""Raising a safeguarding concern over HTTP (shared/web/safeguarding.py). The account goes to the context that keeps the concerns."""

from services.mdt.api.auth import RAISES_CONCERNS
from services.mdt.queries.access import RELATIONSHIPS
from shared.contracts.safeguarding import MdtConcernRaised
from shared.web.safeguarding import safeguarding_router

router = safeguarding_router("/mdt", staff=RAISES_CONCERNS, relationships=RELATIONSHIPS, event=MdtConcernRaised)
