"""For each open state, the list that the model of owners names shows the referral to its owner."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from services.referrals.domain.owners import REFERRAL_OWNERS
from services.referrals.domain.referral import OPEN, Status
from shared.contracts.mdt import CaseListed
from shared.contracts.navigation import TaskAcknowledged, TaskSource
from shared.contracts.rapid_care import ResponseAccepted
from shared.kernel.ids import new_id
from tests.builders.owner_lists import listed_ids
from tests.builders.referrals import MONDAY, ReferralsClient

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}
POINT_OF_ACCESS = "CLCH"
Bring = Callable[[ReferralsClient], Awaitable[dict[str, Any]]]


def _sent(**changes: Any) -> Bring:
    return lambda client: client.refer(**changes)


def _triaged(urgency: str) -> Bring:
    async def bring(client: ReferralsClient) -> dict[str, Any]:
        sent = await client.refer()
        return await client.command(sent["id"], "triage", {"urgency": urgency, "reason": "Seen"})

    return bring


def _then(before: Bring, verb: str, body: Any = None) -> Bring:
    async def bring(client: ReferralsClient) -> dict[str, Any]:
        sent = await before(client)
        return await client.command(sent["id"], verb, body)

    return bring


def _routed(route: str, service: str, **changes: Any) -> Bring:
    return lambda client: client.refer_and_route(route, service, **changes)


def _accepted(before: Bring, event: Callable[[UUID], Any]) -> Bring:
    async def bring(client: ReferralsClient) -> dict[str, Any]:
        routed = await before(client)
        await client.deliver(routed, event(UUID(routed["id"])))
        return await client.read(routed["id"])

    return bring


_TO_RAPID_CARE, _TO_SERVICE = _routed("rapid-care", "rapid-care", **URGENT), _routed("service", "district-nursing")
_TO_MEETING = _routed("mdt", "mdt", reason="complex-needs")
_TO_NAVIGATION = _routed("navigation", "care-navigation", reason="information")
_QUESTION = {"question": "Who has the key?"}
WAYS: Mapping[Status, Mapping[str, Bring]] = {
    Status.IDENTIFIED: {"sent": _sent()},
    Status.UNVERIFIED: {"sent": _sent(nhs_number=None, **URGENT)},
    Status.TRIAGED_URGENT: {"judged": _triaged("urgent")},
    Status.TRIAGED_ROUTINE: {"judged": _triaged("routine")},
    Status.TRIAGED_ADVICE: {"judged": _triaged("advice")},
    Status.INFORMATION_REQUESTED: {
        "at the point of access": _then(_sent(), "information-request", _QUESTION),
        "with a receiver": _then(_TO_SERVICE, "information-request", _QUESTION),
    },
    Status.ROUTED: {"rapid care": _TO_RAPID_CARE, "meeting": _TO_MEETING, "navigation": _TO_NAVIGATION, "service": _TO_SERVICE},
    Status.RETURNED: {"by a service": _then(_TO_SERVICE, "return", {"reason": "capacity"})},
    Status.SIGNPOSTED: {"to a charity": _then(_triaged("advice"), "signpost", {"service_code": "befriending"})},
    Status.ACCEPTED: {
        "service": _then(_TO_SERVICE, "acceptance"),
        "rapid care": _accepted(_TO_RAPID_CARE, lambda it: ResponseAccepted(referral_id=it, accepted_at=MONDAY, due_at=MONDAY)),
        "meeting": _accepted(
            _TO_MEETING, lambda it: CaseListed(referral_id=it, meeting_id=new_id(), meeting_starts_at=MONDAY, is_urgent=False)
        ),
        "navigation": _accepted(
            _TO_NAVIGATION, lambda it: TaskAcknowledged(navigator_id="nav-1", source=TaskSource.REFERRAL, source_id=it)
        ),
    },
}


def test_each_open_state_is_tried() -> None:
    assert set(WAYS) == set(OPEN)


@pytest.mark.parametrize(
    ("status", "bring"), [pytest.param(status, way, id=f"{status}, {name}") for status, ways in WAYS.items() for name, way in ways.items()]
)
async def test_owner_sees_referral_in_the_list_of_model(client: ReferralsClient, status: Status, bring: Bring) -> None:
    referral, ownership = await bring(client), REFERRAL_OWNERS[status]
    assert referral["status"] == status
    row = await client.context.database.pool.fetchrow("SELECT * FROM referral WHERE id = $1", UUID(referral["id"]))

    assert ownership
    assert row
    organisation = row["receiver_organisation"] if status is Status.ACCEPTED else POINT_OF_ACCESS
    assert await listed_ids(client.context, "referrals", ownership.desk, dict(row), organisation) == [referral["id"]]
