"""The audit of this context for its information governance staff (shared/web/audit_view.py)."""

from services.mdt.api.auth import GOVERNANCE
from services.mdt.queries.audit import TRAIL, ids_of
from shared.web.audit_view import audit_router

router = audit_router("/mdt", GOVERNANCE, TRAIL, ids_of)
