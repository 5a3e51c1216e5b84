"""The reasons of the meeting's commands are published ones: a free code could carry a name, a number or a story."""

from typing import Any

import pytest

from shared.contracts.mdt import CaseDeferred, CaseRedirected, MeetingCancelled, RiskScreened
from tests.builders.context_app import RunningContext
from tests.builders.mdt import Patient, a_finding, meetings, read, send_command

_EVENTS: tuple[type[Any], ...] = (CaseDeferred, CaseRedirected, MeetingCancelled, RiskScreened)


async def _answers(context: RunningContext, reasons: dict[str, str]) -> list[Any]:
    """Of a deferral, a screening, a cancellation of a meeting and a review of case finding, each with its reason."""
    deferred, screened = await Patient.listed(context), await Patient.referred(context)
    answers = [
        await deferred.try_command("deferral", {"reason": reasons["deferral"]}),
        await screened.try_command("screening", {"outcome": "not-eligible", "destination": "gp", "reason": reasons["screening"]}),
    ]
    person, meeting = await a_finding(context), (await meetings(context))[-1]
    path, finding = f"/mdt/case-finding/{person}", await read(context, f"/mdt/case-finding/{person}")
    body = {"destination": "gp", "reason": reasons["review"]}
    return [
        *answers,
        await send_command(context, f"/mdt/meetings/{meeting['id']}/cancellation", meeting["version"], {"reason": reasons["cancellation"]}),
        await send_command(context, f"{path}/screening", finding["version"], body),
    ]


@pytest.mark.parametrize("free", ["9990548609", "colin-dale-dementia", "not-quorate"])
async def test_free_reason_is_refused(context: RunningContext, free: str) -> None:
    answers = await _answers(context, dict.fromkeys(("deferral", "screening", "cancellation", "review"), free))

    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == [(422, "validation-failed")] * 4
    assert [await context.published(event) for event in _EVENTS] == [[]] * 4


async def test_published_reasons_are_in_the_events(context: RunningContext) -> None:
    reasons = {
        "deferral": "person-in-hospital",
        "screening": "insufficient-information",
        "cancellation": "severe-weather",
        "review": "known-to-gp",
    }

    answers = await _answers(context, reasons)

    assert [answer.status_code for answer in answers] == [200] * 4
    published = [[event.reason for event in await context.published(kind)] for kind in _EVENTS]
    assert [each[0] for each in published] == list(reasons.values())
