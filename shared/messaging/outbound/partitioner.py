"""The partition of a key, as every Kafka client computes it."""

from functools import lru_cache
from struct import unpack_from
from uuid import UUID

_SEED, _M, _32_BITS = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


@lru_cache(maxsize=100_000)
def partition_of(key: UUID, partitions: int) -> int:
    """Cached, because a person has many events."""
    return (murmur2(str(key).encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The hash of Kafka's default partitioner, by whole words; aiokafka computes it byte by byte (docs/performance.md)."""
    words, h = len(data) // 4, _SEED ^ len(data)
    for word in unpack_from(f"<{words}I", data):
        mixed = word * _M & _32_BITS
        h = (h * _M ^ (mixed ^ mixed >> 24) * _M) & _32_BITS
    if rest := data[4 * words :]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _32_BITS
    h = (h ^ h >> 13) * _M & _32_BITS
    return h ^ h >> 15
