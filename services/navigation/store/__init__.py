"""The tables of care navigation and the only SQL that writes them, one module per subject."""

from services.navigation.store import feed, home_check, navigator, projections, task
from services.navigation.store.tables import METADATA

#: Importing a module registers its tables.
MODULES = (task, navigator, feed, home_check, projections)

__all__ = ["METADATA", "MODULES"]
