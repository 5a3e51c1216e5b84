"""One run: the stack, the load, every kind of fault alone, an outage of Kafka, the storm, the drain, and the checks."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import aiohttp
import asyncpg
from aiokafka.errors import KafkaError
from rich.console import Console

from infra.contexts import CONTEXTS
from infra.dev_stack.drain import pending_work
from infra.dev_stack.product import ProvisionedStack
from infra.dev_stack.serve import FreshTokens
from infra.errors import StackError
from infra.operations.replay import list_parked, replay_records
from infra.operations.verify.broker import connected
from infra.operations.verify.deliveries import snapshot_kafka
from infra.operations.verify.verdict import Verdict
from shared.messaging.shutdown import cancel_and_wait
from tests.chaos import results
from tests.chaos.client_log import client_log
from tests.chaos.clients import Clients
from tests.chaos.faults import FAULTS, FaultInjector, refuse_connections
from tests.chaos.http_client import ChaosClient, LoadResults
from tests.chaos.poison_check import PoisonOutcome, check_poison
from tests.chaos.recovery import Recovery, RecoveryMonitor
from tests.chaos.referral_sender import ReferralSender
from tests.chaos.results import InjectedFault
from tests.chaos.run_checks import missing_commands, missing_meetings, run_verify
from tests.chaos.schedule import BY_NAME, DISK_FULL, NEXT_MEETING, POISON, Fault, single_faults, storm
from tests.chaos.stack import StackUnderTest, stack_under_test
from tests.chaos.truncation import TruncationWatch, lost_events

_PAUSE_SECONDS, _WARM_UP_SECONDS = 1.0, 5.0
_DRAIN_TIMEOUT_SECONDS, _DRAIN_POLL_SECONDS = 900, 2.0
_POISON_INTERVAL_SECONDS, _POISON_TIMEOUT_SECONDS = 10.0, 10.0
_BACKLOG_TIMEOUT_SECONDS, _SMALL_BACKLOG = 600, 50
_NO_RECOVERY = Recovery(None, None, None)


@dataclass(frozen=True, slots=True)
class Plan:
    """`storm` and `outage` are in seconds. `only` selects kinds of faults by parts of their names, separated by commas.

    `everywhere`: before the storm each kind is injected at every server it can hit, not at one.
    """

    storm: float
    outage: float
    per_second: float
    seed: int
    only: str = ""
    everywhere: bool = False


@dataclass(slots=True)
class RunState:
    """The faults, failures and measurements so far."""

    injector: FaultInjector
    monitor: RecoveryMonitor
    out: Console
    injected: list[InjectedFault] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    backlog: dict[str, float] = field(default_factory=dict)
    replayed: Counter[str] = field(default_factory=Counter)
    poison_losses: Counter[str] = field(default_factory=Counter)
    truncation: TruncationWatch = field(default_factory=TruncationWatch)
    events_lost_by_the_broker: int = 0
    _exclusive: asyncio.Lock = field(default_factory=asyncio.Lock)

    def was_injected(self, kind: str, target: str) -> bool:
        return any(fault.kind == kind and fault.target == target and fault.count for fault in self.injected)

    async def inject_alone(self, fault: Fault) -> None:
        """Injects the fault and waits until the product has recovered."""
        injected = await self._inject(fault)
        recovery = await self.monitor.wait_for_recovery(injected.ended)
        self.injected.append(replace(injected, is_alone=True, recovery=recovery))
        figures = ", ".join(
            f"{name} {seconds:.2f}" if seconds is not None else f"{name} never" for name, seconds in asdict(recovery).items()
        )
        self.out.print(f"{fault.kind} ({fault.target}) {injected.count or 'missed'}: {figures}", highlight=False)
        await asyncio.sleep(_PAUSE_SECONDS)

    async def inject_in_storm(self, fault: Fault, begun: float) -> None:
        await asyncio.sleep(max(0.0, begun + (fault.moment or 0.0) - monotonic()))
        if BY_NAME[fault.kind].is_exclusive:
            async with self._exclusive:
                self.injected.append(await self._inject(fault))
        else:
            self.injected.append(await self._inject(fault))

    async def _inject(self, fault: Fault) -> InjectedFault:
        count = 0
        try:
            count = await FAULTS[fault.kind](self.injector, fault)
        except Exception as problem:  # a failed injection is reported, and the run continues
            self.failures.append(f"{fault.kind} ({fault.target}): {type(problem).__name__}: {problem}")
        return InjectedFault(fault.kind, fault.target, count, monotonic(), is_alone=False, recovery=_NO_RECOVERY)


async def run(plan: Plan, out: Console, folder: Path) -> dict[str, Any]:
    """Returns the line for the file of totals. Its `broken` and `surprises` are empty when the run passed."""
    name, log_path = f"chaos-{plan.seed}", folder / "client-log.jsonl"
    async with stack_under_test(name) as stack:
        if None in stack.disks.values():
            out.print("This machine allows no mounts: no disk is filled.")
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        async with aiohttp.ClientSession(connector=connector) as http, client_log(log_path) as log:
            client = ChaosClient(stack.url, FreshTokens(stack.provisioned.keys), http)
            clients = Clients(client, ReferralSender(client, log, Random(plan.seed)), Random(plan.seed))
            monitor = RecoveryMonitor(stack.provisioned.addresses.database_url, client.results.acknowledged_at)
            state = RunState(FaultInjector(stack), monitor, out)
            loaded = await _run_under_load(plan, clients, state)
        drained = await _drain(stack.provisioned, state)
        verdict = await run_verify(stack.provisioned, log_path, set(state.injector.poison_keys), out)
        await _run_own_checks(stack, client.results, state)
        if verdict.broken and await _restore_lost_events(stack, state):
            drained += await _drain(stack.provisioned, state)
            verdict = await run_verify(stack.provisioned, log_path, set(state.injector.poison_keys), out)
    return _summary(plan, client.results, state, loaded, drained, verdict)


async def _run_under_load(plan: Plan, clients: Clients, state: RunState) -> float:
    """Returns the duration of the load in seconds."""
    await clients.register_staff()
    monitor = asyncio.create_task(state.monitor.run())
    begun = monotonic()
    load = asyncio.create_task(clients.run(plan.per_second))
    poison = asyncio.create_task(_send_poison_regularly(state))
    truncation = asyncio.create_task(state.truncation.run(state.injector.stack.provisioned))
    await asyncio.sleep(_WARM_UP_SECONDS)
    await _inject_all(plan, state, clients)
    await asyncio.sleep(_PAUSE_SECONDS)
    clients.stop()
    await load
    loaded = monotonic() - begun
    await cancel_and_wait(poison, monitor, truncation)
    state.injected = [fault if fault.is_alone else replace(fault, recovery=state.monitor.recovery(fault.ended)) for fault in state.injected]
    return loaded


async def _inject_all(plan: Plan, state: RunState, clients: Clients) -> None:
    singles, begun = single_faults(plan.seed, plan.only, everywhere=plan.everywhere), monotonic()
    for fault in singles:
        await state.inject_alone(fault)
    state.out.print(f"{len(singles)} faults injected alone in {monotonic() - begun:.0f} s.")
    if plan.outage:
        await _outage(plan, state, clients)
    begun = monotonic()
    faults = storm(plan.seed, plan.storm, plan.only)
    state.out.print(f"Storm: {len(faults)} faults in {plan.storm:.0f} s.")
    await asyncio.gather(*(state.inject_in_storm(fault, begun) for fault in faults))
    await asyncio.sleep(max(0.0, begun + plan.storm - monotonic()))
    await state.monitor.wait_for_recovery(monotonic())


async def _outage(plan: Plan, state: RunState, clients: Clients) -> None:
    """Refuses all connections to Kafka under load, then measures how quickly the relays publish the backlog."""
    before, begun = clients.client.results.acknowledged, monotonic()
    await refuse_connections(state.injector, Fault(None, "outage", "kafka", plan.outage, 1))
    ended = monotonic()
    waiting = max((count for at, count in state.monitor.backlog if at >= begun), default=0)
    intake = (clients.client.results.acknowledged - before) / (ended - begun)
    while not _is_backlog_small(state, ended) and monotonic() < ended + _BACKLOG_TIMEOUT_SECONDS:
        await asyncio.sleep(0.2)
    published = monotonic()
    await state.monitor.wait_for_recovery(ended)
    per_second = waiting / max(published - ended, 0.001)
    state.backlog = {
        "outage_seconds": plan.outage,
        "intake_per_second": round(intake, 1),
        "events_waiting": waiting,
        "published_in_seconds": round(published - ended, 1),
        "published_events_per_second": round(per_second, 1),
        "times_the_rate_of_events": round(per_second / max(waiting / plan.outage, 0.001), 1),
    }
    state.out.print(json.dumps({"backlog": state.backlog}), soft_wrap=True, highlight=False)


def _is_backlog_small(state: RunState, ended: float) -> bool:
    return any(at > ended + 1 and count < _SMALL_BACKLOG for at, count in state.monitor.backlog)


async def _send_poison_regularly(state: RunState) -> None:
    """Runs until cancelled; skips a round while the broker is away."""
    number = 0
    while True:
        await asyncio.sleep(_POISON_INTERVAL_SECONDS)
        number += 1
        with suppress(Exception):
            await asyncio.wait_for(FAULTS[POISON](state.injector, Fault(None, "", "kafka", 0, number)), _POISON_TIMEOUT_SECONDS)


async def _drain(provisioned: ProvisionedStack, state: RunState) -> float:
    """Waits until no work is pending; replays parked records that are no poison, as an operator would. Returns the seconds taken."""
    begun = monotonic()
    owner = await asyncpg.connect(provisioned.addresses.database_url)
    try:
        work: dict[str, int] = {}
        async with asyncio.timeout(_DRAIN_TIMEOUT_SECONDS):
            while work := await _pending(owner, provisioned):
                await asyncio.sleep(_DRAIN_POLL_SECONDS)
                await _replay(provisioned, state)
            await _replay(provisioned, state)
    except TimeoutError:
        state.out.print(f"Pending after {_DRAIN_TIMEOUT_SECONDS} s: {work}")
    finally:
        await owner.close()
    return monotonic() - begun


async def _pending(owner: "asyncpg.Connection[asyncpg.Record]", provisioned: ProvisionedStack) -> dict[str, int]:
    """Adds the unread records in Kafka to the pending work of the databases: poison records are in no event log."""
    work = {name: count for name, count in (await pending_work(owner)).items() if not name.endswith("parked")}
    try:
        async with connected(provisioned.addresses.kafka_bootstrap, provisioned.layout.prefix) as broker:
            return work | {f"{context} not read": count for context, count in (await snapshot_kafka(broker)).unread.items()}
    except (KafkaError, StackError):  # the broker may still recover from its last fault
        return work | {"brokers that do not respond": 1}


async def _replay(provisioned: ProvisionedStack, state: RunState) -> None:
    poison_keys = set(state.injector.poison_keys)
    for context in CONTEXTS:
        parked, _ = await list_parked(context, provisioned.name)
        for each in [each for each in parked if (each.record.key or b"") not in poison_keys]:
            done = await replay_records(context, provisioned.name, record=each.id)
            state.replayed[each.reason] += 1
            state.out.print(f"Replayed in {context}: {each.reason}: {done}", highlight=False)


async def _restore_lost_events(stack: StackUnderTest, state: RunState) -> bool:
    """Recreates the topics when the broker lost events, as the runbook asks the operator to do; returns whether it did.

    A loss counts as the broker's only where a partition was seen to lose records after the broker's disk was full.
    """
    lost = await lost_events(stack.provisioned)
    is_explained = state.was_injected(DISK_FULL, "kafka") and set(lost) <= state.truncation.partitions
    if not lost or not is_explained:
        return False
    state.events_lost_by_the_broker = lost.total()
    state.out.print(f"The broker truncated {len(lost)} partitions on a full disk and lost {lost.total()} events. The topics are recreated.")
    await stack.recreate_topics()
    return True


async def _run_own_checks(stack: StackUnderTest, load: LoadResults, state: RunState) -> None:
    """Adds to the surprises every failure that `care verify` does not check."""
    provisioned, url = stack.provisioned, stack.provisioned.addresses.database_url
    missing = await missing_meetings(url, load.meetings, load.discussed) | await missing_commands(url, load.commands)
    was_disk_full = state.was_injected(DISK_FULL, "kafka")
    outcome = await check_poison(provisioned, state.injector.acknowledged, was_disk_full=was_disk_full)
    _record_poison(outcome, load, state)
    load.surprises.update({name: count for name, count in missing.items() if count})
    load.surprises.update({f"parked: {reason}": count for reason, count in state.replayed.items() if reason.endswith("in its handler")})
    if state.was_injected(NEXT_MEETING, "mdt") and not load.meetings:
        load.surprises["the clock passed a meeting, and none was held"] += 1


def _record_poison(outcome: PoisonOutcome, load: LoadResults, state: RunState) -> None:
    state.poison_losses.update(outcome.losses)
    load.surprises.update(outcome.failures)
    for sentence, count in outcome.losses.items():
        state.out.print(f"Not counted as a failure: {sentence}: {count}", highlight=False)


def _summary(plan: Plan, load: LoadResults, state: RunState, loaded: float, drained: float, verdict: Verdict) -> dict[str, Any]:
    recovery = results.recovery_figures(state.injected)
    results.print_recoveries(state.out, recovery)
    summary = {
        "seed": plan.seed,
        "rate": plan.per_second,
        "seconds": round(loaded),
        "acknowledged": load.acknowledged,
        "acknowledged_per_second": round(load.acknowledged / loaded, 1),
        "journeys_finished": load.finished,
        "meetings": len(load.meetings),
        "plans_agreed": len(load.discussed),
        "held_back": load.held_back,
        "poison_records": len(state.injector.poison_keys),
        "poison_lost_by_the_broker": dict(state.poison_losses),
        "events_lost_by_the_broker": state.events_lost_by_the_broker,
        "faults": results.fault_counts(state.injected),
        "responses": dict(load.statuses),
        "surprises": dict(load.surprises),
        "failed_injections": state.failures,
        "backlog": state.backlog,
        "replayed": dict(state.replayed),
        "drained_in_seconds": round(drained, 1),
        "recovery": recovery,
        "verified_in_seconds": round(verdict.seconds, 1),
        "broken": {each.sentence: each.contradictions for each in verdict.broken},
    }
    printed = {name: value for name, value in summary.items() if name != "recovery"}
    state.out.print(json.dumps(printed), soft_wrap=True, highlight=False)
    return summary
