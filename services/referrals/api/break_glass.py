"""Break-glass over HTTP (shared/web/break_glass.py)."""

from services.referrals.api.auth import BREAKS_GLASS, GOVERNANCE
from services.referrals.queries.people import RELATIONSHIPS
from shared.web.break_glass import break_glass_router

router = break_glass_router("/referrals", staff=BREAKS_GLASS, governance=GOVERNANCE, relationships=RELATIONSHIPS)
