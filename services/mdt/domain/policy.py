"""The numbers of the weekly meeting, each a default of docs/rules.md; a deployment may set others."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from typing import Annotated

from shared.contracts.care_policy import CarePolicy
from shared.contracts.codes import Role
from shared.contracts.event import Code
from shared.kernel.actor import Professional
from shared.kernel.value_rules import Decimals, DistinctEntries, EachEntry, Range, RisingOrder, WholeDays, WithoutOffset

_WorkingDays = Annotated[int, Range(1, 260)]
_Weeks = Annotated[int, Range(1, 104)]
_DAY, _YEAR = timedelta(days=1), timedelta(days=366)
#: The decimals of the risk numbers, which keep the version of the rule within the length of a code.
_THOUSANDTHS = Decimals(3)


@dataclass(frozen=True, slots=True)
class Policy(CarePolicy):
    """`*_working_days` count office days; every other duration runs day and night."""

    # Weekday of the weekly meeting; Monday is 0, Friday is 4 (G14)
    meets_on_weekday: Annotated[int, Range(0, 4)] = 2
    # Local time at which the meeting begins (G14)
    meets_at: Annotated[time, WithoutOffset()] = time(13)
    # Working days before the meeting on which its agenda closes; 0 is at its beginning (G14)
    cut_off_working_days: Annotated[int, Range(0, 20)] = 2
    # Cases of a meeting before slots for urgent cases (G14)
    capacity: Annotated[int, Range(1, 1000)] = 10
    # Additional slots of a meeting for urgent cases (G14)
    urgent_slots: Annotated[int, Range(0, 1000)] = 2
    # Roles that must attend a meeting (G14)
    quorum: Annotated[tuple[Role, ...], DistinctEntries()] = (Role.GP, Role.SOCIAL_WORKER, Role.COMMUNITY_NURSE)
    # Weeks after this one whose meetings are scheduled in advance (G14)
    weeks_ahead: Annotated[int, Range(0, 52)] = 4
    # Working days after a meeting on which its undiscussed cases move to the next one (G14)
    roll_over_working_days: _WorkingDays = 2

    # Organisations that sit at the meeting
    member_organisations: Annotated[tuple[Code, ...], DistinctEntries()] = ("CLCH", "LBB", "BCCG", "RFL", "BEHMHT", "NLH", "LAS", "AGEUK")
    # Organisations that send risk files: the commissioner's stratification tool
    risk_organisations: Annotated[tuple[Code, ...], DistinctEntries()] = ("BCCG",)

    # Working days until a case is screened
    screened_within_working_days: _WorkingDays = 2
    # Working days until a person of case finding is reviewed
    finding_screened_within_working_days: _WorkingDays = 20
    # How often a case may be deferred to the next meeting
    max_deferrals: Annotated[int, Range(0, 52)] = 2
    # Age up to which a crisis counts as recent in the order of the agenda
    crisis_is_recent_for: Annotated[timedelta, Range(_DAY, _YEAR)] = timedelta(days=30)

    # Weeks until the review of a care plan at very high risk (G16)
    review_weeks_very_high_risk: _Weeks = 12
    # Weeks until the review of a care plan at any other risk (G16)
    review_weeks: _Weeks = 26
    # Weeks until the review of a care plan in a care home, unless the risk demands an earlier one (G16)
    review_weeks_care_home: _Weeks = 26
    # Local time of day at which a review is listed (G16)
    review_at: Annotated[time, WithoutOffset()] = time(9)
    # Working days before the cut-off of a meeting on which a review is listed for it (G16)
    review_working_days_before_cut_off: _WorkingDays = 1
    # Weeks after which a due review that no meeting discussed is listed again and the lead reminded
    review_reminded_after_weeks: _Weeks = 4
    # Working days until the person's answer to an offered care plan (G16)
    answered_within_working_days: _WorkingDays = 10

    # Time within which an action is due
    actions_due_within: Annotated[timedelta, Range(_DAY, 10 * _YEAR), WholeDays()] = 2 * _YEAR
    # Working days until the lead sees to an action whose task a navigator's service cancelled
    returned_action_within_working_days: _WorkingDays = 2
    # Working days after which the lead is reminded of an overdue action, and first notified of an overdue action of a navigator (AC12)
    action_reminded_after_working_days: _WorkingDays = 5
    # Working days until a notification that needs an answer is acknowledged; then, and as often again, the chair is notified
    acknowledged_within_working_days: _WorkingDays = 2
    # Time within which several services record the same death or move of a person (G39)
    change_recorded_within: Annotated[timedelta, Range(timedelta(), timedelta(weeks=1))] = _DAY

    # Working days until a proposed lead answers (G15, G17)
    lead_answers_within_working_days: _WorkingDays = 2
    # Professional id of the meeting's chair, who is notified of late screenings and missing leads (G15)
    chair_id: Code = "mdt-chair"
    # Organisation of the meeting's chair
    chair_organisation: Code = "BCCG"

    # Lower bounds of the risk levels 1, 2 and 3, as ratios to the average risk (Table 14, G07)
    risk_bands: Annotated[
        tuple[Decimal, Decimal, Decimal], EachEntry(Range(Decimal("0.001"), Decimal(999))), EachEntry(_THOUSANDTHS), RisingOrder()
    ] = (
        Decimal("0.783"),
        Decimal("4.785"),
        Decimal("25.925"),
    )
    # Time within which a rise of the risk score makes a high climber (G08)
    climber_window: Annotated[timedelta, Range(_DAY, _YEAR), WholeDays()] = timedelta(days=90)
    # Factor by which the score of a high climber rises at least (G08)
    climber_ratio: Annotated[Decimal, Range(1, 99), _THOUSANDTHS] = Decimal("1.5")
    # Points by which the score of a high climber rises at least (G08)
    climber_rise: Annotated[Decimal, Range(0, 99), _THOUSANDTHS] = Decimal("2.0")
    # Months ahead for which a score states the risk of an admission (T12)
    risk_horizon_months: Annotated[int, Range(1, 60)] = 12
    # Length of a watching brief
    watching_brief_for: Annotated[timedelta, Range(_DAY, 2 * _YEAR)] = timedelta(weeks=26)
    # Age up to which a risk score is imported
    scores_within: Annotated[timedelta, Range(_DAY, 10 * _YEAR), WholeDays()] = 2 * _YEAR
    # Refused lines of a risk file that the report lists at most
    refused_lines_listed: Annotated[int, Range(0, 100_000)] = 1000

    @property
    def chair(self) -> Professional:
        return Professional(self.chair_id, self.chair_organisation)

    @property
    def own_organisations(self) -> Collection[str]:
        return self.member_organisations
