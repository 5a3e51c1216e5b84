"""The configured numbers of the Community Point of Access, each a default of docs/rules.md; a deployment may set others."""

from dataclasses import dataclass, fields
from datetime import time, timedelta

from shared.contracts.codes import Locality
from shared.kernel.local_time import LocalTime
from shared.kernel.opening_hours import EXTENDED_DAY


@dataclass(frozen=True, slots=True)
class Policy(LocalTime):
    """`*_working_days` count office days; every other duration runs day and night."""

    # G03: open 07:00 to 22:00, seven days; intake never closes
    opens: time = EXTENDED_DAY.opens
    closes: time = EXTENDED_DAY.closes

    # Organisation of the Community Point of Access
    organisation: str = "CLCH"

    # A second referral for the same reason within this window is merged [R]
    merge_window: timedelta = timedelta(hours=72)

    # Deadline of triage and of a route
    triage_urgent: timedelta = timedelta(minutes=15)
    triage_routine_working_days: int = 1

    # Deadline of the receiver's acknowledgement (G42)
    acknowledge_urgent: timedelta = timedelta(minutes=45)
    acknowledge_routine_working_days: int = 2

    # Deadline of the receiver's outcome: a crisis lasts days, a home visit is due within four weeks (T9)
    outcome_urgent: timedelta = timedelta(days=7)
    outcome_routine: timedelta = timedelta(days=28)
    # Time until the person is asked whether the signposted service helped (T10)
    outcome_signposted: timedelta = timedelta(days=21)

    # Interval between reminders of an overdue deadline
    chase_urgent: timedelta = timedelta(hours=1)
    chase_routine_working_days: int = 1
    chase_outcome: timedelta = timedelta(days=7)

    # Council whose residents social care serves (E8, G13)
    residence: str = "LBB"
    # Locality of a person without a local practice; west is the only locality that the documents name (G26)
    locality_without_practice: Locality = Locality.WEST
    # Services for a person who cannot wait until opening (G03, G23)
    closed_hours_service: str = "out-of-hours-gp"
    emergency_service: str = "ambulance"

    def __post_init__(self) -> None:
        """Raises ValueError for numbers that contradict each other."""
        LocalTime.__post_init__(self)
        if self.opens >= self.closes:
            raise ValueError("opens must come before closes")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, timedelta) and value <= timedelta():
                raise ValueError(f"{field.name} must be longer than nothing")
            if isinstance(value, int) and value < 1:
                raise ValueError(f"{field.name} must be one at least")
