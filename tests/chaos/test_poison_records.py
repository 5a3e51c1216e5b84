"""Poison records must be parked by every context that reads their topic and cannot skip their type."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from infra.contexts import CONTEXTS, subscriptions_of
from infra.dev_stack.dev_secrets import Keys
from shared.contracts.envelope import Record
from shared.contracts.referrals import ReferralRouted
from tests.builders.context_app import secrets_of
from tests.builders.mdt import mdt
from tests.builders.navigation import navigation
from tests.builders.rapid_care import at, rapid_care
from tests.chaos.poison_records import must_park, poison


def test_subscribed_contexts_must_park_each_poison_record(keys: Keys) -> None:
    no_text, invalid_json, unknown_type, no_id, rejected, moved = poison(secrets_of(keys))

    def parking(record: Record) -> set[str]:
        return {context for context in CONTEXTS if must_park(subscriptions_of(context), record)}

    readers = {context for context in CONTEXTS if invalid_json.topic in subscriptions_of(context).topics}
    subscribers = {context for context in readers if ReferralRouted in subscriptions_of(context).on_event}
    assert parking(no_text) == parking(unknown_type) == readers
    assert parking(invalid_json) == parking(no_id) == parking(moved) == subscribers
    assert parking(rejected) == {"rapid_care", "mdt", "navigation"}


@pytest.mark.parametrize(("name", "opened"), [("rapid_care", rapid_care), ("mdt", mdt), ("navigation", navigation)])
async def test_subscribed_contexts_park_each_poison_record(
    name: str, opened: Callable[..., AbstractAsyncContextManager[Any]], owner_url: str, keys: Keys
) -> None:
    async with opened(owner_url, keys, at("14:00")) as client:
        context = getattr(client, "context", client)
        records = [record for record in poison(secrets_of(keys)) if must_park(subscriptions_of(name), record)]
        await context.processor.apply(records)

        assert await context.database.pool.fetchval("SELECT count(*) FROM parked") == len(records)
