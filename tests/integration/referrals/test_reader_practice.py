"""The practice of a reader: its entries come with the first statement of the read, and say what the table says."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.persistence.practices import practices_of
from shared.persistence.transaction import Transaction
from tests.builders.practices import a_practice_entry, load_entries
from tests.builders.referrals import MONDAY, ReferralsClient, referrals
from tests.builders.row_security import planted_get

_CLOSING = (MONDAY + timedelta(days=7)).date()
_DAYS = (MONDAY.date(), _CLOSING)


async def _stands_for(tx: Transaction[Any], code: str) -> list[tuple[set[str], object]]:
    """For each day, the codes for which the practice stands, and the practice itself."""
    practices = await practices_of(tx, [code])
    return [(set(practices.codes_of(code, day)), practices.on(code, day)) for day in _DAYS]


def _asks_about_practices(statement: str) -> bool:
    """Whether it asks about practices alone."""
    return statement.startswith("SELECT * FROM practice")


@pytest.mark.parametrize("code", ["W07", "B01", "W09", "W01", "CLCH"])
async def test_reader_knows_practice_as_a_command_does(own_url: str, keys: Keys, tmp_path: Path, code: str) -> None:
    """The predecessor of another practice, its successor, one that closes, one that does not, and an organisation that is none."""
    merged, closed = a_practice_entry("W07", closed=_CLOSING, successor="B01"), a_practice_entry("W09", closed=_CLOSING)
    await load_entries(own_url, MONDAY, tmp_path, merged, closed)

    async with referrals(own_url, keys, MONDAY) as client:
        context = client.context
        async with planted_get(context, code, "referrals:refer") as reading, context.database.transaction() as changing:
            assert await _stands_for(reading, code) == await _stands_for(changing, code)


@pytest.mark.parametrize(("scope", "asks"), [("referrals:refer", False), ("referrals:triage", True)])
async def test_practice_of_referrer_needs_no_further_statement(client: ReferralsClient, scope: str, *, asks: bool) -> None:
    asked: list[str] = []
    async with planted_get(client.context, "W01", scope) as tx:
        with tx.connection.query_logger(lambda record: asked.append(record.query)):
            practices = await practices_of(tx, ["W01"])

    assert practices.on("W01", date(2026, 9, 7)) is not None
    assert [_asks_about_practices(each) for each in asked] == [True] * asks
