"""The contact of a person: the lead, else the GP of the practice of today (B11)."""

from datetime import date

import pytest

from services.navigation.domain.access import Lead, contact_of
from shared.contracts.codes import Locality, Role
from shared.contracts.practices import Practice, Practices

CLOSING = date(2015, 3, 16)
_BEFORE = date(2015, 3, 15)
NURSE = Lead("clch-community-nurse-1", Role.COMMUNITY_NURSE, "CLCH", is_fallback=False)
GP_OF_W07, GP_OF_W08 = (Lead(f"gp-{code}", Role.GP, code, is_fallback=True) for code in ("W07", "W08"))


def practices(successor: str | None) -> Practices:
    opened, same = date(2013, 4, 1), ("Surgery", Locality.WEST, "1 High Road", "020 7946 0207")
    return Practices([Practice("W07", *same, opened, CLOSING, successor), Practice("W08", *same, opened)])


@pytest.mark.parametrize(
    ("lead", "code", "successor", "day", "expected"),
    [
        (NURSE, "W07", None, CLOSING, NURSE),
        (None, "W07", "W08", _BEFORE, GP_OF_W07),
        (None, "W07", "W08", CLOSING, GP_OF_W08),
        (None, "W07", None, CLOSING, None),
        (GP_OF_W07, "W07", "W08", CLOSING, GP_OF_W08),
        (GP_OF_W07, None, "W08", CLOSING, GP_OF_W08),
        (GP_OF_W07, "W07", None, CLOSING, None),
        (None, "E85001", None, CLOSING, None),
        (None, None, None, CLOSING, None),
    ],
)
def test_contact_is_lead_or_practice_of_today(
    lead: Lead | None, code: str | None, successor: str | None, day: date, expected: Lead | None
) -> None:
    assert contact_of(lead, code, practices(successor), day) == expected
