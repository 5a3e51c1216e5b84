"""The audit of this context for its information governance staff (shared/web/audit_view.py)."""

from services.rapid_care.api.auth import GOVERNANCE
from services.rapid_care.queries.audit import TRAIL, ids_of
from shared.web.audit_view import audit_router

router = audit_router("/rapid-care", GOVERNANCE, TRAIL, ids_of)
