"""A deadline is acted on once: late or not, however many look, whatever its neighbours do."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

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
from tests.integration.shared.parcel_context import PATIENCE, RING, SENDING, Tx, accept, on_ring
from tests.integration.shared.test_metrics import gauges
from tests.timeouts import LONGEST_WAIT

FAILING = Condition.FALL


def timekeeper(post: DeliveryHarness, **changes: Any) -> DeadlineScheduler:
    return DeadlineScheduler(post.sender.database, SENDING, replace(SchedulerSettings(first_pause=0.001, longest_pause=0.001), **changes))


async def act_for(keeper: DeadlineScheduler, times: int) -> None:
    """So often, with time for a pause between."""
    for _ in range(times):
        await keeper.process_due()
        await asyncio.sleep(0.005)


async def settled(post: DeliveryHarness) -> list[tuple[str, int | None, str | None]]:
    rows = await post.owner.fetch("SELECT state, late_by_ms, reason FROM rapid_care.deadline ORDER BY id")
    return [tuple(row) for row in rows]


async def rings(post: DeliveryHarness) -> int:
    return await post.count("rapid_care.event", "type = 'rapid-care.response.at-risk.v1'")


async def test_a_deadline_is_not_acted_on_before_its_time(post: DeliveryHarness) -> None:
    await post.send()
    post.sender.clock.at = NOW + PATIENCE - timedelta(microseconds=1)

    assert await timekeeper(post).process_due() == 0
    assert await rings(post) == 0


async def test_it_rests_until_the_next_deadline_and_no_longer_than_its_beat(post: DeliveryHarness) -> None:
    await post.send()
    post.sender.clock.at = NOW + PATIENCE - timedelta(milliseconds=20)
    near, far = timekeeper(post, idle=3600.0), timekeeper(post, idle=0.01)

    assert [await keeper.has_due() for keeper in (near, far)] == [False, False]
    assert near._poll_delay == pytest.approx(0.02)
    assert far._poll_delay == 0.01
    assert [await keeper.process_due() for keeper in (near, far)] == [0, 0]
    assert await settled(post) == [("pending", None, None)]


async def test_it_is_time_at_the_deadline_itself_and_not_for_one_that_failed_and_waits(post: DeliveryHarness) -> None:
    await post.send(condition=FAILING)
    post.behaviour.failing.add(FAILING)
    keeper = timekeeper(post, first_pause=60.0)
    assert not await keeper.has_due()

    post.sender.clock.at = NOW + PATIENCE
    assert await keeper.has_due()
    assert (
        keeper._poll_delay == SchedulerSettings().idle
    )  # another may have its turn; then nothing is settled, and it must not go round at once
    await keeper.process_due()

    assert not await keeper.has_due()
    assert await timekeeper(post).has_due()


async def test_it_rests_for_its_beat_when_no_deadline_is_set(post: DeliveryHarness) -> None:
    keeper = timekeeper(post, idle=0.3)

    assert not await keeper.has_due()
    assert keeper._poll_delay == 0.3


async def test_a_deadline_that_came_while_everything_was_down_is_acted_on_once_with_its_lateness(post: DeliveryHarness) -> None:
    await post.send()
    post.sender.clock.at = NOW + PATIENCE + timedelta(hours=7, milliseconds=250)

    assert await timekeeper(post).process_due() == 1
    assert await timekeeper(post).process_due() == 0

    assert await settled(post) == [("fired", 7 * 3_600_000 + 250, None)]
    assert await rings(post) == 1


async def test_two_timekeepers_at_once_act_on_each_deadline_once(post: DeliveryHarness) -> None:
    for _ in range(60):
        await post.send()
    post.sender.clock.at = NOW + PATIENCE

    keepers = [timekeeper(post, batch=7) for _ in range(4)]
    while any(await asyncio.gather(*(keeper.process_due() for keeper in keepers))):
        pass

    assert await rings(post) == 60
    assert await post.count("rapid_care.deadline", "state = 'fired'") == 60


async def test_two_timekeepers_at_once_settle_each_deadline_by_its_own_fate(post: DeliveryHarness) -> None:
    """Also when each falls back to one by one, because a neighbour fails or is refused."""
    for number in range(30):
        parcel = await post.send(condition=FAILING if number % 10 == 0 else Condition.COPD)
        if number % 10 == 1:
            await post.owner.execute("UPDATE rapid_care.parcel SET status = 'accepted' WHERE id = $1", parcel.id)
    post.behaviour.failing.add(FAILING)
    post.sender.clock.at = NOW + PATIENCE

    keepers = [timekeeper(post, batch=5, attempts=2) for _ in range(3)]
    while await post.count("rapid_care.deadline", "state = 'pending'"):
        await asyncio.gather(*(keeper.process_due() for keeper in keepers))

    states = [state for state, _, _ in await settled(post)]
    assert states == [{0: "parked", 1: "refused"}.get(number % 10, "fired") for number in range(30)]
    assert await rings(post) == 24


async def test_a_deadline_whose_handler_keeps_failing_is_parked_and_holds_up_no_other(post: DeliveryHarness) -> None:
    await post.send(condition=FAILING)
    for _ in range(3):
        await post.send()
    post.behaviour.failing.add(FAILING)
    post.sender.clock.at = NOW + PATIENCE
    keeper = timekeeper(post, attempts=3)

    await keeper.process_due()
    assert await rings(post) == 3
    await act_for(keeper, 3)

    assert await settled(post) == [("parked", 0, "ArithmeticError"), *[("fired", 0, None)] * 3]


async def test_a_deadline_whose_handler_fails_stays_pending_and_late_through_growing_pauses(post: DeliveryHarness) -> None:
    await post.send(condition=FAILING)
    post.behaviour.failing.add(FAILING)
    post.sender.clock.at = NOW + PATIENCE + timedelta(minutes=1)
    keeper = timekeeper(post, first_pause=60.0, longest_pause=60.0, attempts=2)

    assert [await keeper.process_due() for _ in range(5)] == [1, 0, 0, 0, 0]

    assert await settled(post) == [("pending", None, None)]
    assert (await gauges(post))["care_deadline_overdue_seconds"] == 60


def test_a_deadline_is_parked_only_after_a_minute_of_pauses() -> None:
    pauses = [SchedulerSettings().pause(attempt) for attempt in range(1, SchedulerSettings().attempts)]

    assert pauses == sorted(pauses)
    assert 60 <= sum(pauses) <= 120


async def test_a_parked_deadline_counts_as_parked_and_late_and_is_acted_on_when_an_operator_replays_it(post: DeliveryHarness) -> None:
    parcel = await post.send(condition=FAILING)
    post.behaviour.failing.add(FAILING)
    post.sender.clock.at = NOW + PATIENCE + timedelta(minutes=1)
    await timekeeper(post, attempts=1).process_due()
    found = await gauges(post)
    async with post.sender.database.read_only() as reader:
        (waiting,) = await deadlines.parked(reader)

    assert (waiting.subject, waiting.kind, waiting.reason) == (parcel.id, RING, "ArithmeticError")
    assert (found["care_parked_records"], found["care_deadline_overdue_seconds"]) == (1, 60)

    post.behaviour.failing.clear()
    async with post.sender.database.transaction() as tx:
        assert await deadlines.replay(tx, waiting.id) == 1
    await timekeeper(post).process_due()
    assert await settled(post) == [("fired", 60_000, None)]
    assert (await gauges(post))["care_parked_records"] == 0


async def test_a_parked_deadline_that_became_pointless_is_cancelled(post: DeliveryHarness) -> None:
    parcel = await post.send(condition=FAILING)
    post.behaviour.failing.add(FAILING)
    post.sender.clock.at = NOW + PATIENCE
    await timekeeper(post, attempts=1).process_due()

    await post.accept(parcel.id, 1)

    assert [state for state, _, _ in await settled(post)] == ["cancelled"]


async def test_a_race_that_a_deadline_lost_is_run_again(post: DeliveryHarness) -> None:
    await post.send()
    post.sender.clock.at = NOW + PATIENCE
    lost: list[DueDeadline] = []

    async def loses_once(deadline: DueDeadline, *, tx: Tx) -> None:
        lost.append(deadline)
        if len(lost) <= 2:  # in the batch, and alone
            raise VersionConflict(deadline.subject, 1, 2)
        await on_ring(deadline, tx=tx)

    await act_for(
        DeadlineScheduler(post.sender.database, replace(SENDING, on_deadline={RING: loses_once}), SchedulerSettings(first_pause=0.001)), 3
    )

    assert await settled(post) == [("fired", 0, None)]
    assert await rings(post) == 1


async def test_a_race_that_is_lost_again_and_again_waits_for_an_operator_in_the_end(post: DeliveryHarness) -> None:
    await post.send()
    post.sender.clock.at = NOW + PATIENCE

    async def loses(deadline: DueDeadline, *, tx: Tx) -> None:
        raise VersionConflict(deadline.subject, 1, tx.now.year)

    await act_for(
        DeadlineScheduler(
            post.sender.database, replace(SENDING, on_deadline={RING: loses}), SchedulerSettings(first_pause=0.001, attempts=3)
        ),
        4,
    )

    assert await settled(post) == [("parked", 0, "VersionConflict")]


async def test_a_deadline_that_others_are_in_the_way_of_holds_up_no_other_and_is_counted(post: DeliveryHarness) -> None:
    held, _ = await post.send(), await post.send()
    post.sender.clock.at = NOW + PATIENCE
    before = REGISTRY.get_sample_value("care_transaction_conflicts_total", {"context": "rapid_care", "part": "timekeeper"}) or 0

    async def waits_for(deadline: DueDeadline, *, tx: Tx) -> None:
        if deadline.subject == held.id:
            raise asyncpg.LockNotAvailableError
        await on_ring(deadline, tx=tx)

    await act_for(
        DeadlineScheduler(
            post.sender.database, replace(SENDING, on_deadline={RING: waits_for}), SchedulerSettings(first_pause=0.001, attempts=2)
        ),
        6,
    )

    assert sorted(await settled(post)) == [("fired", 0, None), ("pending", None, None)]
    assert (
        REGISTRY.get_sample_value("care_transaction_conflicts_total", {"context": "rapid_care", "part": "timekeeper"}) or 0
    ) >= before + 3


async def test_a_rule_that_says_no_settles_the_deadline_as_refused(post: DeliveryHarness) -> None:
    parcel = await post.send()
    await post.owner.execute("UPDATE rapid_care.parcel SET status = 'accepted' WHERE id = $1", parcel.id)
    post.sender.clock.at = NOW + PATIENCE

    await timekeeper(post).process_due()

    assert await settled(post) == [("refused", 0, "illegal-transition")]
    assert await rings(post) == 0


async def test_a_deadline_without_a_handler_is_parked(post: DeliveryHarness) -> None:
    await post.send()
    await post.owner.execute("UPDATE rapid_care.deadline SET kind = 'nobody'")
    post.sender.clock.at = NOW + PATIENCE
    keeper = timekeeper(post, attempts=1)

    await keeper.process_due()

    assert await settled(post) == [("parked", 0, "KeyError")]


async def test_either_the_deadline_or_what_makes_it_pointless_comes_first_never_both(post: DeliveryHarness) -> None:
    sent = [await post.send() for _ in range(20)]
    post.sender.clock.at = NOW + PATIENCE

    async def accept_all() -> list[int]:
        return [(await post.accept(parcel.id, 1)).status_code for parcel in sent]

    statuses, _ = await asyncio.gather(accept_all(), _until_quiet(timekeeper(post, batch=1)))

    accepted = statuses.count(200)
    assert await post.count("rapid_care.deadline", "state = 'cancelled'") == accepted
    assert await rings(post) == 20 - accepted
    assert set(statuses) <= {200, 412}


async def test_a_deadline_and_a_command_that_cancels_it_wait_for_each_other_without_a_deadlock(post: DeliveryHarness) -> None:
    parcel = await post.send()
    post.sender.clock.at = NOW + PATIENCE

    async with post.sender.database.transaction() as tx:
        await accept(Target(parcel.id, 1), tx=tx)
        acting = asyncio.create_task(timekeeper(post).process_due())
        await asyncio.sleep(0.2)  # by now it waits for the parcel that this transaction holds
    await acting

    assert [state for state, _, _ in await settled(post)] == ["cancelled"]
    assert await rings(post) == 0


async def test_what_a_handler_did_is_undone_when_its_deadline_was_cancelled_meanwhile(post: DeliveryHarness) -> None:
    """Also when the handler looks at no state that would tell it."""
    parcel = await post.send()
    post.sender.clock.at = NOW + PATIENCE

    async def careless(deadline: DueDeadline, *, tx: Tx) -> None:
        async with post.sender.database.transaction() as other:
            other.cancel_deadlines(deadline.subject, deadline.kind)
        tx.record(
            EventSubject(parcel.id, parcel.person_id, parcel.correlation_id), ResponseAtRisk(minutes_elapsed=1, due_at=parcel.due_at), 2
        )

    await DeadlineScheduler(post.sender.database, replace(SENDING, on_deadline={RING: careless})).process_due()

    assert [state for state, _, _ in await settled(post)] == ["cancelled"]
    assert await rings(post) == 0


async def test_a_deadline_that_an_earlier_one_of_its_batch_made_pointless_is_not_acted_on(post: DeliveryHarness) -> None:
    parcel = await post.send()
    about = EventSubject(parcel.id, parcel.person_id, parcel.correlation_id)
    async with post.sender.database.transaction() as tx:
        tx.set_deadline(about, Deadline("withdraw", parcel.due_at - timedelta(minutes=1)))
    post.sender.clock.at = NOW + PATIENCE

    async def withdraw(deadline: DueDeadline, *, tx: Tx) -> None:
        tx.cancel_deadlines(deadline.subject, RING)

    wiring = replace(SENDING, on_deadline={**SENDING.on_deadline, "withdraw": withdraw})
    await DeadlineScheduler(post.sender.database, wiring).process_due()

    assert sorted(state for state, _, _ in await settled(post)) == ["cancelled", "fired"]
    assert await rings(post) == 0


async def test_contention_leaves_the_deadline_pending(post: DeliveryHarness) -> None:
    await post.send()
    post.sender.clock.at = NOW + PATIENCE
    running = asyncio.create_task(timekeeper(post).run())

    async with post.raising("rapid_care.parcel", "40P01", times=2), asyncio.timeout(LONGEST_WAIT):
        while not await rings(post):
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])

    assert [state for state, _, _ in await settled(post)] == ["fired"]


async def _until_quiet(keeper: DeadlineScheduler) -> None:
    while await keeper.process_due():
        pass
