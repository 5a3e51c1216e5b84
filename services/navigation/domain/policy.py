"""The numbers of care navigation, each a default of docs/rules.md; a deployment may set others."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Annotated

from shared.contracts.care_policy import CarePolicy
from shared.contracts.codes import TaskKind
from shared.contracts.event import Code, Day
from shared.kernel.value_rules import DistinctEntries, EachEntry, Range, WholeDays, WithoutOffset
from shared.kernel.working_days import working_days_later

#: Not zero: a task would be overdue at once, or escalated again without end.
_WorkingDays = Annotated[int, Range(1, 260)]
_Days = Annotated[int, Range(1, 366)]


@dataclass(frozen=True, slots=True)
class Policy(CarePolicy):
    """`*_working_days` count office days; every other duration runs day and night."""

    # Organisation of care navigation
    organisation: Code = "CLCH"
    # Organisations that employ navigators and their coordinators, `organisation` among them; a task goes to their navigators alone
    employers: Annotated[tuple[Code, ...], DistinctEntries()] = ("CLCH",)
    # Highest total weight of a navigator's tasks (G25)
    caseload_cap: Annotated[int, Range(1, 10_000)] = 50
    # Weight in a caseload by kind of task; a kind without an entry weighs 1. A task heavier than `caseload_cap` finds no navigator (G25)
    task_weights: Annotated[Mapping[TaskKind, int], EachEntry(Range(0, 100))] = field(
        default_factory=lambda: {TaskKind.CASE_MANAGEMENT: 3, TaskKind.CARE_COORDINATION: 2}
    )
    # Working days from a task's assignment to the deadline of its acknowledgement
    acknowledge_within_working_days: _WorkingDays = 1
    # Working days until a task is due whose source names no day
    due_within_working_days: _WorkingDays = 5
    # Time until a task is due that sends a person to Rapid Care (T2)
    rapid_care_within: Annotated[timedelta, Range(timedelta(minutes=1), timedelta(days=7))] = timedelta(hours=2)
    # Working days after its due time on which an overdue task is escalated to the accountable lead (AC12)
    escalate_overdue_after_working_days: _WorkingDays = 2
    # Working days between two escalations of a task that stays overdue (AC12)
    escalate_overdue_again_after_working_days: _WorkingDays = 5
    # Working days between two escalations of a task that no navigator has acknowledged; `rapid_care_within` for one due within that time
    escalate_waiting_again_after_working_days: _WorkingDays = 1
    # Working days between two escalations of a task that stays blocked (AC12)
    escalate_blocked_again_after_working_days: _WorkingDays = 5
    # Working days after which, and as often again, a coordinator is asked for the return of a navigator whose day of return is unknown
    ask_return_after_working_days: _WorkingDays = 5
    # Time within which several services record the same death or move of a person (G39)
    change_recorded_within: Annotated[timedelta, Range(timedelta(), timedelta(weeks=1))] = timedelta(days=1)
    # How often a navigator may change the due time of a task; a coordinator has no limit
    navigator_reschedules: Annotated[int, Range(0, 100)] = 2
    # Time within which a coordinator may set the due time of a task, and a navigator the end of an absence
    planned_within: Annotated[timedelta, Range(timedelta(days=1), timedelta(days=3660)), WholeDays()] = timedelta(days=366)
    # Days from now within which a navigator may set a due time; a coordinator has no limit
    own_move_within_days: _Days = 14
    # Days after a discharge on which a task asks whether the person is still at home (T11)
    home_check_after_days: _Days = 91
    # Local time of day at which a task is due
    working_day_ends: Annotated[time, WithoutOffset()] = time(17)
    # Interval between heartbeats on the stream of a feed, and the longest wait for a slow reader
    stream_heartbeat: Annotated[timedelta, Range(timedelta(milliseconds=100), timedelta(minutes=1))] = timedelta(seconds=15)
    # Longest duration of a feed's stream, after which the client must authorise again
    stream_duration: Annotated[timedelta, Range(timedelta(minutes=1), timedelta(days=1))] = timedelta(hours=1)

    def acknowledge_by(self, now: datetime) -> datetime:
        return working_days_later(now, self.acknowledge_within_working_days, self.zone)

    def due_from(self, now: datetime) -> datetime:
        """The due time of a task whose source names no day."""
        return working_days_later(now, self.due_within_working_days, self.zone)

    def escalate_overdue_at(self, due_at: datetime) -> datetime:
        return working_days_later(due_at, self.escalate_overdue_after_working_days, self.zone)

    def escalate_overdue_again_at(self, now: datetime) -> datetime:
        return working_days_later(now, self.escalate_overdue_again_after_working_days, self.zone)

    def escalate_waiting_again_at(self, now: datetime, span: timedelta) -> datetime:
        """`span` is the time that the task had from its creation until it is due."""
        if timedelta() < span <= self.rapid_care_within:
            return now + self.rapid_care_within
        return working_days_later(now, self.escalate_waiting_again_after_working_days, self.zone)

    def escalate_blocked_again_at(self, now: datetime) -> datetime:
        return working_days_later(now, self.escalate_blocked_again_after_working_days, self.zone)

    def ask_return_at(self, now: datetime) -> datetime:
        return working_days_later(now, self.ask_return_after_working_days, self.zone)

    def weight_of(self, kind: TaskKind) -> int:
        return self.task_weights.get(kind, 1)

    def due_on(self, day: Day) -> datetime:
        return self.instant(day, self.working_day_ends)

    def home_check_at(self, discharged_on: Day) -> datetime:
        """The beginning of the day of the home check (T11)."""
        day = discharged_on + timedelta(days=self.home_check_after_days)
        return self.instant(day, time.min)

    @property
    def own_organisations(self) -> Collection[str]:
        return (self.organisation,)
