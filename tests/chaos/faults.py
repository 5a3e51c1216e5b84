"""The injection of each kind of fault. An injection returns when the fault is over; the product must then recover."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from random import Random
from time import monotonic

import asyncpg

from infra.contexts import CONTEXTS
from infra.dev_stack.clock_offset import set_clock
from infra.dev_stack.local.supervisor import Supervisor
from tests.builders.context_app import secrets_of
from tests.chaos.control import PROGRAMS
from tests.chaos.poison_records import AcknowledgedRecord, poison, send_poison
from tests.chaos.schedule import DISK_FULL, NEXT_MEETING, POISON, WIPE, Fault
from tests.chaos.stack import StackUnderTest

#: Returns the number of targets that it hit.
Injection = Callable[["FaultInjector", Fault], Awaitable[int]]
_POLL_SECONDS = 0.02
_KILL_POINT_TIMEOUT_SECONDS = 15.0
_HALF_AN_HOUR, _HOUR = 1800, 3600
_A_MINUTE = timedelta(minutes=1)
_NEXT_MEETING = "SELECT cut_off_at, starts_at FROM mdt.meeting WHERE status = 'scheduled' ORDER BY starts_at LIMIT 1"
_MOVE_CLOCK = "UPDATE {context}.clock_offset SET delta = delta + make_interval(secs => $1)"


class FaultInjector:
    """`poison_keys` are the keys of all poison records, `acknowledged` are those records that the broker acknowledged."""

    def __init__(self, stack: StackUnderTest) -> None:
        self.stack = stack
        self.poison_keys: list[bytes] = []
        self.acknowledged: list[AcknowledgedRecord] = []

    async def send_poison(self, number: int) -> int:
        provisioned = self.stack.provisioned
        records = poison(secrets_of(provisioned.keys))
        self.poison_keys += [record.key or b"" for record in records]
        self.acknowledged += await send_poison(provisioned.addresses.kafka_bootstrap, provisioned.layout.prefix, records, Random(number))
        return len(records)

    @property
    def supervisor(self) -> Supervisor:
        return self.stack.supervisor

    def kill(self, program: str) -> int:
        return _send_signal(self.stack.pid(program), signal.SIGKILL)

    async def move_clock(self, seconds: float) -> None:
        owner = await asyncpg.connect(self.stack.provisioned.addresses.database_url, timeout=10)
        try:
            async with owner.transaction():
                for context in CONTEXTS:
                    await owner.execute(_MOVE_CLOCK.format(context=context), seconds)
        finally:
            await owner.close()

    async def restart(self, program: str, release: int) -> None:
        """Sends SIGTERM and waits until the program runs again at that release."""
        self.stack.control.set_release(program, release)
        before = self.stack.pid(program)
        _send_signal(before, signal.SIGTERM)
        async with asyncio.timeout(60):
            while (now := self.stack.pid(program)) is None or now == before:
                await asyncio.sleep(_POLL_SECONDS)
        if program != "api":
            await self.stack.wait_until_ready(program)


async def _kill_process(injector: FaultInjector, fault: Fault) -> int:
    return injector.kill(fault.target)


async def _kill_three_processes(injector: FaultInjector, fault: Fault) -> int:
    return sum(injector.kill(program) for program in Random(fault.number).sample(PROGRAMS, 3))


async def _kill_at_point(injector: FaultInjector, fault: Fault) -> int:
    """Arms the point for one of the next five passages; disarms it when no process passes in time."""
    program, _, point = fault.target.partition(": ")
    control = injector.stack.control
    control.arm(program, point, 1 + fault.number % 5)
    if point.startswith("scheduler"):
        await injector.move_clock(_HALF_AN_HOUR / 2)  # makes deadlines due
    begun = monotonic()
    while control.is_armed(program, point) and monotonic() - begun < _KILL_POINT_TIMEOUT_SECONDS:
        await asyncio.sleep(_POLL_SECONDS)
    was_killed = not control.is_armed(program, point)
    control.disarm(program, point)
    return int(was_killed)


async def _kill_postgres_session(injector: FaultInjector, fault: Fault) -> int:
    """PostgreSQL then ends all sessions and recovers, as after a crash."""
    return _send_signal(_choose(injector.stack.sessions(), fault), signal.SIGKILL)


async def _kill_postgres(injector: FaultInjector, _: Fault) -> int:
    return _send_signal(injector.stack.postgres.pid, signal.SIGKILL)


async def _kill_broker(injector: FaultInjector, _: Fault) -> int:
    return _send_signal(injector.stack.kafka.pid, signal.SIGKILL)


async def _suspend_process(injector: FaultInjector, fault: Fault) -> int:
    return await _suspend(injector.stack.pid(fault.target), fault.seconds)


async def _suspend_postgres_session(injector: FaultInjector, fault: Fault) -> int:
    return await _suspend(_choose(injector.stack.sessions(), fault), fault.seconds)


async def _suspend_postgres(injector: FaultInjector, fault: Fault) -> int:
    return await _suspend(injector.stack.postgres.pid, fault.seconds)


async def _suspend_broker(injector: FaultInjector, fault: Fault) -> int:
    return await _suspend(injector.stack.kafka.pid, fault.seconds)


async def _delay_network(injector: FaultInjector, fault: Fault) -> int:
    state = injector.stack.links[fault.target].state
    state.delay = 0.02 + fault.number % 10 / 100
    await asyncio.sleep(fault.seconds)
    state.delay = 0.0
    return 1


async def _reset_connections(injector: FaultInjector, fault: Fault) -> int:
    injector.stack.links[fault.target].reset()
    return 1


async def _half_open_connections(injector: FaultInjector, fault: Fault) -> int:
    half_open = injector.stack.links[fault.target].half_open()
    await asyncio.sleep(fault.seconds)
    for connection in half_open:
        connection.abort()
    return 1


async def _stall_network(injector: FaultInjector, fault: Fault) -> int:
    link = injector.stack.links[fault.target]
    link.stall(is_stalled=True)
    await asyncio.sleep(fault.seconds)
    link.stall(is_stalled=False)
    return 1


async def _cut_connections(injector: FaultInjector, fault: Fault) -> int:
    injector.stack.links[fault.target].cut_after(fault.number % 4000)
    return 1


async def refuse_connections(injector: FaultInjector, fault: Fault) -> int:
    link = injector.stack.links[fault.target]
    link.state.is_refusing = True
    link.reset()
    await asyncio.sleep(fault.seconds)
    link.state.is_refusing = False
    return 1


async def _wipe_broker(injector: FaultInjector, _: Fault) -> int:
    await injector.stack.wipe()
    return 1


async def _fill_disk(injector: FaultInjector, fault: Fault) -> int:
    disk = injector.stack.disks[fault.target]
    if disk is None:
        return 0
    try:
        await asyncio.to_thread(disk.fill)
        await asyncio.sleep(fault.seconds)
    finally:
        disk.release()
    return 1


async def _move_clock_by_hour(injector: FaultInjector, fault: Fault) -> int:
    await injector.move_clock(_HOUR)
    await asyncio.sleep(fault.seconds)
    if fault.target == "forward and back":
        await injector.move_clock(-_HOUR)
    return 1


async def _move_clock_to_next_meeting(injector: FaultInjector, fault: Fault) -> int:
    """Moves to the cut-off of the next agenda, then to the meeting; every deadline before it becomes due at once."""
    owner = await asyncpg.connect(injector.stack.provisioned.addresses.database_url, timeout=10)
    try:
        meeting = await owner.fetchrow(_NEXT_MEETING)
        if meeting is None:
            return 0
        for instant in meeting:
            await set_clock(owner, instant + _A_MINUTE)
            await asyncio.sleep(fault.seconds)
    finally:
        await owner.close()
    return 1


async def send_poison_records(injector: FaultInjector, fault: Fault) -> int:
    return await injector.send_poison(fault.number)


async def _upgrade(injector: FaultInjector, _: Fault) -> int:
    """Upgrades consumers before producers, one process at a time, and rolls back in the opposite order."""
    for order, release in ((PROGRAMS[::-1], 1), (PROGRAMS, 0), (PROGRAMS[::-1], 1)):
        for program in order:
            await injector.restart(program, release)
    return 1


FAULTS: Mapping[str, Injection] = {
    "kill a process": _kill_process,
    "kill three processes at once": _kill_three_processes,
    "kill at a point": _kill_at_point,
    "kill a PostgreSQL session": _kill_postgres_session,
    "kill PostgreSQL": _kill_postgres,
    "kill the broker": _kill_broker,
    "suspend a process": _suspend_process,
    "suspend a process for a minute": _suspend_process,
    "suspend a PostgreSQL session": _suspend_postgres_session,
    "suspend PostgreSQL": _suspend_postgres,
    "suspend the broker": _suspend_broker,
    "network: latency": _delay_network,
    "network: reset": _reset_connections,
    "network: half-open": _half_open_connections,
    "network: black hole": _stall_network,
    "network: cut after some bytes": _cut_connections,
    "network: refused": refuse_connections,
    WIPE: _wipe_broker,
    DISK_FULL: _fill_disk,
    "move the clock by an hour": _move_clock_by_hour,
    NEXT_MEETING: _move_clock_to_next_meeting,
    POISON: send_poison_records,
    "rolling upgrade, rollback and upgrade": _upgrade,
}


async def _suspend(pid: int | None, seconds: float) -> int:
    count = _send_signal(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds if count else 0)
    _send_signal(pid, signal.SIGCONT)
    return count


def _send_signal(pid: int | None, number: signal.Signals) -> int:
    """Returns 1 when the process existed."""
    if pid is None:
        return 0
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return 1
    return 0


def _choose(pids: list[int], fault: Fault) -> int | None:
    return sorted(pids)[fault.number % len(pids)] if pids else None
