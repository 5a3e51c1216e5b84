"""The configured numbers of the Community Point of Access, each a default of docs/rules.md; a deployment may set others."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Annotated

from shared.contracts.care_policy import CarePolicy
from shared.contracts.event import Code
from shared.kernel.actor import CLINICAL_ROLES
from shared.kernel.opening_hours import EXTENDED_DAY
from shared.kernel.value_rules import DistinctEntries, Range, WithoutOffset

_WorkingDays = Annotated[int, Range(1, 260)]
#: A shorter interval would send reminders without end.
_Minutes = Annotated[timedelta, Range(timedelta(minutes=1), timedelta(days=7))]
_Days = Annotated[timedelta, Range(timedelta(hours=1), timedelta(days=366))]


@dataclass(frozen=True, slots=True)
class Policy(CarePolicy):
    """`*_working_days` count office days; every other duration runs day and night."""

    # Local time from which the Community Point of Access triages, every day of the week (G03); earlier than `closes`; intake never closes
    opens: Annotated[time, WithoutOffset()] = EXTENDED_DAY.opens
    # Local time until which the Community Point of Access triages (G03)
    closes: Annotated[time, WithoutOffset()] = EXTENDED_DAY.closes

    # Organisation of the Community Point of Access
    organisation: Code = "CLCH"

    # Roles that decide with the scope referrals:triage [R]
    triage_roles: tuple[Code, ...] = CLINICAL_ROLES

    # Time within which a second referral for the same reason is merged into the first [R]
    merge_window: _Days = timedelta(hours=72)

    # Time until the triage and the routing of an urgent referral
    triage_urgent: _Minutes = timedelta(minutes=15)
    # Working days until the triage and the routing of a routine referral
    triage_routine_working_days: _WorkingDays = 1

    # Time until the receiver acknowledges an urgent referral (G42)
    acknowledge_urgent: _Minutes = timedelta(minutes=45)
    # Working days until the receiver acknowledges a routine referral (G42)
    acknowledge_routine_working_days: _WorkingDays = 2

    # Time until the receiver's outcome of an urgent referral: a crisis lasts days
    outcome_urgent: _Days = timedelta(days=7)
    # Time until the receiver's outcome of a routine referral: a home visit is due within four weeks (T9)
    outcome_routine: _Days = timedelta(days=28)
    # Time until the person is asked whether the signposted service helped (T10)
    outcome_signposted: _Days = timedelta(days=21)

    # Interval between reminders of an overdue triage or acknowledgement of an urgent referral
    chase_urgent: _Minutes = timedelta(hours=1)
    # Working days between reminders of an overdue triage or acknowledgement of a routine referral
    chase_routine_working_days: _WorkingDays = 1
    # Interval between reminders of an overdue outcome
    chase_outcome: _Days = timedelta(days=7)

    # Time within which a death or a move becomes known; an earlier day is refused [R]
    change_known_within: _Days = timedelta(days=366)
    # Time within which a recorded death or move can be reversed as a mistake [R]
    restoration_within: _Days = timedelta(days=1)

    # Time within which the end of a referral can be reversed as a mistake [R]
    reopening_within: _Days = timedelta(days=7)
    # Time until a claim of a referral at the Community Point of Access lapses [R]
    claim_lapses_after: _Minutes = timedelta(minutes=30)

    # Working days until the NHS number of an unverified person is traced (G11)
    trace_working_days: _WorkingDays = 1
    # Working days between reminders of an overdue tracing [R]
    chase_tracing_working_days: _WorkingDays = 1
    # Records of a search, and of candidates for a merge, that one response shows [R]
    search_limit: Annotated[int, Range(1, 100)] = 20

    # Working days until the decision about a value that differs from the person's record; for an urgent referral as for its triage [R]
    decide_proposal_working_days: _WorkingDays = 2

    # Council that receives safeguarding concerns and decides about them (IG13)
    safeguarding_receiver: Code = "LBB"
    # Organisations whose safeguarding leads follow up what the council has not acknowledged (S22)
    safeguarding_organisations: Annotated[tuple[Code, ...], DistinctEntries()] = ("CLCH",)
    # Time until the council acknowledges an urgent safeguarding concern, day and night [R]
    acknowledge_concern_urgent: _Minutes = timedelta(hours=4)
    # Working days until the council acknowledges another safeguarding concern [R]
    acknowledge_concern_working_days: _WorkingDays = 1
    # Working days until the council decides about an acknowledged safeguarding concern [R]
    decide_concern_working_days: _WorkingDays = 5
    # Interval between reminders of an overdue urgent safeguarding concern [R]
    chase_concern_urgent: _Minutes = timedelta(hours=1)
    # Working days between reminders of another overdue safeguarding concern [R]
    chase_concern_working_days: _WorkingDays = 1

    # Council whose residents social care serves (E8, G13)
    residence: Code = "LBB"
    # Service for a person with an urgent need who cannot wait until opening (G03, G23)
    closed_hours_service: Code = "out-of-hours-gp"
    # Service for a person with a red flag (G03, G23)
    emergency_service: Code = "ambulance"

    @property
    def safeguarding_staff(self) -> tuple[str, ...]:
        return (self.safeguarding_receiver, *self.safeguarding_organisations)

    def __post_init__(self) -> None:
        """Raises ValueError for values that are not permitted or contradict each other."""
        CarePolicy.__post_init__(self)
        if self.opens >= self.closes:
            raise ValueError("opens must be before closes")

    @property
    def own_organisations(self) -> Collection[str]:
        return (self.organisation,)
