"""The tables of the Community Point of Access and the only SQL that writes them, one module per aggregate."""

from services.referrals.store import (
    amendments,
    claims,
    directory,
    identity,
    leads,
    life,
    people,
    proposals,
    referrals,
    responses,
    risks,
    safeguarding,
    search,
    timeline,
)
from services.referrals.store.tables import METADATA

#: Importing a module registers its tables.
MODULES = (
    people,
    identity,
    referrals,
    responses,
    directory,
    leads,
    risks,
    timeline,
    life,
    proposals,
    safeguarding,
    amendments,
    claims,
    search,
)

__all__ = ["METADATA", "MODULES"]
