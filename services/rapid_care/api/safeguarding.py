"""Raising a safeguarding concern over HTTP (shared/web/safeguarding.py). The account goes to the context that keeps the concerns."""

from services.rapid_care.api.auth import RAISES_CONCERNS
from services.rapid_care.queries.responses import RELATIONSHIPS
from shared.contracts.safeguarding import RapidCareConcernRaised
from shared.web.safeguarding import safeguarding_router

router = safeguarding_router("/rapid-care", staff=RAISES_CONCERNS, relationships=RELATIONSHIPS, event=RapidCareConcernRaised)
