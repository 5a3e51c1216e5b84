"""Break-glass over HTTP (shared/web/break_glass.py)."""

from services.rapid_care.api.auth import BREAKS_GLASS, GOVERNANCE
from services.rapid_care.queries.responses import RELATIONSHIPS
from shared.web.break_glass import break_glass_router

router = break_glass_router("/rapid-care", staff=BREAKS_GLASS, governance=GOVERNANCE, relationships=RELATIONSHIPS)
