"""The statistics of a month, without personal data: K01, K02, K03 and K06."""

from datetime import date
from typing import Annotated

from fastapi import Query

from services.rapid_care.api.auth import Staff
from services.rapid_care.domain.monthly_statistics import MonthlyStatistics
from services.rapid_care.domain.policy import Policy
from services.rapid_care.queries import monthly_statistics as queries
from shared.kernel.errors import OrganisationNotInvolved
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import ResponseModel

router = strict_router(prefix="/rapid-care/monthly-statistics", tags=["rapid-care"])


class MonthlyStatisticsView(ResponseModel):
    """Counts of the referrals received in the month. `due` is `met` plus `breached`; the other counts are separate.

    `declined` and `cancelled` count each time it happened.
    """

    month: str
    referrals: int
    capacity_low: int
    capacity_high: int
    modelled_baseline: int
    due: int
    met: int
    met_rate: float | None
    breached: int
    running: int
    held: int
    by_telephone: int
    no_access: int
    recorded_late: int
    avoided: int
    avoided_confirmed: int
    avoided_rate: float | None
    avoided_rate_assumption: float
    benefit_pounds: int
    declined: int
    cancelled: int
    inappropriate: int
    not_acute: int

    @classmethod
    def of(cls, month: str, statistics: MonthlyStatistics, policy: Policy) -> "MonthlyStatisticsView":
        counts = {name: getattr(statistics, name) for name in cls.model_fields if hasattr(statistics, name)}
        policy_values = {name: getattr(policy, name) for name in cls.model_fields if hasattr(policy, name)}
        return cls(month=month, **counts, **policy_values)


@router.get("", responses=problems(OrganisationNotInvolved))
async def read_monthly_statistics(
    month: Annotated[str, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")], caller: Staff, unit: Unit
) -> MonthlyStatisticsView:
    """Contacts within two hours, capacity, avoided admissions and declines of one month, such as `2015-03`."""
    async with unit.across_people(caller) as tx:
        statistics = await queries.monthly_statistics(tx, date.fromisoformat(f"{month}-01"), tx.policy)
        policy = tx.policy
    return MonthlyStatisticsView.of(month, statistics, policy)
