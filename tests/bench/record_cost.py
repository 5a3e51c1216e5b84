"""Microseconds that the security of records costs per event: `python -m tests.bench.record_cost`.

Each figure is the least processor time of seven runs in one process, with a public event of 300 bytes and a person's record of 2,000.
"""

import timeit
from collections.abc import Callable
from time import process_time

from rich import print as show

from infra.dev_stack.dev_secrets import make
from shared.contracts.authentication import HEADER
from shared.contracts.encryption import KeyRing, place
from shared.contracts.envelope import Record, read_envelope
from shared.kernel.ids import new_id
from tests.builders.context_app import arrived, secrets_of
from tests.builders.rapid_care import a_routed_referral, at

_RUNS, _TIMES = 7, 5_000


def microseconds(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, timer=process_time, repeat=_RUNS, number=_TIMES)) / _TIMES * 1e6


def _of_size(record: Record, size: int) -> Record:
    return Record(record.topic, 0, 0, record.key, b"x" * size, tuple(each for each in record.headers if each[0] != HEADER))


def main() -> None:
    secrets = secrets_of(make())
    routed = arrived(a_routed_referral(at("14:00")), key=new_id(), subject=new_id(), secrets=secrets)
    show(f"read the envelope: {microseconds(lambda: read_envelope(routed)):.1f} us, for comparison")
    for size in (300, 2_000):
        record = _of_size(routed, size)
        mac = secrets.mac_keys.sign(record.topic, record.key, record.value, record.headers)
        complete = Record(record.topic, 0, 0, record.key, record.value, (*record.headers, mac))
        signing = microseconds(lambda: secrets.mac_keys.sign(record.topic, record.key, record.value, record.headers))  # noqa: B023  runs here
        verifying = microseconds(lambda: secrets.mac_keys.verify(complete))  # noqa: B023  runs here
        show(f"{size} bytes: sign {signing:.1f} us, verify {verifying:.1f} us")
    _show_sealing(secrets.key_ring, b"x" * 2_000)


def _show_sealing(ring: KeyRing, plain: bytes) -> None:
    parts = ("referrals.person-record", "referrals.person-record.recorded.v1", str(new_id()), str(new_id()))
    sealed, data_key = ring.seal_apart(plain, place(*parts))
    sealing = microseconds(lambda: ring.seal_apart(plain, place(*parts)))
    opening = microseconds(lambda: ring.open_apart(sealed, data_key, place(*parts)))
    response = ring.seal(plain, place(*parts))
    shared = microseconds(lambda: ring.seal(plain, place(*parts))), microseconds(lambda: ring.open(response, place(*parts)))
    placing = microseconds(lambda: place(*parts))
    show(
        f"{len(plain)} bytes: seal {sealing:.1f} us, open {opening:.1f} us, of which the place {placing:.1f} us; "
        f"under the ring itself: seal {shared[0]:.1f} us, open {shared[1]:.1f} us"
    )


if __name__ == "__main__":
    main()
