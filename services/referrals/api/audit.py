"""The audit of this context for its information governance staff (shared/web/audit_view.py)."""

from services.referrals.api.auth import GOVERNANCE
from services.referrals.queries.audit import TRAIL, ids_of
from shared.web.audit_view import audit_router

router = audit_router("/referrals", GOVERNANCE, TRAIL, ids_of)
