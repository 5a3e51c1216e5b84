"""The tables of docs/access.md, which are written by hand: what the running product is compared with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.contexts import CONTEXTS, prefix

_PARTS = ("existence", "contact and lead", "plan, tasks and timeline", "story", "safeguarding")
_PREFERENCES = {
    "always": {"direct-care", "restricted", "withheld"},
    "unless withheld": {"direct-care", "restricted"},
    "direct care": {"direct-care"},
    "never": set[str](),
}
#: The organisations of a development stack, by the names of the page.
ORGANISATIONS: Mapping[str, frozenset[str]] = {
    "the Community Point of Access": frozenset({"CLCH"}),
    "Rapid Care": frozenset({"CLCH"}),
    "the members of the meeting": frozenset({"CLCH", "LBB", "BCCG", "RFL", "BEHMHT", "NLH", "LAS", "AGEUK"}),
    "the listed employers of navigators": frozenset({"CLCH", "AGEUK"}),
    "the senders of risk files": frozenset({"BCCG"}),
    "the council and the safeguarding leads": frozenset({"LBB", "CLCH"}),
    "information governance": frozenset({"CLCH"}),
}
_NAMES = {prefix(context).strip("/"): context for context in CONTEXTS}


@dataclass(frozen=True)
class Need:
    """What an operation needs: a part of a person, or one of the words that stand for none. `members` may use it alone, if it says so."""

    kind: str
    qualifier: str = ""

    @property
    def part(self) -> str | None:
        return self.kind if self.kind in _PARTS else None


@dataclass(frozen=True)
class AccessPage:
    """`scopes` of a basis; `shares`: the preferences under which a basis opens a part; `holders` of a scope, if it has any.

    `outside` names the tables of a context that have the id of a person and are not behind the second wall.
    """

    scopes: Mapping[str, frozenset[str]]
    shares: Mapping[tuple[str, str], frozenset[str]]
    needs: Mapping[tuple[str, str], Need]
    holders: Mapping[str, frozenset[str]]
    outside: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls) -> "AccessPage":
        text = Path("docs/access.md").read_text()
        shares = {
            (_code(basis), part): frozenset(_PREFERENCES[cell])
            for basis, *cells in _rows(text, "Parts")
            for part, cell in zip(_PARTS, cells, strict=True)
        }
        needs = {
            (_NAMES[service], operation): _need(need)
            for service, need, operations in _rows(text, "Operations")
            for operation in operations.split(", ")
        }
        holders = {scope: ORGANISATIONS[whose] for whose, scopes in _rows(text, "Organisations of scopes") for scope in _codes(scopes)}
        scopes = {_code(basis): frozenset(_codes(cell)) for basis, _, _, cell, _ in _rows(text, "Relationships")}
        rows = [(_NAMES[service], frozenset(_codes(cell))) for service, _, cell in _rows(text, "The second wall")]
        outside = {context: frozenset[str]().union(*(tables for name, tables in rows if name == context)) for context in CONTEXTS}
        return cls(scopes, shares, needs, holders, outside)

    def opens(self, bases: frozenset[str], scope: str, sharing: str, part: str) -> bool:
        """Whether a caller who holds these bases reads the part with the scope."""
        return any(sharing in self.shares[basis, part] for basis in self.acting(bases, scope))

    def acting(self, bases: frozenset[str], scope: str) -> frozenset[str]:
        """The bases on which a caller with the scope acts."""
        return frozenset(basis for basis in bases if scope in self.scopes[basis])


def _rows(text: str, heading: str) -> list[list[str]]:
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def _need(cell: str) -> Need:
    kind = next((part for part in _PARTS if cell.startswith(part)), cell.partition(",")[0])
    return Need(kind, cell.removeprefix(kind).strip(", "))


def _codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _code(cell: str) -> str:
    return cell.strip("`")
