"""What another referrer sends changes nothing that the first one sees, but status, urgency and deadline, which staff set too.

Findings: each of these showed a hospital, which knew an NHS number alone, that another organisation had sent something, and which one.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.event import Event
from shared.contracts.rapid_care import ResponseAccepted, ResponseCallAnswered
from tests.builders.referrals import MONDAY, ReferralsClient, a_demographics_body

_ALONE: dict[str, Any] = {"demographics": None, "story": None}
_URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration"}
#: The state of the referral, which its referrer always sees.
_STATE = {"status", "urgency", "clock_starts_at", "deadline", "responsible", "owner", "opens_at", "emergency_alternative"}


def _hospital(client: ReferralsClient) -> dict[str, str]:
    return client.context.token("referrals:refer", organisation="RFL", actor="rfl-1", role="nurse")


def _nurse(client: ReferralsClient) -> dict[str, str]:
    """A referrer of the organisation that is the Community Point of Access, without its scopes."""
    return client.context.token("referrals:refer", organisation="CLCH", actor="nurse-1", role="community-nurse")


async def _by_hospital(client: ReferralsClient, **changes: Any) -> dict[str, Any]:
    """The referral of a hospital that knows the number alone; another referrer has described the person before."""
    await client.refer(reason="dementia")
    return await client.refer(caller=_hospital(client), source="secondary-care", **(_ALONE | {"reason": "falls"} | changes))


async def _by_other(client: ReferralsClient, caller: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    sent = await client.refer(caller=caller or client.ambulance, source="ambulance", **(_ALONE | {"reason": "falls"} | changes))
    assert sent["status"] == "merged"
    return sent


async def _shown(client: ReferralsClient, sent: dict[str, Any]) -> dict[str, Any]:
    """What the hospital sees, without the state."""
    seen = (await client.get(f"/{sent['id']}", _hospital(client))).json()
    [listed] = [each for each in (await client.get("", _hospital(client))).json()["items"] if each["id"] == sent["id"]]
    entries = (await client.get(f"/{sent['id']}/timeline", _hospital(client))).json()["items"]
    views = {
        f"{kind}.{name}": each for kind, view in (("view", seen), ("list", listed)) for name, each in view.items() if name not in _STATE
    }
    return views | {"timeline": [(each["type"], each["organisation"], each["data"]) for each in entries]}


async def _changes(client: ReferralsClient, sent: dict[str, Any], before: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What the hospital sees differently since, with the former value and the present one."""
    return {name: (before[name], each) for name, each in (await _shown(client, sent)).items() if each != before[name]}


async def _with_rapid_care(client: ReferralsClient) -> dict[str, Any]:
    sent = await _by_hospital(client, **_URGENT, condition="copd")
    await client.command(sent["id"], "triage", {"urgency": "urgent", "reason": "Worse."})
    await client.command(sent["id"], "route", {"route": "rapid-care", "service_code": "rapid-care"})
    accepted = ResponseAccepted(referral_id=UUID(sent["id"]), accepted_at=MONDAY, due_at=MONDAY + timedelta(hours=2), routing=1)
    await _respond(client, sent, accepted)
    return sent


async def _respond(client: ReferralsClient, sent: dict[str, Any], event: Event) -> None:
    """An event of the one response of Rapid Care."""
    about = {"key": UUID(sent["person_id"]), "subject": UUID(sent["id"]), "correlation": UUID(sent["id"])}
    await client.context.deliver(event, **about)


async def _with_navigation(client: ReferralsClient) -> dict[str, Any]:
    sent = await _by_hospital(client)
    await client.command(sent["id"], "triage", {"urgency": "routine", "reason": "Stable."})
    await client.command(sent["id"], "route", {"route": "navigation", "service_code": "care-navigation"})
    return sent


async def _states_condition(client: ReferralsClient) -> None:
    await _by_other(client, **_URGENT, condition="pneumonia")


async def _raises_urgency(client: ReferralsClient) -> None:
    sent = await _by_other(client)
    await client.command(sent["id"], "amendment", {"is_urgent": True}, caller=client.ambulance)


async def _amends(client: ReferralsClient) -> None:
    sent = await _by_other(client)
    await client.command(sent["id"], "amendment", {"information": "He fell again."}, caller=client.ambulance)


async def _reports_death(client: ReferralsClient) -> None:
    sent = await _by_other(client)
    await client.command(sent["id"], "cancellation", {"reason": "died"}, caller=client.ambulance)


async def _nurse_reports_death(client: ReferralsClient) -> None:
    sent = await _by_other(client, _nurse(client))
    await client.command(sent["id"], "cancellation", {"reason": "died"}, caller=_nurse(client))


async def _brings_words(client: ReferralsClient) -> None:
    await _by_other(client, _nurse(client), story={"narrative": "He fell in the bath."})


async def _calls(client: ReferralsClient) -> None:
    await _by_other(client, **_URGENT, condition="copd")


async def _calls_and_is_answered(client: ReferralsClient) -> None:
    sent = await _by_other(client, **_URGENT, condition="copd")
    joined = await client.read((await client.read(sent["id"]))["merged_into"])
    await _respond(client, joined, ResponseCallAnswered(referral_id=UUID(joined["id"]), answered_at=MONDAY, routing=1))


async def _calls_unanswered(client: ReferralsClient) -> None:
    await _calls(client)
    await client.context.let_pass(timedelta(hours=1))


_Begin = Callable[[ReferralsClient], Awaitable[dict[str, Any]]]
_Act = Callable[[ReferralsClient], Awaitable[None]]


async def _urgent_without_condition(client: ReferralsClient) -> dict[str, Any]:
    return await _by_hospital(client, **_URGENT)


async def _informed(client: ReferralsClient) -> dict[str, Any]:
    sent = await _by_hospital(client)
    await client.command(sent["id"], "amendment", {"information": "He lives alone."}, caller=_hospital(client))
    return sent


async def _refuted(client: ReferralsClient) -> dict[str, Any]:
    sent = await _by_hospital(client)
    await client.command(sent["id"], "cancellation", {"reason": "died"}, caller=_hospital(client))
    await client.command(sent["id"], "discrepancy-resolution", {"discrepancy": "death-reported", "reason": "He telephoned."})
    return sent


async def _called(client: ReferralsClient) -> dict[str, Any]:
    sent = await _with_rapid_care(client)
    await client.command(sent["id"], "amendment", {"is_urgent": True}, caller=_hospital(client))
    return sent


async def _passed_on(client: ReferralsClient) -> dict[str, Any]:
    sent = await _with_navigation(client)
    await client.command(sent["id"], "amendment", {"information": "He lives alone."}, caller=_hospital(client))
    await client.command(sent["id"], "discrepancy-resolution", {"discrepancy": "receiver-uninformed", "reason": "They know."})
    return sent


_CASES: list[tuple[_Begin, _Act]] = [
    (_urgent_without_condition, _states_condition),
    (_by_hospital, _amends),
    (_by_hospital, _reports_death),
    (_by_hospital, _nurse_reports_death),
    (_informed, _amends),
    (_refuted, _reports_death),
    (_with_navigation, _brings_words),
    (_passed_on, _brings_words),
    (_with_rapid_care, _calls),
    (_with_rapid_care, _calls_and_is_answered),
    (_with_rapid_care, _calls_unanswered),
    (_called, _calls),
]


@pytest.mark.parametrize(("begin", "act"), _CASES, ids=[f"{begin.__name__}-{act.__name__}" for begin, act in _CASES])
async def test_word_of_another_shows_to_no_referrer(client: ReferralsClient, begin: _Begin, act: _Act) -> None:
    sent = await begin(client)
    await client.context.let_pass(timedelta(minutes=1))
    before, version = await _shown(client, sent), (await client.read(sent["id"]))["version"]

    await act(client)

    assert (await client.read(sent["id"]))["version"] > version
    assert await _changes(client, sent, before) == {}


async def test_own_report_shows_beside_that_of_another(client: ReferralsClient) -> None:
    """Finding: the referrer's own report changed nothing that it saw while the report of another stood."""
    sent = await _by_hospital(client)
    await _reports_death(client)

    reported = await client.command(sent["id"], "cancellation", {"reason": "died"}, caller=_hospital(client))
    again = await client.command(sent["id"], "cancellation", {"reason": "died"}, caller=_hospital(client))

    assert (reported["version"], reported["discrepancies"]) == (sent["version"] + 1, [*sent["discrepancies"], "death-reported"])
    assert (again["version"], again["discrepancies"]) == (reported["version"], reported["discrepancies"])


async def test_full_referral_of_another_ends_no_mark(client: ReferralsClient) -> None:
    """Finding: the marks of a referral by number alone vanished when another organisation described the person."""
    sent = await client.refer(caller=_hospital(client), source="secondary-care", **_ALONE, **_URGENT, condition="copd")
    before = await _shown(client, sent)

    await client.refer(caller=client.ambulance, source="ambulance", reason="falls", demographics=a_demographics_body())

    assert {"demographics-missing", "story-missing"} & set((await client.read(sent["id"]))["discrepancies"]) == set()
    assert await _changes(client, sent, before) == {}


async def test_own_second_referral_shows_no_call_of_another(client: ReferralsClient) -> None:
    """Finding: a second referral of the hospital, merged into its first, showed the time of the ambulance's call."""
    await _with_rapid_care(client)
    second = await client.refer(
        caller=_hospital(client), source="secondary-care", **_ALONE, reason="urgent-deterioration", urgency="routine"
    )
    before = await _shown(client, second)

    await _calls(client)

    assert second["status"] == "merged"
    assert await _changes(client, second, before) == {}


async def test_raised_urgency_names_no_other_organisation(client: ReferralsClient) -> None:
    """The mark of an urgent referral without a condition follows from its state."""
    sent = await _by_hospital(client)
    before = await _shown(client, sent)

    await _raises_urgency(client)

    after = await _shown(client, sent)
    assert {name for name, each in after.items() if each != before[name]} == {"view.discrepancies", "list.discrepancies"}
    assert after["view.discrepancies"] == [*before["view.discrepancies"], "condition-missing"]


async def test_end_names_no_other_organisation(client: ReferralsClient) -> None:
    """Finding: the timeline named the organisation that recorded the death."""
    by_practice = await client.refer(reason="dementia")
    await client.command(by_practice["id"], "triage", {"urgency": "routine", "reason": "Stable."})
    sent = await client.refer(caller=_hospital(client), source="secondary-care", reason="falls", **_ALONE)

    await client.command(by_practice["id"], "cancellation", {"reason": "died"}, caller=client.gp())

    entries = (await client.get(f"/{sent['id']}/timeline", _hospital(client))).json()["items"]
    ends = [(each["organisation"], each["role"], each["data"]["reason"]) for each in entries if each["type"].endswith(".cancelled.v1")]
    assert ends == [(None, None, "died")]
    assert {each["organisation"] for each in entries} == {"RFL", None}
