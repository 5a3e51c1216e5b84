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
    """A task weighs 1 in a caseload unless `task_weights` names its kind (G25)."""

    # Organisation of care navigation
    organisation: str = "CLCH"
    # Highest total weight of a navigator's tasks (G25)
    caseload_cap: int = 50
    # Weights of kinds of tasks in a caseload
    task_weights: Mapping[TaskKind, int] = field(default_factory=lambda: {TaskKind.CASE_MANAGEMENT: 3, TaskKind.CARE_COORDINATION: 2})
    # Deadline of a task's acknowledgement
    acknowledge_within_working_days: int = 1
    # Due time of a task whose source names no day
    due_within_working_days: int = 5
    # Due time of a task that sends a person to Rapid Care (T2)
    rapid_care_within: timedelta = timedelta(hours=2)
    # Time after which an overdue task is escalated to the accountable lead, and the interval of repetitions (AC12)
    escalate_overdue_after_working_days: int = 2
    escalate_overdue_again_after_working_days: int = 5
    # Limits on the number and the days of a navigator's changes of a due time; a coordinator has no limits
    navigator_reschedules: int = 2
    own_move_within_days: int = 14
    # Days after a discharge on which a task asks whether the person is still at home (T11)
    home_check_after_days: int = 91
    # Time of day at which a task is due
    working_day_ends: time = time(17)
    # Interval of heartbeats on a feed's stream, and its longest duration, after which the client must authorise again
    stream_heartbeat: timedelta = timedelta(seconds=15)
    stream_duration: timedelta = timedelta(hours=1)

    def acknowledge_by(self, now: datetime) -> datetime:
        return working_days_later(now, self.acknowledge_within_working_days, self.zone)

    def due_from(self, now: datetime) -> datetime:
        """The due time of a task whose source names no day."""
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
        """The beginning of the day of the home check (T11)."""
        day = discharged_on + timedelta(days=self.home_check_after_days)
        return self.instant(day, time.min)
