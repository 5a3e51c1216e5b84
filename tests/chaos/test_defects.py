"""`care verify` finds each seeded defect by the sentences that it contradicts, and passes without the defect."""

from pathlib import Path

import pytest

from tests.chaos.defects.stack import DefectStack
from tests.chaos.defects.table import DEFECTS, Defect

_DOCUMENT = Path(__file__).parents[2] / "docs" / "verification.md"
_EACH_DEFECT = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)


@_EACH_DEFECT
async def test_verify_finds_seeded_defect(defect: Defect, stack: DefectStack) -> None:
    verdict = await defect.scenario(stack, is_seeded=True)
    assert {(each.invariant, each.sentence) for each in verdict.broken} == set(defect.contradicted), verdict.broken


@_EACH_DEFECT
async def test_verify_passes_without_the_defect(defect: Defect, stack: DefectStack) -> None:
    verdict = await defect.scenario(stack, is_seeded=False)
    assert verdict.broken == []


def test_document_has_the_table_of_defects() -> None:
    _, _, section = _DOCUMENT.read_text().partition("## Seeded defects")
    table, _, _ = section.partition("\n## ")
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert rows[1:] == [defect.row for defect in DEFECTS]
