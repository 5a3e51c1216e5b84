"""The tables of the weekly meeting and the only SQL that writes them, one module per aggregate."""

from services.mdt.store import (
    care_plan,
    case,
    crisis,
    joined_referral,
    lead,
    meeting,
    notification,
    person,
    risk,
    risk_import,
)
from services.mdt.store.tables import METADATA

#: Importing a module registers its tables.
MODULES = (care_plan, case, crisis, joined_referral, lead, meeting, notification, person, risk, risk_import)

__all__ = ["METADATA", "MODULES"]
