"""The numbers of the weekly meeting, each a default of docs/rules.md; a deployment may set others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal

from shared.contracts.codes import Locality, Role
from shared.kernel.local_time import LocalTime
from shared.kernel.totality import total

#: The letters with which the codes of a locality's practices begin (G26).
_LETTERS = total(Locality, {Locality.WEST: "W", Locality.LOCALITY_B: "B", Locality.LOCALITY_C: "C"})


def _localities() -> Mapping[str, Locality]:
    return {letters: locality for locality, letters in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Policy(LocalTime):
    """The fields follow the order of the modules that read them."""

    #: Locality by the letters with which a practice code begins (G26).
    localities: Mapping[str, Locality] = field(default_factory=_localities)

    # The weekly meeting (G14): weekday (Monday is 0), time, cut-off, capacity, urgent cases, quorum, weeks planned ahead, roll-over
    meets_on_weekday: int = 2
    meets_at: time = time(13)
    cut_off_working_days: int = 2
    capacity: int = 10
    urgent_slots: int = 2
    quorum: tuple[Role, ...] = (Role.GP, Role.SOCIAL_WORKER, Role.COMMUNITY_NURSE)
    weeks_ahead: int = 4
    roll_over_working_days: int = 2

    #: Organisations that sit at the meeting: 001:11547-11557, 6728-6736.
    member_organisations: tuple[str, ...] = ("CLCH", "LBB", "BCCG", "RFL", "BEHMHT", "NLH", "LAS", "AGEUK")

    # The case: working days until its screening, highest number of deferrals, age up to which a crisis counts as recent
    screened_within_working_days: int = 2
    max_deferrals: int = 2
    crisis_is_recent_for: timedelta = timedelta(days=30)

    # The care plan (G16): weeks until its review by risk and setting, time of the review, working days until an answer
    review_weeks_very_high_risk: int = 12
    review_weeks: int = 26
    review_weeks_care_home: int = 26
    review_at: time = time(9)
    review_working_days_before_cut_off: int = 1
    answered_within_working_days: int = 10

    # The lead (G15, G17): working days until an answer, and the chair who is notified
    lead_answers_within_working_days: int = 2
    chair_id: str = "mdt-chair"

    # Lower bounds of the risk levels 1, 2 and 3 (Table 14, G07)
    risk_bands: tuple[Decimal, Decimal, Decimal] = (Decimal("0.783"), Decimal("4.785"), Decimal("25.925"))
    # Rise of the risk score that makes a high climber (G08)
    climber_window: timedelta = timedelta(days=90)
    climber_ratio: Decimal = Decimal("1.5")
    climber_rise: Decimal = Decimal("2.0")
    #: Months ahead for which a score states the risk of an admission (T12).
    risk_horizon_months: int = 12
    # Length of a watching brief
    watching_brief_for: timedelta = timedelta(weeks=26)
    # Refused lines of a risk file that the report lists
    refused_lines_listed: int = 1000

    def __post_init__(self) -> None:
        """Raises ValueError for capacities with which no case would be discussed."""
        LocalTime.__post_init__(self)
        if self.capacity < 1 or self.urgent_slots < 0:
            raise ValueError("a meeting takes at least one case")

    def locality_of(self, practice_code: str) -> Locality | None:
        """None for a practice outside the borough: the mapping is partial."""
        return self.localities.get(practice_code.rstrip("0123456789"))
