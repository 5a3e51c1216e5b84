"""A deadline fires once: on time or late, with many schedulers, and independently of others in its batch."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from prometheus_client import REGISTRY

from shared.contracts.codes import Condition
from shared.contracts.rapid_care import ResponseAtRisk
from shared.kernel.decision import Deadline
from shared.kernel.errors import VersionConflict
from shared.kernel.target import Target
from shared.messaging.deadline_scheduler import DeadlineScheduler, SchedulerSettings
from shared.persistence import deadlines
from shared.persistence.deadlines import DueDeadline
from shared.persistence.transaction import EventSubject
from tests.integration.shared.delivery_harness import NOW, DeliveryHarness
from tests.integration.shared.parcel_context import ACCEPTANCE_LIMIT, REMINDER, SENDING, Tx, accept, on_reminder
from tests.integration.shared.scheduler_harness import create_scheduler
from tests.timeouts import LONGEST_WAIT, until

FAILING = Condition.FALL


async def act_for(scheduler: DeadlineScheduler, times: int) -> None:
    """Processes due deadlines `times` times, with time for the pause between attempts."""
    for _ in range(times):
        await scheduler.process_due()
        await asyncio.sleep(0.005)


async def deadline_states(harness: DeliveryHarness) -> list[tuple[str, int | None, str | None]]:
    rows = await harness.owner.fetch("SELECT state, late_by_ms, reason FROM rapid_care.deadline ORDER BY id")
    return [tuple(row) for row in rows]


async def reminders(harness: DeliveryHarness) -> int:
    return await harness.count("rapid_care.event", "type = 'rapid-care.response.at-risk.v1'")


async def test_deadline_does_not_fire_before_its_time(harness: DeliveryHarness) -> None:
    await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT - timedelta(microseconds=1)

    assert await create_scheduler(harness).process_due() == 0
    assert await reminders(harness) == 0


async def test_poll_delay_ends_at_next_deadline_within_its_limit(harness: DeliveryHarness) -> None:
    await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT - timedelta(milliseconds=20)
    near, far = create_scheduler(harness, idle=3600.0), create_scheduler(harness, idle=0.01)

    assert [await scheduler.has_due() for scheduler in (near, far)] == [False, False]
    assert near._poll_delay == pytest.approx(0.02)
    assert far._poll_delay == 0.01
    assert [await scheduler.process_due() for scheduler in (near, far)] == [0, 0]
    assert await deadline_states(harness) == [("pending", None, None)]


async def test_deadline_is_due_at_its_time_unless_backing_off(harness: DeliveryHarness) -> None:
    await harness.send(condition=FAILING)
    harness.behaviour.failing.add(FAILING)
    scheduler = create_scheduler(harness, first_pause=60.0, longest_pause=60.0)
    assert not await scheduler.has_due()

    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    assert await scheduler.has_due()
    assert scheduler._poll_delay == SchedulerSettings().idle  # another scheduler may have the lock; a loop without a delay would be busy
    await until(scheduler.process_due)  # none while a connection of an earlier test has the lock

    assert not await scheduler.has_due()
    assert await create_scheduler(harness).has_due()


async def test_poll_delay_is_its_limit_without_a_deadline(harness: DeliveryHarness) -> None:
    scheduler = create_scheduler(harness, idle=0.3)

    assert not await scheduler.has_due()
    assert scheduler._poll_delay == 0.3


async def test_deadline_missed_during_outage_fires_once_with_lateness(harness: DeliveryHarness) -> None:
    await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT + timedelta(hours=7, milliseconds=250)

    assert await create_scheduler(harness).process_due() == 1
    assert await create_scheduler(harness).process_due() == 0

    assert await deadline_states(harness) == [("fired", 7 * 3_600_000 + 250, None)]
    assert await reminders(harness) == 1


async def test_concurrent_schedulers_fire_each_deadline_once(harness: DeliveryHarness) -> None:
    for _ in range(60):
        await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    schedulers = [create_scheduler(harness, batch=7) for _ in range(4)]
    while any(await asyncio.gather(*(scheduler.process_due() for scheduler in schedulers))):
        pass

    assert await reminders(harness) == 60
    assert await harness.count("rapid_care.deadline", "state = 'fired'") == 60


async def test_concurrent_schedulers_resolve_each_deadline_separately(harness: DeliveryHarness) -> None:
    """The deadlines also fire once when a batch is split, because one of them fails or is refused."""
    for number in range(30):
        parcel = await harness.send(condition=FAILING if number % 10 == 0 else Condition.COPD)
        if number % 10 == 1:
            await harness.owner.execute("UPDATE rapid_care.parcel SET status = 'accepted' WHERE id = $1", parcel.id)
    harness.behaviour.failing.add(FAILING)
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    schedulers = [create_scheduler(harness, batch=5, attempts=2) for _ in range(3)]
    while await harness.count("rapid_care.deadline", "state = 'pending'"):
        await asyncio.gather(*(scheduler.process_due() for scheduler in schedulers))

    states = [state for state, _, _ in await deadline_states(harness)]
    assert states == [{0: "parked", 1: "refused"}.get(number % 10, "fired") for number in range(30)]
    assert await reminders(harness) == 24


async def test_failing_deadline_is_parked_and_blocks_no_other(harness: DeliveryHarness) -> None:
    await harness.send(condition=FAILING)
    for _ in range(3):
        await harness.send()
    harness.behaviour.failing.add(FAILING)
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    scheduler = create_scheduler(harness, attempts=3)

    await scheduler.process_due()
    assert await reminders(harness) == 3
    await act_for(scheduler, 3)

    assert await deadline_states(harness) == [("parked", 0, "ArithmeticError"), *[("fired", 0, None)] * 3]


async def test_failing_deadline_stays_pending_and_overdue_between_attempts(harness: DeliveryHarness) -> None:
    await harness.send(condition=FAILING)
    harness.behaviour.failing.add(FAILING)
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT + timedelta(minutes=1)
    scheduler = create_scheduler(harness, first_pause=60.0, longest_pause=60.0, attempts=2)

    assert [await scheduler.process_due() for _ in range(5)] == [1, 0, 0, 0, 0]

    assert await deadline_states(harness) == [("pending", None, None)]
    assert (await harness.gauges())["care_deadline_overdue_seconds"] == 60


def test_deadline_is_parked_after_a_minute_of_pauses() -> None:
    pauses = [SchedulerSettings().pause(attempt) for attempt in range(1, SchedulerSettings().attempts)]

    assert pauses == sorted(pauses)
    assert 60 <= sum(pauses) <= 120


async def test_parked_deadline_is_overdue_until_replayed(harness: DeliveryHarness) -> None:
    parcel = await harness.send(condition=FAILING)
    harness.behaviour.failing.add(FAILING)
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT + timedelta(minutes=1)
    await create_scheduler(harness, attempts=1).process_due()
    found = await harness.gauges()
    async with harness.sender.database.read_only() as reader:
        (waiting,) = await deadlines.parked(reader)

    assert (waiting.subject, waiting.kind, waiting.reason) == (parcel.id, REMINDER, "ArithmeticError")
    assert (found["care_parked_records"], found["care_deadline_overdue_seconds"]) == (1, 60)

    harness.behaviour.failing.clear()
    async with harness.sender.database.transaction() as tx:
        assert await deadlines.replay(tx, waiting.id) == 1
    await create_scheduler(harness).process_due()
    assert await deadline_states(harness) == [("fired", 60_000, None)]
    assert (await harness.gauges())["care_parked_records"] == 0


async def test_parked_deadline_without_purpose_is_cancelled(harness: DeliveryHarness) -> None:
    parcel = await harness.send(condition=FAILING)
    harness.behaviour.failing.add(FAILING)
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    await create_scheduler(harness, attempts=1).process_due()

    await harness.accept(parcel.id, 1)

    assert [state for state, _, _ in await deadline_states(harness)] == ["cancelled"]


async def test_deadline_is_retried_after_a_version_conflict(harness: DeliveryHarness) -> None:
    await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    lost: list[DueDeadline] = []

    async def loses_once(deadline: DueDeadline, *, tx: Tx) -> None:
        lost.append(deadline)
        if len(lost) <= 2:  # in its batch, and then alone
            raise VersionConflict(deadline.subject, 1, 2)
        await on_reminder(deadline, tx=tx)

    await act_for(
        DeadlineScheduler(
            harness.sender.database, replace(SENDING, on_deadline={REMINDER: loses_once}), SchedulerSettings(first_pause=0.001)
        ),
        3,
    )

    assert await deadline_states(harness) == [("fired", 0, None)]
    assert await reminders(harness) == 1


async def test_deadline_is_parked_after_repeated_version_conflicts(harness: DeliveryHarness) -> None:
    await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    async def loses(deadline: DueDeadline, *, tx: Tx) -> None:
        raise VersionConflict(deadline.subject, 1, tx.now.year)

    await act_for(
        DeadlineScheduler(
            harness.sender.database, replace(SENDING, on_deadline={REMINDER: loses}), SchedulerSettings(first_pause=0.001, attempts=3)
        ),
        4,
    )

    assert await deadline_states(harness) == [("parked", 0, "VersionConflict")]


async def test_contended_deadline_blocks_no_other_and_is_counted(harness: DeliveryHarness) -> None:
    locked, _ = await harness.send(), await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    before = REGISTRY.get_sample_value("care_transaction_conflicts_total", {"context": "rapid_care", "component": "scheduler"}) or 0

    async def waits_for(deadline: DueDeadline, *, tx: Tx) -> None:
        if deadline.subject == locked.id:
            raise asyncpg.LockNotAvailableError
        await on_reminder(deadline, tx=tx)

    await act_for(
        DeadlineScheduler(
            harness.sender.database, replace(SENDING, on_deadline={REMINDER: waits_for}), SchedulerSettings(first_pause=0.001, attempts=2)
        ),
        6,
    )

    assert sorted(await deadline_states(harness)) == [("fired", 0, None), ("pending", None, None)]
    assert (
        REGISTRY.get_sample_value("care_transaction_conflicts_total", {"context": "rapid_care", "component": "scheduler"}) or 0
    ) >= before + 3


async def test_deadline_refused_by_a_rule_is_not_retried(harness: DeliveryHarness) -> None:
    parcel = await harness.send()
    await harness.owner.execute("UPDATE rapid_care.parcel SET status = 'accepted' WHERE id = $1", parcel.id)
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    await create_scheduler(harness).process_due()

    assert await deadline_states(harness) == [("refused", 0, "illegal-transition")]
    assert await reminders(harness) == 0


async def test_deadline_without_handler_is_parked(harness: DeliveryHarness) -> None:
    await harness.send()
    await harness.owner.execute("UPDATE rapid_care.deadline SET kind = 'unknown'")
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    scheduler = create_scheduler(harness, attempts=1)

    await scheduler.process_due()

    assert await deadline_states(harness) == [("parked", 0, "KeyError")]


async def test_deadline_and_cancelling_command_never_both_win(harness: DeliveryHarness) -> None:
    sent = [await harness.send() for _ in range(20)]
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    async def accept_all() -> list[int]:
        return [(await harness.accept(parcel.id, 1)).status_code for parcel in sent]

    statuses, _ = await asyncio.gather(accept_all(), _until_quiet(create_scheduler(harness, batch=1)))

    accepted = statuses.count(200)
    assert await harness.count("rapid_care.deadline", "state = 'cancelled'") == accepted
    assert await reminders(harness) == 20 - accepted
    assert set(statuses) <= {200, 412}


async def test_deadline_and_cancelling_command_do_not_deadlock(harness: DeliveryHarness) -> None:
    parcel = await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    async with harness.sender.database.transaction() as tx:
        await accept(Target(parcel.id, 1), tx=tx)
        acting = asyncio.create_task(create_scheduler(harness).process_due())
        await harness.until_waiting("transactionid")  # for the row that this transaction changed
    await acting

    assert [state for state, _, _ in await deadline_states(harness)] == ["cancelled"]
    assert await reminders(harness) == 0


async def test_handler_is_rolled_back_after_concurrent_cancellation(harness: DeliveryHarness) -> None:
    """The cancellation also holds when the handler does not check the state of its aggregate."""
    parcel = await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    async def fires_unchecked(deadline: DueDeadline, *, tx: Tx) -> None:
        async with harness.sender.database.transaction() as other:
            other.cancel_deadlines(deadline.subject, deadline.kind)
        at_risk = ResponseAtRisk(referral_id=parcel.correlation_id, minutes_elapsed=1, due_at=parcel.due_at)
        tx.record(EventSubject(parcel.id, parcel.person_id, parcel.correlation_id), at_risk, 2)

    await DeadlineScheduler(harness.sender.database, replace(SENDING, on_deadline={REMINDER: fires_unchecked})).process_due()

    assert [state for state, _, _ in await deadline_states(harness)] == ["cancelled"]
    assert await reminders(harness) == 0


async def test_deadline_cancelled_within_its_batch_does_not_fire(harness: DeliveryHarness) -> None:
    parcel = await harness.send()
    about = EventSubject(parcel.id, parcel.person_id, parcel.correlation_id)
    async with harness.sender.database.transaction() as tx:
        tx.set_deadline(about, Deadline("withdraw", parcel.due_at - timedelta(minutes=1)))
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT

    async def withdraw(deadline: DueDeadline, *, tx: Tx) -> None:
        tx.cancel_deadlines(deadline.subject, REMINDER)

    subscriptions = replace(SENDING, on_deadline={**SENDING.on_deadline, "withdraw": withdraw})
    await DeadlineScheduler(harness.sender.database, subscriptions).process_due()

    assert sorted(state for state, _, _ in await deadline_states(harness)) == ["cancelled", "fired"]
    assert await reminders(harness) == 0


async def test_deadlock_leaves_the_deadline_pending(harness: DeliveryHarness) -> None:
    await harness.send()
    harness.sender.clock.at = NOW + ACCEPTANCE_LIMIT
    running = asyncio.create_task(create_scheduler(harness).run())

    async with harness.raising("rapid_care.parcel", "40P01", times=2), asyncio.timeout(LONGEST_WAIT):
        while not await reminders(harness):
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])

    assert [state for state, _, _ in await deadline_states(harness)] == ["fired"]


async def _until_quiet(scheduler: DeadlineScheduler) -> None:
    while await scheduler.process_due():
        pass
