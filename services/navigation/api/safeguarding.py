"""Raising a safeguarding concern over HTTP (shared/web/safeguarding.py). The account goes to the context that keeps the concerns."""

from services.navigation.api.auth import RAISES_CONCERNS
from services.navigation.queries.access import RELATIONSHIPS
from shared.contracts.safeguarding import NavigationConcernRaised
from shared.web.safeguarding import safeguarding_router

router = safeguarding_router("/navigation", staff=RAISES_CONCERNS, relationships=RELATIONSHIPS, event=NavigationConcernRaised)
