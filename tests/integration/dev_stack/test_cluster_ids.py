"""A new cluster gets a name that Kafka's own tools take for a name."""

from base64 import urlsafe_b64decode
from uuid import UUID

from infra.dev_stack.local.kafka import new_cluster_id


def test_no_name_of_a_cluster_begins_like_an_option() -> None:
    names = {new_cluster_id() for _ in range(10_000)}
    assert len(names) == 10_000
    assert not [name for name in names if name.startswith("-") or len(name) != len("AAAAAAAAAAAAAAAAAAAAAA")]


def test_a_name_is_a_uuid_in_base64_as_kafka_has_it() -> None:
    assert isinstance(UUID(bytes=urlsafe_b64decode(new_cluster_id() + "==")), UUID)
