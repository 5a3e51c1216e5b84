"""How each kind strikes. A strike returns when what it did is over; from then on the product has to mend itself."""

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
from shared.contracts.envelope import Record
from tests.builders.context_app import secrets_of
from tests.chaos.control import PROGRAMS
from tests.chaos.poison_records import poison, put
from tests.chaos.schedule import Fault
from tests.chaos.stack import StackUnderTest

#: Says how many it struck.
Injection = Callable[["FaultInjector", Fault], Awaitable[int]]
_LOOK = 0.02
_PASSES_WITHIN = 15.0
_HALF_AN_HOUR, _HOUR = 1800, 3600
_A_MINUTE = timedelta(minutes=1)
_NEXT_MEETING = "SELECT cut_off_at, starts_at FROM mdt.meeting WHERE status = 'scheduled' ORDER BY starts_at LIMIT 1"
_STEP = "UPDATE {context}.clock_offset SET delta = delta + make_interval(secs => $1)"


class FaultInjector:
    """The ground, and what was put on its topics: all of its keys, and the records that Kafka still holds for certain."""

    def __init__(self, ground: StackUnderTest) -> None:
        self.ground = ground
        self.poisoned: list[bytes] = []
        self.certain: list[Record] = []
        self._wipes = 0

    async def wipe(self) -> None:
        self._wipes += 1
        try:
            await self.ground.wipe()
        finally:
            self.certain.clear()
            self._wipes += 1

    async def poison(self, number: int) -> int:
        place, before = self.ground.place, self._wipes
        records = poison(secrets_of(place.keys))
        self.poisoned += [record.key or b"" for record in records]
        placed = await put(place.addresses.kafka_bootstrap, place.layout.prefix, records, Random(number))
        if before == self._wipes and before % 2 == 0:  # no broker was wiped meanwhile
            self.certain += placed
        return len(records)

    @property
    def supervisor(self) -> Supervisor:
        return self.ground.supervisor

    def kill(self, program: str) -> int:
        return _send(self.ground.pid(program), signal.SIGKILL)

    async def step_clock(self, seconds: float) -> None:
        owner = await asyncpg.connect(self.ground.place.addresses.database_url, timeout=10)
        try:
            async with owner.transaction():
                for context in CONTEXTS:
                    await owner.execute(_STEP.format(context=context), seconds)
        finally:
            await owner.close()

    async def restart(self, program: str, release: int) -> None:
        """Asked to stop, started again as that release, and waited for."""
        self.ground.control.set_release(program, release)
        before = self.ground.pid(program)
        _send(before, signal.SIGTERM)
        async with asyncio.timeout(60):
            while (now := self.ground.pid(program)) is None or now == before:
                await asyncio.sleep(_LOOK)
        if program != "api":
            await self.ground.ready(program)


async def _kill_a_process(theatre: FaultInjector, strike: Fault) -> int:
    return theatre.kill(strike.target)


async def _kill_three(theatre: FaultInjector, strike: Fault) -> int:
    return sum(theatre.kill(program) for program in Random(strike.number).sample(PROGRAMS, 3))


async def _kill_at_a_point(theatre: FaultInjector, strike: Fault) -> int:
    """Armed for one of the next passages; when nobody comes by, nobody dies."""
    program, _, point = strike.target.partition(": ")
    control = theatre.ground.control
    control.arm(program, point, 1 + strike.number % 5)
    if point.startswith("timekeeper"):
        await theatre.step_clock(_HALF_AN_HOUR / 2)  # so that deadlines come
    begun = monotonic()
    while control.is_armed(program, point) and monotonic() - begun < _PASSES_WITHIN:
        await asyncio.sleep(_LOOK)
    died = not control.is_armed(program, point)
    control.disarm(program, point)
    return int(died)


async def _kill_a_session(theatre: FaultInjector, strike: Fault) -> int:
    """PostgreSQL then ends all sessions and recovers, as after a crash."""
    return _send(_one_of(theatre.ground.sessions(), strike), signal.SIGKILL)


async def _kill_postgres(theatre: FaultInjector, _: Fault) -> int:
    return _send(theatre.ground.postgres.pid, signal.SIGKILL)


async def _kill_the_broker(theatre: FaultInjector, _: Fault) -> int:
    return _send(theatre.ground.kafka.pid, signal.SIGKILL)


async def _stop_a_process(theatre: FaultInjector, strike: Fault) -> int:
    return await _stopped(theatre.ground.pid(strike.target), strike.seconds)


async def _stop_a_session(theatre: FaultInjector, strike: Fault) -> int:
    return await _stopped(_one_of(theatre.ground.sessions(), strike), strike.seconds)


async def _stop_postgres(theatre: FaultInjector, strike: Fault) -> int:
    return await _stopped(theatre.ground.postgres.pid, strike.seconds)


async def _stop_the_broker(theatre: FaultInjector, strike: Fault) -> int:
    return await _stopped(theatre.ground.kafka.pid, strike.seconds)


async def _latency(theatre: FaultInjector, strike: Fault) -> int:
    weather = theatre.ground.links[strike.target].weather
    weather.delay = 0.02 + strike.number % 10 / 100
    await asyncio.sleep(strike.seconds)
    weather.delay = 0.0
    return 1


async def _reset(theatre: FaultInjector, strike: Fault) -> int:
    theatre.ground.links[strike.target].reset()
    return 1


async def _half_open(theatre: FaultInjector, strike: Fault) -> int:
    deaf = theatre.ground.links[strike.target].deafen()
    await asyncio.sleep(strike.seconds)
    for pair in deaf:
        pair.abort()
    return 1


async def _black_hole(theatre: FaultInjector, strike: Fault) -> int:
    link = theatre.ground.links[strike.target]
    link.stall(is_stalled=True)
    await asyncio.sleep(strike.seconds)
    link.stall(is_stalled=False)
    return 1


async def _cut(theatre: FaultInjector, strike: Fault) -> int:
    theatre.ground.links[strike.target].cut_after(strike.number % 4000)
    return 1


async def shut(theatre: FaultInjector, strike: Fault) -> int:
    link = theatre.ground.links[strike.target]
    link.weather.is_shut = True
    link.reset()
    await asyncio.sleep(strike.seconds)
    link.weather.is_shut = False
    return 1


async def _wipe(theatre: FaultInjector, _: Fault) -> int:
    await theatre.wipe()
    return 1


async def _fill_the_disk(theatre: FaultInjector, strike: Fault) -> int:
    disk = theatre.ground.disks[strike.target]
    if disk is None:
        return 0
    try:
        await asyncio.to_thread(disk.fill)
        await asyncio.sleep(strike.seconds)
    finally:
        disk.relieve()
    return 1


async def _step_the_clock(theatre: FaultInjector, strike: Fault) -> int:
    await theatre.step_clock(_HOUR)
    await asyncio.sleep(strike.seconds)
    if strike.target == "forth and back":
        await theatre.step_clock(-_HOUR)
    return 1


async def _let_days_go_by(theatre: FaultInjector, strike: Fault) -> int:
    """To the closing of the next agenda, and to its meeting; every deadline in between is due at once."""
    owner = await asyncpg.connect(theatre.ground.place.addresses.database_url, timeout=10)
    try:
        coming = await owner.fetchrow(_NEXT_MEETING)
        if coming is None:
            return 0
        for instant in coming:
            await set_clock(owner, instant + _A_MINUTE)
            await asyncio.sleep(strike.seconds)
    finally:
        await owner.close()
    return 1


async def _poison(theatre: FaultInjector, strike: Fault) -> int:
    return await theatre.poison(strike.number)


async def _upgrade(theatre: FaultInjector, _: Fault) -> int:
    """Who reads goes before who writes, and back the other way round; each alone, while the others work."""
    for order, release in ((PROGRAMS[::-1], 1), (PROGRAMS, 0), (PROGRAMS[::-1], 1)):
        for program in order:
            await theatre.restart(program, release)
    return 1


FAULTS: Mapping[str, Injection] = {
    "kill a process": _kill_a_process,
    "kill three processes at once": _kill_three,
    "kill at a point": _kill_at_a_point,
    "kill a session of PostgreSQL": _kill_a_session,
    "kill PostgreSQL": _kill_postgres,
    "kill the broker": _kill_the_broker,
    "stop a process": _stop_a_process,
    "stop a process for long": _stop_a_process,
    "stop a session of PostgreSQL": _stop_a_session,
    "stop PostgreSQL": _stop_postgres,
    "stop the broker": _stop_the_broker,
    "network: latency": _latency,
    "network: reset": _reset,
    "network: half-open": _half_open,
    "network: black hole": _black_hole,
    "network: cut after some bytes": _cut,
    "network: nobody gets through": shut,
    "wipe the broker": _wipe,
    "disk full": _fill_the_disk,
    "step the clock an hour": _step_the_clock,
    "the days go by until a meeting": _let_days_go_by,
    "unreadable and raising records": _poison,
    "rolling upgrade, back and up again": _upgrade,
}


async def _stopped(pid: int | None, seconds: float) -> int:
    struck = _send(pid, signal.SIGSTOP)
    await asyncio.sleep(seconds if struck else 0)
    _send(pid, signal.SIGCONT)
    return struck


def _send(pid: int | None, number: signal.Signals) -> int:
    """1 when there was such a process."""
    if pid is None:
        return 0
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return 1
    return 0


def _one_of(pids: list[int], strike: Fault) -> int | None:
    return sorted(pids)[strike.number % len(pids)] if pids else None
