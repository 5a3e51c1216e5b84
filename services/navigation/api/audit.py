"""The audit of this context for its information governance staff (shared/web/audit_view.py)."""

from services.navigation.api.auth import GOVERNANCE
from services.navigation.queries.audit import TRAIL, ids_of
from shared.web.audit_view import audit_router

router = audit_router("/navigation", GOVERNANCE, TRAIL, ids_of)
