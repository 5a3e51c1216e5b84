"""Grants each context what infra/kafka/acls.yaml declares, and withdraws everything else that it may do.

Invariant: the ACLs and passwords of other principals stay as they are. Those that may write the product's topics, or read its restricted
ones, are reported.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import KafkaError, KafkaException

from infra.deploy.kafka_grants import Grant, GrantClient
from infra.deploy.topics import restricted_topics
from infra.errors import StackError
from shared.deployment.kafka_variables import KafkaPrincipal
from shared.messaging.kafka_settings import KafkaCredentials

FILE = Path(__file__).parents[1] / "kafka" / "acls.yaml"
_WRITES, _READS = {"WRITE", "ALL"}, {"READ", "ALL"}
_ADVICE: Mapping[int, str] = {
    KafkaError.SECURITY_DISABLED: "The brokers have no authorizer, so they control no access: set authorizer.class.name.",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "KAFKA_USER may not administer access: name it in super.users of the brokers.",
}


@dataclass(frozen=True, slots=True)
class AccessReport:
    """The users whose password was set, what changed, and what others may do beside what the product declares."""

    passwords: list[str]
    granted: list[Grant]
    withdrawn: list[Grant]
    foreign: list[Grant]


async def apply_access(bootstrap: str, credentials: KafkaCredentials, prefix: str) -> AccessReport:
    """Sets the passwords that the environment holds, and the ACLs of the contexts. Raises StackError."""
    return await asyncio.to_thread(_apply, bootstrap, credentials, prefix)


async def withdraw_access(bootstrap: str, credentials: KafkaCredentials, prefix: str) -> None:
    """Removes the ACLs and the passwords of the contexts. Raises StackError."""
    await asyncio.to_thread(_withdraw, bootstrap, credentials, prefix)


def declared_grants(users: Mapping[str, str], prefix: str) -> Iterator[Grant]:
    """`users` has the name of each context at the brokers. To write or read includes to describe."""
    for context, access in _declared().items():
        principal = f"User:{users[context]}"
        yield from (Grant(principal, "WRITE", "TOPIC", prefix + topic) for topic in access["writes"])
        yield from (Grant(principal, "READ", "TOPIC", prefix + topic) for topic in access["reads"])
        yield Grant(principal, "READ", "GROUP", prefix + access["group"])


def _apply(bootstrap: str, credentials: KafkaCredentials, prefix: str) -> AccessReport:
    users, passwords = _users(prefix), _passwords(prefix)
    declared = set(declared_grants(users, prefix))
    try:
        client = GrantClient(bootstrap, credentials)
        client.set_passwords(passwords)
        existing = client.grants()
        own = {each for each in existing if each.principal in {f"User:{user}" for user in users.values()}}
        client.add(declared - own)
        client.remove(own - declared)
    except KafkaException as problem:
        raise _refusal(problem) from None
    return AccessReport(sorted(passwords), sorted(declared - own), sorted(own - declared), sorted(_foreign(existing - own, prefix)))


def _withdraw(bootstrap: str, credentials: KafkaCredentials, prefix: str) -> None:
    users = _users(prefix).values()
    try:
        client = GrantClient(bootstrap, credentials)
        client.remove([each for each in client.grants() if each.principal in {f"User:{user}" for user in users}])
        client.remove_passwords(users)
    except KafkaException as problem:
        raise _refusal(problem) from None


def _declared() -> Mapping[str, Mapping[str, Any]]:
    declared: Mapping[str, Mapping[str, Any]] = yaml.safe_load(FILE.read_text())["contexts"]
    return declared


def _users(prefix: str) -> Mapping[str, str]:
    return {context: KafkaPrincipal.of(context).user(context, prefix) for context in _declared()}


def _passwords(prefix: str) -> Mapping[str, str]:
    principals = {context: KafkaPrincipal.of(context) for context in _declared()}
    return {each.user(context, prefix): each.password for context, each in principals.items() if each.password}


def _foreign(others: Iterable[Grant], prefix: str) -> Iterator[Grant]:
    topics = [prefix + topic for access in _declared().values() for topic in access["writes"]]
    restricted = [prefix + topic for topic in restricted_topics()]
    for each in others:
        writes = each.operation in _WRITES and any(each.covers("TOPIC", topic) for topic in topics)
        reads = each.operation in _READS and any(each.covers("TOPIC", topic) for topic in restricted)
        if each.permission == "ALLOW" and (writes or reads):
            yield each


def _refusal(problem: KafkaException) -> StackError:
    error = problem.args[0]
    return StackError(_ADVICE.get(error.code(), f"Kafka rejected the request for access ({error.name()})."))
