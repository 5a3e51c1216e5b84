"""The configured values that every context has; base of each context's Policy."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from shared.contracts.input_types import Code
from shared.kernel.local_time import LocalTime
from shared.kernel.value_rules import DistinctEntries, Range


@dataclass(frozen=True, slots=True)
class CarePolicy(LocalTime):
    """`LocalTime` has the time zone."""

    # Organisations whose information governance staff review break-glass and read the audit (IG5)
    governance_organisations: Annotated[tuple[Code, ...], DistinctEntries()] = ("CLCH",)
    # Time for which a break-glass opens a person (G12)
    break_glass_lasts: Annotated[timedelta, Range(timedelta(minutes=1), timedelta(days=1))] = timedelta(minutes=60)
    # Working days until a break-glass is reviewed, and between two reminders of an overdue review [R]
    break_glass_reviewed_within_working_days: Annotated[int, Range(1, 260)] = 2

    # Time after the end of a referral, response, case or task for which those who had it still see it [R]
    access_lasts: Annotated[timedelta, Range(timedelta(), timedelta(days=366))] = timedelta(days=28)

    @property
    def own_organisations(self) -> Collection[str]:
        """The organisations whose staff provide the service itself."""
        return ()

    @property
    def safeguarding_staff(self) -> Collection[str]:
        """The organisations that read safeguarding concerns."""
        return ()
