"""The report of an import of risk scores. Repeated content changes nothing, and the report says so.

Sources: S07, G07.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from services.mdt.domain.policy import Policy
from services.mdt.domain.risk import rule_version
from services.mdt.domain.risk_file import BadRow, Reason, RiskFileTally
from services.mdt.domain.risk_importer import Importer
from shared.contracts.codes import RiskLevel
from shared.contracts.mdt import RiskHighClimberFound, RiskLevelCrossed
from shared.kernel.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class RiskImport:
    """`number` orders the imports. `repeats` is the import that read the same content before; this one then changed nothing.

    `levels` counts the people at each level from 0 to 3, `mismatched` those whose stated level is not the band of their ratio.
    """

    id: UUID
    number: int
    digest: bytes
    imported_at: datetime
    imported_by: Importer
    rule_version: str
    rows: int = 0
    levels: tuple[int, ...] = (0,) * len(RiskLevel)
    mismatched: int = 0
    first_valid_from: date | None = None
    last_valid_from: date | None = None
    crossings: int = 0
    climbers: int = 0
    refused: Mapping[Reason, int] = field(default_factory=dict)
    bad_rows: tuple[BadRow, ...] = ()
    repeats: UUID | None = None

    @property
    def accepted(self) -> int:
        return sum(self.levels)

    @property
    def events(self) -> int:
        return self.crossings + self.climbers

    @property
    def summary(self) -> str:
        if self.repeats:
            return "This file was imported before: nothing was changed and nothing was published."
        return (
            f"Imported lines: {self.accepted} of {self.rows}; refused lines: {self.rows - self.accepted}. "
            f"People who crossed into or out of the levels 2 and 3: {self.crossings}; high climbers: {self.climbers}."
        )


class ImportNotFound(NotFound):
    """No import of risk scores has this id."""

    code = "risk-import-not-found"


class ImportRunning(Conflict):
    """Another import of risk scores is in progress."""

    code = "import-in-progress"
    advice = "Wait for the end of the current import, then send the file again."


def begin(import_id: UUID, number: int, digest: bytes, *, by: Importer, now: datetime, policy: Policy) -> RiskImport:
    return RiskImport(import_id, number, digest, now, by, rule_version(policy))


def repeat(begun: RiskImport, earlier: RiskImport) -> RiskImport:
    """The report of a repeated import: the counts of the earlier one, without crossings and climbers."""
    same = replace(earlier, id=begun.id, number=begun.number, imported_at=begun.imported_at, imported_by=begun.imported_by)
    return replace(same, crossings=0, climbers=0, repeats=earlier.repeats or earlier.id)


def conclude(begun: RiskImport, tally: RiskFileTally, moved: Mapping[str, int]) -> RiskImport:
    """The report of the lines read and of the events published, by type."""
    days = sorted(map(date.fromisoformat, tally.days))
    return replace(
        begun,
        rows=tally.rows,
        levels=tuple(tally.levels),
        mismatched=tally.mismatched,
        first_valid_from=days[0] if days else None,
        last_valid_from=days[-1] if days else None,
        crossings=moved.get(RiskLevelCrossed.TYPE, 0),
        climbers=moved.get(RiskHighClimberFound.TYPE, 0),
        refused=tally.refused,
        bad_rows=tuple(tally.bad_rows),
    )
