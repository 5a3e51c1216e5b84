"""The tables of Rapid Care, and the only SQL that writes them.

`tables` defines them; `responses` and `capacity` store the aggregates, `roster` the clinicians, `projections` the data of
other contexts.
"""

from services.rapid_care.store.tables import METADATA

__all__ = ["METADATA"]
