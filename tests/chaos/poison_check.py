"""Compares the acknowledged poison records with the parked ones, and determines from Kafka why one is not parked.

A context that has not parked a record either passed over it, or the broker lost the record before the context read it. A broker loses
acknowledged records when it is wiped. One that restarts on a full disk can also lose its topics, or the end of a partition, and keep its
cluster id (docs/adr/0017). The relays then republish the event log, but poison records are in no event log.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from infra.contexts import CONTEXTS, subscriptions_of
from infra.dev_stack.product import ProvisionedStack
from infra.operations.replay import list_parked
from infra.operations.verify.broker import Broker, Offsets, connected
from tests.chaos.poison_records import AcknowledgedRecord, must_park

_WIPED, _LOST = "poison record lost with its cluster", "poison record lost by the same cluster"


@dataclass(frozen=True, slots=True)
class PoisonOutcome:
    """Numbers of records by sentence: `failures` fail the run, `losses` were lost by a broker whose data a fault destroyed."""

    failures: Counter[str]
    losses: Counter[str]


@dataclass(frozen=True, slots=True)
class TopicContents:
    """The poison records in Kafka, as topic, partition and first offset by key; and the committed offsets by context."""

    cluster: str
    positions: Mapping[bytes, tuple[str, int, int]]
    committed: Mapping[str, Offsets]


async def check_poison(
    provisioned: ProvisionedStack, acknowledged: Collection[AcknowledgedRecord], *, was_disk_full: bool
) -> PoisonOutcome:
    """`was_disk_full`: whether the broker's disk was full during the run."""
    parked = {}
    for context in CONTEXTS:
        records, _ = await list_parked(context, provisioned.name)
        parked[context] = {each.record.key or b"" for each in records}
    unparked = not_parked(acknowledged, parked)
    if not unparked:
        return PoisonOutcome(Counter(), Counter())
    async with connected(provisioned.addresses.kafka_bootstrap, provisioned.layout.prefix) as broker:
        contents = await read_contents(broker, {record.record.key or b"" for _, record in unparked})
    return classify(unparked, contents, was_disk_full=was_disk_full)


def not_parked(
    acknowledged: Collection[AcknowledgedRecord], parked: Mapping[str, Collection[bytes]]
) -> list[tuple[str, AcknowledgedRecord]]:
    """Pairs of a context and a record that it must park and has not parked. `parked` has the keys by context."""
    return [
        (context, each)
        for context, keys in parked.items()
        for each in acknowledged
        if must_park(subscriptions_of(context), each.record) and each.record.key not in keys
    ]


async def read_contents(broker: Broker, keys: Collection[bytes]) -> TopicContents:
    """Reads all topics for records with these keys. The committed offsets come first: a record below them was in Kafka before."""
    committed = {context: await broker.committed(context) for context in CONTEXTS}
    positions: dict[bytes, tuple[str, int, int]] = {}
    async for record in broker.read(await broker.ends()):
        if record.key is not None and record.key in keys:
            positions.setdefault(record.key, (record.topic, record.partition, record.offset))
    return TopicContents(await broker.cluster(), positions, committed)


def classify(unparked: Collection[tuple[str, AcknowledgedRecord]], contents: TopicContents, *, was_disk_full: bool) -> PoisonOutcome:
    """A loss without a wipe or a full disk has no explanation, so it is a failure."""
    failures: Counter[str] = Counter()
    losses: Counter[str] = Counter()
    for context, each in unparked:
        position = contents.positions.get(each.record.key or b"")
        if position is not None:
            failures[_describe(context, position, contents.committed[context])] += 1
        elif each.cluster != contents.cluster:
            losses[f"{_WIPED}, not parked in {context}"] += 1
        else:
            (losses if was_disk_full else failures)[f"{_LOST}, not parked in {context}"] += 1
    return PoisonOutcome(failures, losses)


def _describe(context: str, position: tuple[str, int, int], committed: Offsets) -> str:
    topic, partition, offset = position
    is_passed_over = offset < committed.get((topic, partition), 0)
    return f"poison record passed over by {context}" if is_passed_over else f"poison record not read by {context}"
