"""The numbers of the weekly meeting, each from domain.md §2.13; a deployment may set others."""

from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal

from shared.contracts.codes import Role


@dataclass(frozen=True, slots=True)
class Policy:
    """Fields stand in the order of the modules that read them."""

    timezone: str = "Europe/London"

    # The meeting: weekly 001:6503-6504; day, time, cut-off, capacity and quorum are recommendations (G14, §5.4)
    meets_on_weekday: int = 2  # Monday is 0
    meets_at: time = time(13)
    cut_off_working_days: int = 2
    capacity: int = 10
    urgent_places: int = 2
    quorum: tuple[Role, ...] = (Role.GP, Role.SOCIAL_WORKER, Role.COMMUNITY_NURSE)
    weeks_ahead: int = 4
    roll_over_working_days: int = 2

    #: Who sits at the meeting: 001:11547-11557, 6728-6736.
    member_organisations: tuple[str, ...] = ("CLCH", "LBB", "BCCG", "RFL", "BEHMHT", "NLH", "LAS", "AGEUK")

    # The case
    screened_within_working_days: int = 2
    most_deferrals: int = 2
    crisis_is_recent_for: timedelta = timedelta(days=30)

    # The care plan (G16)
    review_weeks_very_high_risk: int = 12
    review_weeks: int = 26
    review_weeks_care_home: int = 26
    review_at: time = time(9)

    # The lead (G15, G17)
    lead_answers_within_working_days: int = 2
    chair_id: str = "mdt-chair"

    # Risk: lower bounds of the levels 1, 2 and 3 (Table 14, G07); what makes a high climber (G08)
    risk_bands: tuple[Decimal, Decimal, Decimal] = (Decimal("0.783"), Decimal("4.785"), Decimal("25.925"))
    climber_window: timedelta = timedelta(days=90)
    climber_ratio: Decimal = Decimal("1.5")
    climber_rise: Decimal = Decimal("2.0")
