"""The numbers of care navigation, each a default of docs/rules.md; a deployment may set others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from shared.contracts.codes import TaskKind
from shared.contracts.event import Day
from shared.kernel.local_time import LocalTime
from shared.kernel.working_days import working_days_later


@dataclass(frozen=True, slots=True)
class Policy(LocalTime):
    """`working_day_ends` is ours: a task that is due on a day is due when the offices close.

    A task weighs 1 in a caseload unless `task_weights` says otherwise (G25).
    """

    organisation: str = "CLCH"
    caseload_cap: int = 50
    task_weights: Mapping[TaskKind, int] = field(default_factory=lambda: {TaskKind.CASE_MANAGEMENT: 3, TaskKind.CARE_COORDINATION: 2})
    acknowledge_within_working_days: int = 1
    due_within_working_days: int = 5
    # Somebody whom the meeting or a screening sends to Rapid Care waits no longer for the call than for the answer to it (T2)
    rapid_care_within: timedelta = timedelta(hours=2)
    # What is still not done so long after its due time is put before the lead, and again so often: no open task is without a deadline
    escalate_overdue_after_working_days: int = 2
    escalate_overdue_again_after_working_days: int = 5
    # A navigator may move a due time of their own so often, and so far ahead of today; beyond that a coordinator decides
    navigator_reschedules: int = 2
    own_move_within_days: int = 14
    home_check_after_days: int = 91
    working_day_ends: time = time(17)
    # Streams of feeds: a silent one is kept open by its heartbeat; each ends after a while, so that its reader is authorised anew
    stream_heartbeat: timedelta = timedelta(seconds=15)
    stream_lasts: timedelta = timedelta(hours=1)

    def acknowledge_by(self, now: datetime) -> datetime:
        return working_days_later(now, self.acknowledge_within_working_days, self.zone)

    def due_from(self, now: datetime) -> datetime:
        """When a task is due whose source names no day."""
        return working_days_later(now, self.due_within_working_days, self.zone)

    def escalate_overdue_at(self, due_at: datetime) -> datetime:
        return working_days_later(due_at, self.escalate_overdue_after_working_days, self.zone)

    def escalate_overdue_again_at(self, now: datetime) -> datetime:
        return working_days_later(now, self.escalate_overdue_again_after_working_days, self.zone)

    def weight_of(self, kind: TaskKind) -> int:
        return self.task_weights.get(kind, 1)

    def due_on(self, day: Day) -> datetime:
        return self.instant(day, self.working_day_ends)

    def home_check_at(self, discharged_on: Day) -> datetime:
        """The beginning of the day on which somebody looks whether the person is still at home (T11)."""
        day = discharged_on + timedelta(days=self.home_check_after_days)
        return self.instant(day, time.min)
