"""People of unknown and of closed practices, at Rapid Care (A15, B11)."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import ResponseSteppedDown
from shared.kernel.ids import new_id
from tests.builders.practices import a_practice_entry, load_entries
from tests.builders.rapid_care import RapidCareClient, at, mr_dale, rapid_care

NOW = at("10:00", date(2015, 3, 11))
CLOSING = date(2015, 6, 1)


@pytest.fixture
async def separate_team(own_url: str, keys: Keys) -> AsyncIterator[RapidCareClient]:
    """Rapid Care on a database whose practices a test may change."""
    async with rapid_care(own_url, keys, NOW) as team:
        yield team


@pytest.mark.parametrize(("successor", "expected"), [("B01", "gp-B01"), (None, None)])
async def test_briefing_names_practice_of_today(
    separate_team: RapidCareClient, own_url: str, tmp_path: Path, successor: str | None, expected: str | None
) -> None:
    person_id = new_id()
    await separate_team.context.deliver(mr_dale(), key=person_id, subject=person_id)
    response_id = await separate_team.receive_referral(person_id=person_id)
    await load_entries(own_url, separate_team.context.clock.at, tmp_path, a_practice_entry("W07", closed=CLOSING, successor=successor))

    async def lead() -> str | None:
        found = (await separate_team.get(f"responses/{response_id}/briefing"))["lead"]
        return found["professional_id"] if found else None

    before = await lead()
    separate_team.context.clock.at += CLOSING - NOW.date()

    assert (before, await lead()) == ("gp-W07", expected)


async def test_person_without_locality_is_cared_for(team: RapidCareClient) -> None:
    response_id = await team.receive_referral(locality=None, practice_code="E85001")
    await team.advance(response_id, Status.ASSESSED)

    await team.command(response_id, "step-down", destination="community-nursing")

    assert (await team.get(f"responses/{response_id}"))["locality"] is None
    assert [event.locality for event in await team.context.published(ResponseSteppedDown)] == [None]
