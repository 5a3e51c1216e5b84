"""All checks, in order, on one snapshot of the databases and on Kafka beside it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

import asyncpg

from infra.deploy.topics import layout_of_environment
from infra.dev_stack.stack_state import endpoints
from infra.operations.verify import client_log, lag
from infra.operations.verify.broker import Broker, connected
from infra.operations.verify.check import judge
from infra.operations.verify.checks import CHECKS
from infra.operations.verify.comparison import compare
from infra.operations.verify.deliveries import KafkaSnapshot, Tell, deliveries, snapshot_kafka
from infra.operations.verify.finding import Finding, found
from infra.operations.verify.lag import Backlog, Lag
from infra.operations.verify.progress import silent
from infra.operations.verify.verdict import Verdict
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

#: Consumers tell Kafka how far they have come twice a second; whoever has applied all of it has told it soon.
_SOON_SECONDS, _AGAIN_SECONDS = 10.0, 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """What is judged besides the promises themselves.

    `is_live`: what is on its way is stated and no contradiction. `parked`: how many records and deadlines wait for an
    operator by intention. `recorded_since`: deliveries of earlier events are not judged (a context that listens to more
    than it did has not applied what it let pass before). `log` is a client's (see answers). `keep` is what the services keep.
    `strangers`: the keys of records that somebody put on the topics on purpose, to see that they are parked.
    """

    is_live: bool = False
    parked: int = 0
    recorded_since: datetime | None = None
    log: Path | None = None
    keep: RetentionPolicy = DEFAULT_RETENTION
    strangers: frozenset[bytes] = frozenset()


async def verify(database_url: str, bootstrap: str, *, prefix: str = "", terms: Options = Options(), tell: Tell = silent) -> Verdict:
    """Judges what is there now. The services may run meanwhile, and must for nothing to be on its way."""
    begun = monotonic()
    async with connected(bootstrap, prefix) as broker:
        looked = await snapshot_kafka(broker) if terms.is_live else await _at_the_end(broker)
        with deliveries(looked, tell, terms.strangers) as taken:
            owner = await asyncpg.connect(database_url, server_settings={"jit": "off"})
            try:
                async with owner.transaction(isolation="repeatable_read", readonly=True):
                    findings = await _judge_databases(owner, terms, tell)
                    findings += await client_log.compare(owner, terms.log, terms.keep) if terms.log else []
                    parked, waiting = await lag.parked(owner), await lag.in_the_databases(owner)
                    await taken.take_logs(owner, terms.keep, terms.recorded_since)
            finally:
                await owner.close()
            await taken.take_records(broker)
            compared, behind = compare(taken)
    on_the_way = {**waiting, **behind, **_unread(looked)}
    findings += [*compared, *_unfinished(terms, parked, on_the_way)]
    return Verdict(sorted(findings, key=_number), on_the_way, monotonic() - begun)


async def verify_stack(name: str, terms: Options, tell: Tell = silent) -> Verdict:
    """Raises StackError when no such stack is running and no server is given."""
    where = endpoints(name)
    return await verify(where.database_url, where.kafka_bootstrap, prefix=layout_of_environment().prefix, terms=terms, tell=tell)


async def _at_the_end(broker: Broker) -> KafkaSnapshot:
    """What Kafka says when every consumer has told that it is at the end; or, if one does not come there, what it says then."""
    looked = await snapshot_kafka(broker)
    with suppress(TimeoutError):
        async with asyncio.timeout(_SOON_SECONDS):
            while looked.unread:
                await asyncio.sleep(_AGAIN_SECONDS)
                looked = await snapshot_kafka(broker)
    return looked


async def _judge_databases(owner: "asyncpg.Connection[asyncpg.Record]", terms: Options, tell: Tell) -> list[Finding]:
    findings = []
    for number, check in enumerate(CHECKS):
        findings.append(await judge(owner, check, terms.keep))
        tell("Asking the databases", number + 1, len(CHECKS))
    return findings


def _unread(looked: KafkaSnapshot) -> Lag:
    return {f"{context} not read": Backlog(count, 0) for context, count in looked.unread.items()}


def _unfinished(terms: Options, parked: Mapping[str, int], on_the_way: Lag) -> Sequence[Finding]:
    count = sum(parked.values())
    others = [f"{number} in {context}, {terms.parked} expected in all" for context, number in parked.items()]
    as_expected = found("I10", "what is parked is what is expected to be", count, [] if count == terms.parked else others or ["none is"])
    if terms.is_live:
        return [as_expected]
    open_work = [f"{waiting.count} {what}" for what, waiting in on_the_way.items()]
    return [as_expected, found("I10", "nothing is unsent, unapplied or overdue, and every consumer is at the end", 1, open_work)]


def _number(finding: Finding) -> int:
    return int(finding.invariant.removeprefix("I"))
