"""Kafka's tools accept the id of a new cluster."""

from base64 import urlsafe_b64decode
from uuid import UUID

from infra.dev_stack.local.kafka import new_cluster_id


def test_cluster_id_never_starts_with_a_dash() -> None:
    ids = {new_cluster_id() for _ in range(10_000)}
    assert len(ids) == 10_000
    assert not [each for each in ids if each.startswith("-") or len(each) != len("AAAAAAAAAAAAAAAAAAAAAA")]


def test_cluster_id_is_a_uuid_in_base64() -> None:
    assert isinstance(UUID(bytes=urlsafe_b64decode(new_cluster_id() + "==")), UUID)
