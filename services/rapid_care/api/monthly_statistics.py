"""The figures of a month, without anybody's name: K01, K02, K03 and K06."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from services.rapid_care.api.auth import Staff
from services.rapid_care.domain.monthly_statistics import Figures
from services.rapid_care.domain.policy import Policy
from services.rapid_care.queries import monthly_statistics as queries
from shared.kernel.errors import OrganisationNotInvolved
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.responses import ResponseModel

router = APIRouter(prefix="/figures")


class FiguresView(ResponseModel):
    """Counts of the referrals that came in the month; `due` is `met` plus `breached`, the others stand apart.

    `declined` and `cancelled` count as often as it happened.
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
    def of(cls, month: str, figures: Figures, policy: Policy) -> "FiguresView":
        counted = {name: getattr(figures, name) for name in cls.model_fields if hasattr(figures, name)}
        numbers = {name: getattr(policy, name) for name in cls.model_fields if hasattr(policy, name)}
        return cls(month=month, **counted, **numbers)


@router.get("", responses=problems(OrganisationNotInvolved))
async def read_figures(month: Annotated[str, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")], caller: Staff, unit: Unit) -> FiguresView:
    """Within two hours, capacity, avoided admissions, given back: of one month, such as `2015-03`."""
    async with unit.transaction(caller) as tx:
        counted = await queries.monthly_statistics(tx, date.fromisoformat(f"{month}-01"), tx.policy)
    return FiguresView.of(month, counted, tx.policy)
