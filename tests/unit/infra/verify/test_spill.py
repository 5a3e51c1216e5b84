"""Added rows are read back, those of one id in one bucket and in order."""

from contextlib import closing
from pathlib import Path
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.operations.verify.spill import BUCKETS, Spill


@given(rows=st.lists(st.tuples(st.uuids(), st.integers(0, 255)), max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
def test_spill_reads_every_row_from_its_bucket(rows: list[tuple[UUID, int]], tmp_path: Path) -> None:
    with closing(Spill(tmp_path, "rows", "B")) as spill:
        for identity, number in rows:
            spill.add(identity.bytes, number)
        buckets = [list(spill.bucket(number)) for number in range(BUCKETS)]

    assert sorted(row for bucket in buckets for row in bucket) == sorted((identity.bytes, number) for identity, number in rows)
    for identity, _ in rows:
        expected = [(each.bytes, number) for each, number in rows if each == identity]
        (home,) = [found for bucket in buckets if (found := [row for row in bucket if row[0] == identity.bytes])]
        assert home == expected
