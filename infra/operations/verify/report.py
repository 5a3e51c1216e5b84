"""Runs all checks on one snapshot of the databases and on Kafka."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic

import asyncpg

from infra.database_owner import connected_owner
from infra.deploy.topics import layout_of_environment
from infra.dev_stack.local.external_servers import external_kafka_credentials
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from infra.operations.verify import client_log, pending_work
from infra.operations.verify.audit_chain import check_audits
from infra.operations.verify.audit_heads import PublicKeys, public_keys, published_heads
from infra.operations.verify.broker import Broker, connected
from infra.operations.verify.check import run_check
from infra.operations.verify.checks import CHECKS
from infra.operations.verify.comparison import compare
from infra.operations.verify.deliveries import KafkaSnapshot, OnProgress, deliveries, snapshot_kafka
from infra.operations.verify.finding import Finding, finding_of
from infra.operations.verify.pending_work import Backlog, PendingWork
from infra.operations.verify.progress import silent
from infra.operations.verify.verdict import Verdict
from shared.messaging.kafka_settings import KafkaCredentials
from shared.persistence.retention import DEFAULT_RETENTION, RetentionPolicy

#: Consumers commit their offsets twice a second.
_COMMIT_TIMEOUT_SECONDS, _POLL_SECONDS = 10.0, 0.1


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a verification.

    `is_live`: pending work is reported and no contradiction. `parked`: the expected number of parked records and deadlines.
    `recorded_since`: deliveries of earlier events are not checked; a context has not applied events from before its subscription.
    `log`: a client's log, see client_log. `retention`: the retention of the services. `foreign_keys`: the keys of records from outside the
    product, which are expected in Kafka. `audit_keys`: the public keys of the audits' sealers; without them no signature is checked.
    """

    is_live: bool = False
    parked: int = 0
    recorded_since: datetime | None = None
    log: Path | None = None
    retention: RetentionPolicy = DEFAULT_RETENTION
    foreign_keys: frozenset[bytes] = frozenset()
    audit_keys: PublicKeys | None = None


async def verify(
    database_url: str,
    bootstrap: str,
    credentials: KafkaCredentials | None = None,
    *,
    prefix: str = "",
    options: Options = Options(),
    on_progress: OnProgress = silent,
) -> Verdict:
    """Checks the current state. The services may run; without them pending work stays pending."""
    begun = monotonic()
    async with connected(bootstrap, prefix, credentials) as broker:
        snapshot = await snapshot_kafka(broker) if options.is_live else await _snapshot_at_the_end(broker)
        heads = await published_heads(broker)
        with deliveries(snapshot, on_progress, options.foreign_keys) as found:
            async with connected_owner(database_url, jit="off") as owner, owner.transaction(isolation="repeatable_read", readonly=True):
                findings = await _check_databases(owner, options, on_progress)
                findings += await client_log.compare(owner, options.log, options.retention) if options.log else []
                audits, unsealed = await check_audits(owner, heads, options.audit_keys)
                parked, pending = await pending_work.parked_counts(owner), await pending_work.pending_in_databases(owner)
                await found.read_logs(owner, options.retention, options.recorded_since)
            await found.read_records(broker)
            compared, not_applied = compare(found)
    all_pending = {**pending, **unsealed, **not_applied, **_unread(snapshot)}
    findings += [*audits, *compared, *_check_pending(options, parked, all_pending)]
    return Verdict(sorted(findings, key=_number), all_pending, monotonic() - begun)


async def verify_stack(name: str, options: Options, on_progress: OnProgress = silent) -> Verdict:
    """Raises StackError when the stack is not running and a server is not configured."""
    found, prefix = endpoints(name), layout_of_environment().prefix
    if not found.kafka_bootstrap:
        raise StackError(f"KAFKA_BOOTSTRAP_SERVERS is not set, and the stack “{name}” is not running: set it, as DATABASE_URL is set.")
    credentials = external_kafka_credentials()
    options = replace(options, audit_keys=options.audit_keys or public_keys(name))
    return await verify(found.database_url, found.kafka_bootstrap, credentials, prefix=prefix, options=options, on_progress=on_progress)


async def _snapshot_at_the_end(broker: Broker) -> KafkaSnapshot:
    """Waits until every consumer has committed the end of its topics, at most ten seconds."""
    snapshot = await snapshot_kafka(broker)
    with suppress(TimeoutError):
        async with asyncio.timeout(_COMMIT_TIMEOUT_SECONDS):
            while snapshot.unread:
                await asyncio.sleep(_POLL_SECONDS)
                snapshot = await snapshot_kafka(broker)
    return snapshot


async def _check_databases(owner: "asyncpg.Connection[asyncpg.Record]", options: Options, on_progress: OnProgress) -> list[Finding]:
    findings = []
    for number, check in enumerate(CHECKS):
        findings.append(await run_check(owner, check, options.retention))
        on_progress("Checking the databases", number + 1, len(CHECKS))
    return findings


def _unread(snapshot: KafkaSnapshot) -> PendingWork:
    return {f"{context} not read": Backlog(count, 0) for context, count in snapshot.unread.items()}


def _check_pending(options: Options, parked: Mapping[str, int], pending: PendingWork) -> Sequence[Finding]:
    count = sum(parked.values())
    counts = [f"{number} in {context}, {options.parked} expected in all" for context, number in parked.items()]
    contradictions = [] if count == options.parked else counts or [f"none, {options.parked} expected"]
    as_expected = finding_of("I10", "the number of parked records and deadlines is as expected", count, contradictions)
    if options.is_live:
        return [as_expected]
    work = [f"{backlog.count} {kind}" for kind, backlog in pending.items()]
    return [
        as_expected,
        finding_of("I10", "no event is unpublished or unapplied, no deadline is overdue, and no record is unread", 1, work),
    ]


def _number(finding: Finding) -> int:
    return int(finding.invariant.removeprefix("I"))
