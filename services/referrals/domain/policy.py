"""The numbers of the Community Point of Access, each a default of docs/rules.md; a deployment may set others."""

from dataclasses import dataclass, fields
from datetime import time, timedelta

from shared.contracts.codes import Locality
from shared.kernel.local_time import LocalTime
from shared.kernel.opening_hours import EXTENDED_DAY


@dataclass(frozen=True, slots=True)
class Policy(LocalTime):
    """`*_working_days` count as offices do; every timedelta runs day and night."""

    # G03: open 07:00 to 22:00, seven days; intake never closes
    opens: time = EXTENDED_DAY.opens
    closes: time = EXTENDED_DAY.closes
    organisation: str = "CLCH"

    # A second referral for the same reason within this window is merged [R]
    merge_window: timedelta = timedelta(hours=72)

    # While it waits here for triage or a route
    triage_urgent: timedelta = timedelta(minutes=15)
    triage_routine_working_days: int = 1

    # While a receiver has not answered (G42). The documents' own crisis is accepted after 35 minutes; the first warning comes at 60
    acknowledge_urgent: timedelta = timedelta(minutes=45)
    acknowledge_routine_working_days: int = 2

    # Until the receiver says how it ended: a crisis lasts days, a home visit is due within four weeks (T9)
    outcome_urgent: timedelta = timedelta(days=7)
    outcome_routine: timedelta = timedelta(days=28)
    # The person is asked within a few weeks whether the signpost helped (T10)
    outcome_signposted: timedelta = timedelta(days=21)

    # How long until an overdue one is looked at again
    chase_urgent: timedelta = timedelta(hours=1)
    chase_routine_working_days: int = 1
    chase_outcome: timedelta = timedelta(days=7)

    # E8, G13: the council whose residents social care serves
    residence: str = "LBB"
    # Where somebody without a practice here is looked after; the west is the only locality that the documents name (G26)
    locality_without_practice: Locality = Locality.WEST
    # G03, G23: whom to turn to when it cannot wait for us
    closed_hours_service: str = "out-of-hours-gp"
    emergency_service: str = "ambulance"

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that no service can work by."""
        LocalTime.__post_init__(self)
        if self.opens >= self.closes:
            raise ValueError("opens must come before closes")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, timedelta) and value <= timedelta():
                raise ValueError(f"{field.name} must be longer than nothing")
            if isinstance(value, int) and value < 1:
                raise ValueError(f"{field.name} must be one at least")
