"""What Rapid Care remembers, and the only SQL that writes it.

`tables` is what there is, `responses` and `capacity` hold the aggregates, `roster` the clinicians, `copies` what other
contexts told.
"""

from services.rapid_care.store.tables import METADATA

__all__ = ["METADATA"]
