"""A long history refuses no request, stays out of the event and stays readable (finding B6).

Every test runs twice: without batching, and with each request as a batch.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from services.referrals.api.receive_group import RECEIVE_GROUP
from shared.contracts.input_types import MAX_LONG_TEXT
from shared.contracts.persons import PersonRecordRecorded, Story
from tests.builders.database import CommonDatabase
from tests.builders.referrals import MONDAY, ReferralsClient, a_body, referrals

_EVERY_REQUEST_IS_A_BATCH = replace(RECEIVE_GROUP, batches_single=True)
_STORIES = 40
_SHORT = {"narrative": "He fell. ".ljust(650, "a")}
_LARGEST = "SELECT max(length(data)) FROM event WHERE topic = 'referrals.person-record'"


@pytest.fixture(scope="module", params=[(), (_EVERY_REQUEST_IS_A_BATCH,)], ids=["without-batching", "with-batching"])
async def module_client(common_database: CommonDatabase, keys: Keys, request: pytest.FixtureRequest) -> AsyncIterator[ReferralsClient]:
    """The application with and without the adapters of shared/persistence/batching."""
    async with referrals(common_database.url, keys, MONDAY, groups=request.param) as client:
        yield client


def a_long_story(number: int) -> dict[str, Any]:
    """As long as a routine referral may send, with other contacts and needs in each."""
    return {
        "narrative": f"Story {number} ".ljust(MAX_LONG_TEXT, "x"),
        "what_matters": f"Wish {number} ".ljust(MAX_LONG_TEXT, "x"),
        "communication_needs": [f"Need {number} ".ljust(5_000, "x")],
        "contacts": [{"name": f"Neighbour {number} ".ljust(400, "x"), "relationship": "neighbour"} for _ in range(3)],
    }


async def test_forty_long_stories_refuse_no_path_and_stay_readable(client: ReferralsClient) -> None:
    first = await client.refer(story=a_long_story(0))
    for number in range(1, _STORIES):
        await client.refer(story=a_long_story(number), demographics=None)
    _require_everything((await client.get(f"/people/{first['person_id']}")).json())
    _require_newest((await client.context.published(PersonRecordRecorded))[-1].story)

    answers = {
        "urgent": await client.try_refer(story=_SHORT, urgency="urgent", condition="fall", reason="falls"),
        "routine": await client.try_refer(story=_SHORT | {"narrative": "He is alone. ".ljust(650, "b")}, reason="dementia"),
        "batch": await _batch(client, [a_body(story={"narrative": "c" * 650}), a_body(story={"narrative": "d" * 650}, urgency="urgent")]),
        "answer": await client.try_command(first["id"], "information", {"answer": "e" * MAX_LONG_TEXT}, caller=client.gp()),
        "revision": await _revise(client, first["person_id"], {"story": a_long_story(99)}),
    }

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "urgent": 201, "routine": 201, "batch": 200, "answer": 200, "revision": 200,
    }  # fmt: skip
    assert [item["status"] for item in answers["batch"].json()["items"]] == [201, 201]
    assert "history-shortened" in (await client.read(answers["urgent"].json()["id"]))["discrepancies"]
    assert await client.context.database.pool.fetchval(_LARGEST) < 1_000_000
    record = (await client.get(f"/{answers['urgent'].json()['id']}/record")).json()
    assert record["story"]["narrative"] == a_long_story(99)["narrative"]


def _require_everything(person: dict[str, Any]) -> None:
    """Each text of each story is in the record."""
    story, sent = person["story"], [a_long_story(number) for number in range(_STORIES)]
    texts = {story["narrative"], story["what_matters"], *story["history"]}
    assert {each[name] for each in sent for name in ("narrative", "what_matters")} <= texts
    assert {need for each in sent for need in each["communication_needs"]} <= set(story["communication_needs"])
    assert {contact["name"] for each in sent for contact in each["contacts"]} <= {contact["name"] for contact in story["contacts"]}


def _require_newest(published: Story) -> None:
    """The event has the newest texts and not the oldest ones."""
    assert published.narrative.startswith(f"Story {_STORIES - 1} ")
    assert published.history[-1].startswith(f"Wish {_STORIES - 2} ")
    assert not any(text.startswith("Story 0 ") for text in published.history)
    assert published.contacts[-1].name.startswith(f"Neighbour {_STORIES - 1} ")


async def _batch(client: ReferralsClient, bodies: list[dict[str, Any]]) -> httpx.Response:
    headers = client.gp() | {"Idempotency-Key": "batch-of-long-history"}
    return await client.context.http.post("/referrals/batch", json={"referrals": bodies}, headers=headers)


async def _revise(client: ReferralsClient, person_id: str, body: dict[str, Any]) -> httpx.Response:
    version = (await client.get(f"/people/{person_id}")).json()["version"]
    return await client.post(f"/people/{person_id}/record", body, version=version)
