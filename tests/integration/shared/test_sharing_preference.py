"""A sharing preference that arrives with a referral holds from the first moment, in every service (finding C7, G12)."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx
import pytest

from infra.dev_stack.dev_secrets import Keys
from tests.builders.four_contexts import Channel, FourContexts, four_contexts
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, ReferralsClient, a_body, a_demographics_body

SECRET = "He was hit by his son."
WITHHELD = {"sharing": "withheld", "sharing_stated_by": "person"}
#: The receiver of a referral of each route: service, scope and the address of the story.
ROUTES = {
    "service": ("district-nursing", "referrals", "referrals:receive", "/referrals/{referral}/record"),
    "mdt": ("mdt", "mdt", "mdt:read", "/mdt/people/{person}/story"),
    "navigation": ("care-navigation", "navigation", "navigation:coordinate", "/navigation/people/{person}/story"),
}
Order = Callable[[Sequence[Channel]], Sequence[Channel]]


@pytest.fixture
async def contexts(owner_url: str, keys: Keys) -> AsyncIterator[FourContexts]:
    async with four_contexts(owner_url, keys, MONDAY) as contexts:
        yield contexts


@pytest.fixture
def client(contexts: FourContexts) -> ReferralsClient:
    return ReferralsClient(contexts.contexts["referrals"])


class Receiver:
    """Reads the story of a routed referral after each record that arrives, and remembers every answer."""

    def __init__(self, contexts: FourContexts, route: str, sent: dict[str, Any]) -> None:
        self.service, context, scope, path = ROUTES[route]
        self._contexts, self._context = contexts, contexts.contexts[context]
        self._path, self._caller = path.format(referral=sent["id"], person=sent["person_id"]), self._context.token(scope)
        self.answers: list[httpx.Response] = []

    @property
    def has_seen_secret(self) -> bool:
        return any(SECRET in answer.text for answer in self.answers)

    @property
    def has_been_answered(self) -> bool:
        return any(answer.status_code != httpx.codes.NOT_FOUND for answer in self.answers)

    async def read(self) -> None:
        self.answers.append(await self._context.http.get(self._path, headers=self._caller))

    async def watch(self, order: Order = tuple) -> None:
        """Delivers one record after another, of the first channel in this order."""
        await self.read()
        while channels := await self._contexts.waiting():
            await self._contexts.deliver(order(channels)[0])
            await self.read()

    async def watch_replay(self) -> None:
        for channel in self._contexts.channels.values():
            await self._contexts.deliver(channel, 0, repeats=channel.delivered)
            await self.read()


async def _route(client: ReferralsClient, sent: dict[str, Any], route: str) -> None:
    triage = {"urgency": sent["requested_urgency"], "is_complex": route == "mdt", "reason": "Asked for by the GP."}
    await client.command(sent["id"], "triage", triage)
    await client.command(sent["id"], "route", {"route": route, "service_code": ROUTES[route][0]})


async def _refer_in_batch(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    headers = client.gp() | {"Idempotency-Key": "batch"}
    answer = await client.context.http.post("/referrals/batch", json={"referrals": [a_body(**changes)]}, headers=headers)
    referral: dict[str, Any] = answer.json()["items"][0]["referral"]
    return referral


def _backwards(channels: Sequence[Channel]) -> Sequence[Channel]:
    return channels[::-1]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("refer", "order"),
    [(ReferralsClient.refer, tuple), (ReferralsClient.refer, _backwards), (_refer_in_batch, tuple)],
    ids=["alone", "alone, backwards", "in a batch"],
)
async def test_story_of_withheld_referral_is_seen_at_no_moment(
    contexts: FourContexts, client: ReferralsClient, refer: Any, route: str, order: Order
) -> None:
    seen = {}
    for number, stated in ((DALE, {}), (OTHER_PERSON, WITHHELD)):
        sent = await refer(client, nhs_number=number, story={"narrative": SECRET}, **stated)
        receiver = Receiver(contexts, route, sent)
        await receiver.watch(order)
        await _route(client, sent, route)
        await receiver.watch(order)
        await receiver.watch_replay()
        seen[stated.get("sharing")] = receiver.has_been_answered, receiver.has_seen_secret

    assert seen == {None: (True, True), "withheld": (True, False)}


@pytest.mark.parametrize("route", ROUTES)
async def test_withheld_words_stay_closed_through_a_merge(contexts: FourContexts, client: ReferralsClient, route: str) -> None:
    known = await client.refer()
    await _route(client, known, route)
    receiver = Receiver(contexts, route, known)
    await receiver.watch()
    street = a_demographics_body(given_name="Unknown", address="Street")
    urgent = {"urgency": "urgent", "condition": "fall", "reason": "urgent-deterioration"}
    unverified = await client.refer(nhs_number=None, demographics=street, story={"narrative": SECRET}, **urgent, **WITHHELD)
    await receiver.watch()

    page = (await client.get(f"/people/{unverified['person_id']}/identity")).json()
    merge = await client.post(f"/people/{unverified['person_id']}/merge", {"into": known["person_id"]}, version=page["version"])
    assert merge.status_code == 200, merge.text
    await receiver.watch(_backwards)
    await receiver.watch_replay()

    assert not receiver.has_seen_secret
    assert receiver.answers[0].text != receiver.answers[-1].text
    assert any("dog" in answer.text for answer in receiver.answers)
    assert "dog" not in receiver.answers[-1].text


async def test_correction_publishes_new_words_with_their_preference(contexts: FourContexts, client: ReferralsClient) -> None:
    sent = await client.refer()
    await _route(client, sent, "mdt")
    receiver = Receiver(contexts, "mdt", sent)
    await receiver.watch()

    await client.post(f"/people/{sent['person_id']}/record", {"story": {"narrative": SECRET}, "sharing": "withheld"}, version=2)
    await receiver.watch()

    assert any("dog" in answer.text for answer in receiver.answers)
    assert (receiver.has_seen_secret, receiver.answers[-1].status_code) == (False, 403)


@pytest.mark.parametrize(
    ("stored", "stated", "holds"),
    [
        ("withheld", "direct-care", ("withheld", "person")),
        ("withheld", "restricted", ("withheld", "person")),
        ("restricted", "direct-care", ("restricted", "person")),
        ("restricted", "withheld", ("withheld", "representative")),
        ("direct-care", "restricted", ("restricted", "representative")),
        ("withheld", None, ("withheld", "person")),
    ],
)
async def test_later_referral_loosens_no_preference(
    client: ReferralsClient, stored: str, stated: str | None, holds: tuple[str, str]
) -> None:
    sent = await client.refer(sharing=stored, sharing_stated_by="person")

    await client.refer(reason="falls", demographics=None, story=None, sharing=stated, sharing_stated_by="representative")

    page = (await client.get(f"/people/{sent['person_id']}")).json()
    assert (page["sharing"], page["sharing_stated_by"]) == holds


async def test_receipt_obeys_the_preference_it_brings(client: ReferralsClient) -> None:
    await client.refer()

    again = await client.refer(reason="falls", demographics=None, story=None, **WITHHELD)

    assert (again["is_story_known"], again["story"]) == (True, None)


async def test_unreadable_preference_of_urgent_referral_withholds(client: ReferralsClient) -> None:
    urgent = {"urgency": "urgent", "condition": "fall", "reason": "urgent-deterioration"}

    sent = await client.refer(sharing="with no one", sharing_stated_by="daughter", **urgent)
    routine = await client.try_refer(nhs_number=OTHER_PERSON, sharing="with no one")

    page = (await client.get(f"/people/{sent['person_id']}")).json()
    assert (page["sharing"], page["sharing_stated_by"], page["story"]) == ("withheld", None, None)
    assert "text-unreadable" in sent["discrepancies"]
    assert routine.status_code == 422


async def test_source_alone_states_no_preference(client: ReferralsClient) -> None:
    sent = await client.refer(sharing_stated_by="person")

    page = (await client.get(f"/people/{sent['person_id']}")).json()
    assert (page["sharing"], page["sharing_stated_by"]) == ("direct-care", None)
