"""The numbers of the weekly meeting, each from domain.md §2.13; a deployment may set others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Fields of the aggregates stand in blocks, in the order of their modules."""

    timezone: str = "Europe/London"
