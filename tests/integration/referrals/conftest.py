"""The Community Point of Access, opened once per module and emptied before each test."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from infra.dev_stack.dev_secrets import Keys
from tests.builders.database import CommonDatabase
from tests.builders.rapid_care import RapidCareClient, rapid_care
from tests.builders.referrals import MONDAY, ReferralsClient, referrals


@pytest.fixture
def now() -> datetime:
    """The time of the clock when a test begins; `parametrize("now", ...)` sets another."""
    return MONDAY


@pytest.fixture(scope="module")
async def module_client(common_database: CommonDatabase, keys: Keys) -> AsyncIterator[ReferralsClient]:
    """The application and its connections, which the tests of a module use one after another."""
    async with referrals(common_database.url, keys, MONDAY) as client:
        yield client


@pytest.fixture
def client(module_client: ReferralsClient, owner_url: str, now: datetime) -> ReferralsClient:  # noqa: ARG001  it empties the tables
    """The Community Point of Access with empty tables and the clock at `now`."""
    module_client.context.clock.at = now
    return module_client


@pytest.fixture
async def team(owner_url: str, keys: Keys, now: datetime) -> AsyncIterator[RapidCareClient]:
    """Rapid Care on the same database, for a referral that is routed to it."""
    async with rapid_care(owner_url, keys, now) as team:
        yield team
