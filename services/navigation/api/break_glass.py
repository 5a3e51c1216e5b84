"""Break-glass over HTTP (shared/web/break_glass.py)."""

from services.navigation.api.auth import BREAKS_GLASS, GOVERNANCE
from services.navigation.queries.access import RELATIONSHIPS
from shared.web.break_glass import break_glass_router

router = break_glass_router("/navigation", staff=BREAKS_GLASS, governance=GOVERNANCE, relationships=RELATIONSHIPS)
