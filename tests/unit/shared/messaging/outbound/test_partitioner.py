"""An event is published to the partition that Kafka's own clients choose for its key."""

from aiokafka.partitioner import murmur2 as of_the_client
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.outbound.partitioner import murmur2


@given(st.one_of(st.uuids().map(lambda key: str(key).encode()), st.binary(max_size=80)))
def test_key_hash_equals_that_of_kafka(key: bytes) -> None:
    assert murmur2(key) == of_the_client(key)
