"""Each seeded defect is found by `care verify`, by what it breaks and by nothing else; the same without it passes."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infra.deploy.topics import declarations
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.local.stack import StackAddresses
from shared.kernel.ids import new_id
from shared.messaging import topics
from shared.messaging.kafka_settings import KafkaSettings
from shared.messaging.topics import Layout
from tests.chaos.defects.stack import Ground
from tests.chaos.defects.table import DEFECTS, Defect

_DOCUMENT = Path(__file__).parents[2] / "docs" / "verification.md"
_EACH = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)


@pytest.fixture
async def ground(own_url: str, addresses: StackAddresses, keys: Keys, tmp_path: Path) -> AsyncIterator[Ground]:
    prefix = f"{new_id().hex}."
    await topics.create(addresses.kafka_bootstrap, declarations(), Layout(prefix=prefix, partitions=1))
    owner = await asyncpg.connect(own_url)
    try:
        yield Ground(own_url, owner, KafkaSettings(addresses.kafka_bootstrap, prefix), keys, tmp_path)
    finally:
        await owner.close()


@_EACH
async def test_a_seeded_defect_is_found(defect: Defect, ground: Ground) -> None:
    verdict = await defect.live(ground, is_seeded=True)
    assert {(each.invariant, each.sentence) for each in verdict.broken} == set(defect.breaks), verdict.broken


@_EACH
async def test_the_same_without_the_defect_passes(defect: Defect, ground: Ground) -> None:
    verdict = await defect.live(ground, is_seeded=False)
    assert verdict.broken == []


def test_the_published_table_is_this_one() -> None:
    _, _, section = _DOCUMENT.read_text().partition("## Seeded defects")
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert rows[1:] == [defect.row for defect in DEFECTS]
