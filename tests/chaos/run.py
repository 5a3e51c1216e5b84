"""One run: the ground, the load, every kind of fault alone, an outage, the storm, quiet, and `care verify`."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import aiohttp
import asyncpg
from aiokafka.errors import KafkaError
from rich.console import Console

from infra.dev_stack.drain import pending_work
from infra.dev_stack.product import ProvisionedStack
from infra.dev_stack.serve import CALLERS, token
from infra.errors import StackError
from infra.operations.replay import list_parked, replay_records
from infra.operations.verify.broker import connected
from infra.operations.verify.deliveries import snapshot_kafka
from infra.operations.verify.verdict import Verdict
from infra.wiring import SUBSCRIPTIONS
from shared.messaging.shutdown import cancel_and_wait
from tests.chaos import results
from tests.chaos.client_log import answer_log
from tests.chaos.clients import Clients
from tests.chaos.faults import FAULTS, FaultInjector, shut
from tests.chaos.http_client import ChaosClient, Told
from tests.chaos.recovery import Recovery, Watch
from tests.chaos.referral_sender import ReferralSender
from tests.chaos.results import Struck
from tests.chaos.run_checks import judged, undone, unkept, unparked
from tests.chaos.schedule import BY_NAME, Fault, one_of_each, storm
from tests.chaos.stack import ground

_CALM, _WARM_UP = 1.0, 5.0
_CATCH_UP_SECONDS, _LOOK_AGAIN_SECONDS = 900, 2.0
_POISON_EVERY = 10.0
_DRAINED = 50
_TO_A_MEETING = "the days go by until a meeting"
_UNKNOWN = Recovery(None, None, None)


@dataclass(frozen=True, slots=True)
class Plan:
    """`storm` and `outage` in seconds; the load lasts as long as they and the strikes before them. `only`: kinds of such a name.

    `everywhere`: before the storm each kind strikes at every server that it may, not at one.
    """

    storm: float
    outage: float
    per_second: float
    seed: int
    only: str = ""
    everywhere: bool = False


@dataclass(slots=True)
class Course:
    """What happened so far."""

    theatre: FaultInjector
    watch: Watch
    out: Console
    struck: list[Struck] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    drain: dict[str, float] = field(default_factory=dict)
    replayed: Counter[str] = field(default_factory=Counter)
    _one_dear: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def alone(self, strike: Fault) -> None:
        """Strikes, and waits until everything works again."""
        struck = await self._do(strike)
        recovery = await self.watch.recovered(struck.ended)
        self.struck.append(Struck(strike.kind, strike.target, struck.count, struck.ended, is_alone=True, recovery=recovery))
        figures = ", ".join(
            f"{name} {seconds:.2f}" if seconds is not None else f"{name} never" for name, seconds in asdict(recovery).items()
        )
        self.out.print(f"{strike.kind} ({strike.target}) {struck.count or 'missed'}: {figures}", highlight=False)
        await asyncio.sleep(_CALM)

    async def in_the_storm(self, strike: Fault, begun: float) -> None:
        await asyncio.sleep(max(0.0, begun + (strike.moment or 0.0) - monotonic()))
        if BY_NAME[strike.kind].is_dear:
            async with self._one_dear:
                self.struck.append(await self._do(strike))
        else:
            self.struck.append(await self._do(strike))

    async def _do(self, strike: Fault) -> Struck:
        count = 0
        try:
            count = await FAULTS[strike.kind](self.theatre, strike)
        except Exception as problem:  # a strike that went wrong is told, and the run goes on
            self.failures.append(f"{strike.kind} ({strike.target}): {type(problem).__name__}: {problem}")
        return Struck(strike.kind, strike.target, count, monotonic(), is_alone=False, recovery=_UNKNOWN)


async def run(plan: Plan, out: Console, folder: Path) -> dict[str, Any]:
    """What is appended to the totals; its `broken` names every promise that was not kept."""
    name, log = f"chaos-{plan.seed}", folder / "answers.jsonl"
    async with ground(name) as there:
        if None in there.disks.values():
            out.print("This machine lets us mount no disk: disk full is not tried.")
        tokens = {caller: token(there.place.keys, caller) for caller in CALLERS}
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        async with aiohttp.ClientSession(connector=connector) as http, answer_log(log) as answers:
            asking = ChaosClient(there.url, tokens, http)
            clients = Clients(asking, ReferralSender(asking, answers, Random(plan.seed)), Random(plan.seed))
            watch = Watch(there.place.addresses.database_url, asking.told.answered_at)
            course = Course(FaultInjector(there), watch, out)
            loaded = await _under_load(plan, clients, course)
        caught_up = await _quiet(there.place, course)
        verdict = await judged(there.place, log, set(course.theatre.poisoned), out)
        _note(asking.told, course, await _untrue(there.place, asking.told, course))
    return _summary(plan, asking.told, course, loaded, caught_up, verdict)


async def _under_load(plan: Plan, clients: Clients, course: Course) -> float:
    """Says for how many seconds."""
    await clients.prepare()
    watching = asyncio.create_task(course.watch.run())
    begun = monotonic()
    load = asyncio.create_task(clients.run(plan.per_second))
    poisoning = asyncio.create_task(_poison(course))
    await asyncio.sleep(_WARM_UP)
    await _befall(plan, course, clients)
    await asyncio.sleep(_CALM)
    clients.stop()
    await load
    loaded = monotonic() - begun
    await cancel_and_wait(poisoning, watching)
    course.struck = [each if each.is_alone else _with_recovery(each, course.watch) for each in course.struck]
    return loaded


async def _befall(plan: Plan, course: Course, clients: Clients) -> None:
    alone, begun = one_of_each(plan.seed, plan.only, everywhere=plan.everywhere), monotonic()
    for strike in alone:
        await course.alone(strike)
    course.out.print(f"{len(alone)} strikes alone in {monotonic() - begun:.0f} s.")
    if plan.outage:
        await _outage(plan, course, clients)
    begun = monotonic()
    strikes = storm(plan.seed, plan.storm, plan.only)
    course.out.print(f"Storm: {len(strikes)} strikes in {plan.storm:.0f} s.")
    await asyncio.gather(*(course.in_the_storm(strike, begun) for strike in strikes))
    await asyncio.sleep(max(0.0, begun + plan.storm - monotonic()))
    await course.watch.recovered(monotonic())


async def _outage(plan: Plan, course: Course, clients: Clients) -> None:
    """Nobody reaches Kafka, and intake goes on; then how quickly the backlog drains, compared with the intake meanwhile."""
    before, begun = clients.asking.told.acknowledged, monotonic()
    await shut(course.theatre, Fault(None, "outage", "kafka", plan.outage, 1))
    back = monotonic()
    waiting = max((count for at, count in course.watch.backlog if at >= begun), default=0)
    intake = (clients.asking.told.acknowledged - before) / (back - begun)
    while not any(at > back + 1 and count < _DRAINED for at, count in course.watch.backlog) and monotonic() < back + 600:
        await asyncio.sleep(0.2)
    sent = monotonic()
    await course.watch.recovered(back)
    per_second = waiting / max(sent - back, 0.001)
    course.drain = {
        "outage_seconds": plan.outage,
        "intake_per_second": round(intake, 1),
        "events_waiting": waiting,
        "drained_in_seconds": round(sent - back, 1),
        "drained_events_per_second": round(per_second, 1),
        "times_the_rate_of_events": round(per_second / max(waiting / plan.outage, 0.001), 1),
    }
    course.out.print(json.dumps({"drain": course.drain}), soft_wrap=True, highlight=False)


async def _poison(course: Course) -> None:
    """Until cancelled; while the broker is away there is none."""
    number = 0
    while True:
        await asyncio.sleep(_POISON_EVERY)
        number += 1
        with suppress(Exception):
            await asyncio.wait_for(FAULTS["unreadable and raising records"](course.theatre, Fault(None, "", "kafka", 0, number)), 10)


def _with_recovery(struck: Struck, watch: Watch) -> Struck:
    return Struck(struck.kind, struck.target, struck.count, struck.ended, is_alone=False, recovery=watch.recovery(struck.ended))


async def _untrue(place: ProvisionedStack, told: Told, course: Course) -> dict[str, int]:
    """What was acknowledged and is not so, and poison that somebody passed over, by what it is."""
    url = place.addresses.database_url
    kept = await unkept(url, told.meetings, told.discussed)
    return kept | await undone(url, told.acted) | await unparked(place, course.theatre.certain)


async def _quiet(place: ProvisionedStack, course: Course) -> float:
    """Waits until nothing is on its way, as an operator who replays what was parked and is not poison. How much that was is counted."""
    begun = monotonic()
    owner = await asyncpg.connect(place.addresses.database_url)
    try:
        work: dict[str, int] = {}
        async with asyncio.timeout(_CATCH_UP_SECONDS):
            while work := await _unfinished(owner, place):
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                await _replay(place, course)
            await _replay(place, course)
    except TimeoutError:
        course.out.print(f"Still on its way after {_CATCH_UP_SECONDS} s: {work}")
    finally:
        await owner.close()
    return monotonic() - begun


async def _unfinished(owner: "asyncpg.Connection[asyncpg.Record]", place: ProvisionedStack) -> dict[str, int]:
    """Poison stands in no log: that it waits to be read and parked is known to Kafka alone."""
    work = {name: count for name, count in (await pending_work(owner)).items() if not name.endswith("parked")}
    try:
        async with connected(place.addresses.kafka_bootstrap, place.layout.prefix) as broker:
            return work | {f"{context} not read": count for context, count in (await snapshot_kafka(broker)).unread.items()}
    except (KafkaError, StackError):  # a broker that was struck last takes its time
        return work | {"brokers that do not answer": 1}


async def _replay(place: ProvisionedStack, course: Course) -> None:
    poisoned = set(course.theatre.poisoned)
    for context in SUBSCRIPTIONS:
        parked, _ = await list_parked(context, place.name)
        for each in [each for each in parked if (each.record.key or b"") not in poisoned]:
            done = await replay_records(context, place.name, record=each.id)
            course.replayed[each.reason] += 1
            course.out.print(f"Replayed in {context}: {each.reason}: {done}", highlight=False)


def _note(told: Told, course: Course, untrue: Mapping[str, int]) -> None:
    """What is no promise that `care verify` knows, and yet must not be."""
    told.surprises.update({name: count for name, count in untrue.items() if count})
    told.surprises.update({f"parked: {reason}": count for reason, count in course.replayed.items() if reason.endswith("in its handler")})
    if any(each.kind == _TO_A_MEETING and each.count for each in course.struck) and not told.meetings:
        told.surprises["days went by until a meeting, and none was held"] += 1


def _summary(plan: Plan, told: Told, course: Course, loaded: float, caught_up: float, verdict: Verdict) -> dict[str, Any]:
    recovered = results.recoveries(course.struck)
    results.tell_recoveries(course.out, recovered)
    summary = {
        "seed": plan.seed,
        "rate": plan.per_second,
        "seconds": round(loaded),
        "acknowledged": told.acknowledged,
        "acknowledged_per_second": round(told.acknowledged / loaded, 1),
        "journeys_finished": told.finished,
        "meetings": len(told.meetings),
        "plans_agreed": len(told.discussed),
        "held_back": told.held_back,
        "poisoned": len(course.theatre.poisoned),
        "faults": results.faults(course.struck),
        "answers": dict(told.statuses),
        "surprises": dict(told.surprises),
        "strikes_that_failed": course.failures,
        "drain": course.drain,
        "replayed": dict(course.replayed),
        "quiet_after_seconds": round(caught_up, 1),
        "recovery": recovered,
        "judged_in_seconds": round(verdict.seconds, 1),
        "broken": {each.sentence: each.contradictions for each in verdict.broken},
    }
    course.out.print(json.dumps({name: value for name, value in summary.items() if name != "recovery"}), soft_wrap=True, highlight=False)
    return summary
