"""English bank holidays, handed to the rules as values."""

from functools import cache

import holidays

from services.mdt.domain.working_days import Holidays, local_day
from services.mdt.store.tables import Tx


def bank_holidays(tx: Tx) -> Holidays:
    """Those of last year, this and the two that follow: more than any deadline reaches."""
    return _around(local_day(tx.now, tx.policy.timezone).year)


@cache
def _around(year: int) -> Holidays:
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=range(year - 1, year + 3)))
