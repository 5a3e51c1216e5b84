"""infra/kafka/acls.yaml says what the contracts say: one writer of a topic, readers by subscription."""

from collections import Counter

import pytest

from infra.contexts import CONTEXTS, subscriptions_of
from infra.deploy.kafka_access import declared_grants
from shared.contracts.event import producer
from shared.contracts.registry import registry

EVENTS = tuple(registry().values())
USERS = {context: context for context in CONTEXTS}
GRANTS = set(declared_grants(USERS, ""))


def test_each_topic_has_one_writer() -> None:
    writers = Counter(each.name for each in GRANTS if (each.operation, each.kind) == ("WRITE", "TOPIC"))

    assert set(writers) == {event.TOPIC for event in EVENTS}
    assert set(writers.values()) == {1}
    assert {each.principal for each in GRANTS} == {f"User:{context}" for context in CONTEXTS}


def test_writer_is_the_producer_of_the_contract() -> None:
    written = {(each.name, each.principal) for each in GRANTS if each.operation == "WRITE"}

    assert written == {(event.TOPIC, f"User:{producer(event)}") for event in EVENTS}


@pytest.mark.parametrize("context", CONTEXTS)
def test_context_reads_its_subscriptions_in_its_group(context: str) -> None:
    reads = {(each.kind, each.name) for each in GRANTS if each.principal == f"User:{context}" and each.operation == "READ"}

    assert reads == {*(("TOPIC", topic) for topic in subscriptions_of(context).topics), ("GROUP", context.replace("_", "-"))}


def test_nothing_else_is_granted() -> None:
    assert {(each.operation, each.kind) for each in GRANTS} == {("WRITE", "TOPIC"), ("READ", "TOPIC"), ("READ", "GROUP")}
    assert {(each.pattern, each.permission) for each in GRANTS} == {("LITERAL", "ALLOW")}
