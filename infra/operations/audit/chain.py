"""Runs `care audit verify`: judges the chains of the audits from the databases and from the heads in Kafka."""

from time import monotonic

from rich.console import Console

from infra.database_owner import connected_owner
from infra.deploy.topics import layout_of_environment
from infra.dev_stack.local.external_servers import external_kafka_credentials
from infra.dev_stack.stack_state import endpoints
from infra.errors import StackError
from infra.operations.verify.audit_chain import check_audits
from infra.operations.verify.audit_heads import published_heads, required_keys
from infra.operations.verify.broker import connected
from infra.operations.verify.verdict import Verdict, print_verdict
from shared.persistence.audit_chain import Head


async def judge_audits(out: Console, name: str) -> bool:
    """Whether every chain holds. Raises StackError without a server or without the public keys."""
    found, keys = endpoints(name), required_keys(name)
    if not found.kafka_bootstrap:
        raise StackError("KAFKA_BOOTSTRAP_SERVERS is not set: without the published heads the end of a chain proves nothing.")
    begun = monotonic()
    heads = await _heads(found.kafka_bootstrap)
    async with connected_owner(found.database_url, jit="off") as owner, owner.transaction(isolation="repeatable_read", readonly=True):
        findings, waiting = await check_audits(owner, heads, keys)
    verdict = Verdict(findings, waiting, monotonic() - begun)
    print_verdict(out, verdict)
    return verdict.holds


async def _heads(bootstrap: str) -> list[Head]:
    async with connected(bootstrap, layout_of_environment().prefix, external_kafka_credentials()) as broker:
        return await published_heads(broker)
