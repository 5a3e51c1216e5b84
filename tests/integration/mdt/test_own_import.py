"""Who imports a score opens no case of the person in it, and has no relationship from it: another member of staff acts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from infra.dev_stack.dev_secrets import ISSUER
from services.mdt.domain.policy import Policy
from shared.contracts.persons import PersonMerged
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY, a_person_record
from tests.builders.population import HEADER
from tests.builders.row_security import planted_get

_NUMBER = "9990548609"
_ANOTHER_NUMBER = "9434765919"
_JANUARY, _FEBRUARY, _MARCH = (date(2015, month, 28) for month in (1, 2, 3))
_SCOPES = ("mdt:import-risk", "mdt:coordinate", "mdt:decide", "mdt:read")
_REVIEW = {"destination": "mdt", "reason": "complex-needs"}
#: Practices may send files of their own, as a deployment may permit.
_WITH_PRACTICES = replace(Policy(), risk_organisations=("BCCG", "LBB", "W06", "W07"))


def _caller(context: RunningContext, actor: str = "analyst-1", organisation: str = "BCCG", **claims: Any) -> dict[str, str]:
    return context.token(*_SCOPES, actor=actor, organisation=organisation, **claims)


async def _import(context: RunningContext, caller: dict[str, str], ratio: str, day: date, *, number: str = _NUMBER) -> UUID:
    """Imports one score of practice W07; returns the person's id."""
    content = f"{HEADER}\n{number},W07,{ratio},,{day}\n"
    headers = caller | {"Idempotency-Key": str(new_id()), "Content-Type": "text/csv"}
    sent = await context.http.post("/mdt/risk/imports", content=content.encode(), headers=headers)
    assert sent.status_code == 201, sent.text
    return context.database.secrets.pseudonym(number)


async def _record(context: RunningContext, person_id: UUID, **changes: Any) -> None:
    await context.deliver(a_person_record(**changes), key=person_id, subject=person_id)


async def _open(context: RunningContext, person_id: UUID, caller: dict[str, str]) -> httpx.Response:
    body = {"person_id": str(person_id), "practice_code": "W07", "locality": "west"}
    return await context.http.post("/mdt/cases", json=body, headers=caller | {"Idempotency-Key": str(new_id())})


async def _review(context: RunningContext, person_id: UUID, caller: dict[str, str], destination: str = "mdt") -> httpx.Response:
    version = await context.database.pool.fetchval("SELECT version FROM risk WHERE person_id = $1", person_id)
    headers = caller | {"If-Match": f'W/"{version or 1}"'}
    body = _REVIEW | {"destination": destination}
    return await context.http.post(f"/mdt/case-finding/{person_id}/screening", json=body, headers=headers)


async def _answers(context: RunningContext, person_id: UUID, caller: dict[str, str]) -> list[tuple[int, Any]]:
    """Of a case that the caller opens, and of a review."""
    answers = [await _open(context, person_id, caller), await _review(context, person_id, caller)]
    return [(answer.status_code, answer.json().get("code")) for answer in answers]


async def _seen(context: RunningContext, person_id: UUID, caller: dict[str, str]) -> list[Any]:
    """The statuses of the finding, the leads and the story, and the number of people in the practice's list."""
    paths = (f"/mdt/case-finding/{person_id}", f"/mdt/people/{person_id}/leads", f"/mdt/people/{person_id}/story")
    statuses = [(await context.http.get(path, headers=caller)).status_code for path in paths]
    listed = await context.http.get("/mdt/case-finding?practice=W07", headers=caller)
    return [*statuses, len(listed.json()["items"])]


_REFUSED = [(403, "own-import"), (403, "own-import")]
_NOTHING = [404, 404, 404, 0]


async def test_importer_opens_no_case_and_reads_nothing(context: RunningContext) -> None:
    importer = _caller(context)
    person_id = await _import(context, importer, "27.10", _JANUARY)
    await _record(context, person_id)

    assert await _answers(context, person_id, importer) == _REFUSED
    assert await _seen(context, person_id, importer) == _NOTHING
    cases = await context.database.pool.fetchval('SELECT count(*) FROM "case"')
    assert cases == 0


async def test_refusal_of_importer_has_advice_and_is_audited(context: RunningContext) -> None:
    importer = _caller(context, "analyst-3")
    person_id = await _import(context, importer, "27.10", _JANUARY)

    refused = await _open(context, person_id, importer)

    assert "another member of the meeting" in refused.json()["advice"]
    audited = await context.database.pool.fetch("SELECT actor_id, action, subject FROM audit WHERE refusal = 'own-import'")
    assert [tuple(row) for row in audited] == [("analyst-3", "ReferCase", person_id)]


@pytest.mark.parametrize("destination", ["gp", "navigation", "integrated-locality-team", "watching-brief"])
async def test_importer_sends_finding_to_no_service(context: RunningContext, destination: str) -> None:
    importer = _caller(context)
    person_id = await _import(context, importer, "27.10", _JANUARY)

    refused = await _review(context, person_id, importer, destination)

    assert (refused.status_code, refused.json()["code"]) == (403, "own-import")
    assert await context.database.pool.fetchval("SELECT status FROM risk") == "found"


async def test_second_member_of_staff_opens_the_case(context: RunningContext) -> None:
    person_id = await _import(context, _caller(context), "27.10", _JANUARY)
    await _record(context, person_id)
    colleague = _caller(context, "analyst-2")

    assert await _seen(context, person_id, colleague) == [200, 200, 403, 1]
    assert (await _review(context, person_id, colleague)).status_code == 200
    assert (await context.http.get(f"/mdt/people/{person_id}/story", headers=colleague)).status_code == 200


@pytest.mark.parametrize("policy", [_WITH_PRACTICES])
async def test_importer_with_second_post_is_same_person(context: RunningContext) -> None:
    person_id = await _import(context, _caller(context), "27.10", _JANUARY)
    second_post = _caller(context, organisation="LBB")

    assert await _answers(context, person_id, second_post) == _REFUSED
    assert await _seen(context, person_id, second_post) == _NOTHING


@pytest.mark.parametrize("scores", [[("27.20", _FEBRUARY), ("0.50", _MARCH)], [("0.50", _JANUARY)]], ids=["later-days", "same-day"])
async def test_later_score_of_another_importer_changes_nothing(context: RunningContext, scores: Sequence[tuple[str, date]]) -> None:
    """The entry stays, with the people whose scores made it."""
    importer, another = _caller(context), _caller(context, "analyst-2")
    person_id = await _import(context, importer, "27.10", _JANUARY)

    for ratio, day in scores:
        await _import(context, another, ratio, day)

        assert await _answers(context, person_id, importer) == _REFUSED
        assert await _seen(context, person_id, importer) == _NOTHING


async def test_importer_of_low_score_reviews_no_climber(context: RunningContext) -> None:
    """A low score makes a high climber of the person in the next file of another importer."""
    importer = _caller(context)
    await _import(context, importer, "0.10", _JANUARY)
    person_id = await _import(context, _caller(context, "analyst-2"), "4.00", _FEBRUARY)

    assert await _answers(context, person_id, importer) == _REFUSED
    assert await _seen(context, person_id, importer) == _NOTHING


async def test_repeated_file_of_colleague_frees_no_importer(context: RunningContext) -> None:
    importer, colleague = _caller(context), _caller(context, "analyst-2")
    person_id = await _import(context, importer, "27.10", _JANUARY)
    await _import(context, colleague, "27.10", _JANUARY)

    assert await _answers(context, person_id, importer) == _REFUSED
    assert (await _open(context, person_id, colleague)).status_code == 201


async def test_importer_reviews_no_merged_person(context: RunningContext) -> None:
    """The score is under the id of another record of the person."""
    importer = _caller(context)
    scored, survivor = await _import(context, importer, "27.10", _JANUARY), new_id()
    await _record(context, survivor)
    await context.deliver(PersonMerged(into=survivor, merged_at=MONDAY), key=scored, subject=scored)

    assert (await _open(context, survivor, importer)).json()["code"] == "own-import"
    assert (await context.http.get(f"/mdt/people/{survivor}/leads", headers=importer)).status_code == 404


async def test_importer_reviews_people_whom_others_imported(context: RunningContext) -> None:
    importer = _caller(context)
    await _import(context, importer, "27.10", _JANUARY)
    other = await _import(context, _caller(context, "analyst-2"), "27.10", _JANUARY, number=_ANOTHER_NUMBER)

    assert await _seen(context, other, importer) == [200, 200, 403, 1]
    assert (await _open(context, other, importer)).status_code == 201


@pytest.mark.parametrize("policy", [_WITH_PRACTICES])
@pytest.mark.parametrize("is_known", [False, True], ids=["no-record", "unconfirmed-practice"])
async def test_practice_names_itself_in_no_imported_score(context: RunningContext, *, is_known: bool) -> None:
    """As a practice that alone says that a person is registered with it (docs/adr/0048)."""
    analyst = context.token("mdt:import-risk", actor="analyst-1", organisation="W07")
    person_id = await _import(context, analyst, "27.10", _JANUARY)
    await _record(context, person_id, is_practice_confirmed=False) if is_known else None
    doctor = context.token("mdt:read", actor="gp-1", organisation="W07")

    assert await _seen(context, person_id, context.token("mdt:read", actor="analyst-1", organisation="W07")) == _NOTHING
    assert await _seen(context, person_id, doctor) == _NOTHING


@pytest.mark.parametrize("policy", [_WITH_PRACTICES])
async def test_importer_reads_nothing_in_practice_named(context: RunningContext) -> None:
    """One subject at the sender of the file and at the practice that it names."""
    person_id = await _import(context, _caller(context), "27.10", _JANUARY)

    assert await _seen(context, person_id, context.token("mdt:read", actor="analyst-1", organisation="W07")) == _NOTHING
    assert await _seen(context, person_id, context.token("mdt:read", actor="gp-1", organisation="W07")) == [200, 200, 404, 1]


async def _rows(context: RunningContext, person_id: UUID, organisation: str, actor: str) -> list[int]:
    """What a route without the policy shows: the entry of case finding, and the record."""
    async with planted_get(context, organisation, "mdt:coordinate", "mdt:read", actor=actor, issuer=ISSUER) as tx:
        seen = [f"SELECT count(*) FROM {table} WHERE person_id = $1" for table in ("risk", "person")]  # noqa: S608  names of this module
        return [await tx.driver.fetchval(each, person_id) for each in seen]


async def test_second_wall_hides_the_importers_own_finding(context: RunningContext) -> None:
    person_id = await _import(context, _caller(context), "27.10", _JANUARY)
    await _record(context, person_id, practice_code="unknown")

    assert await _rows(context, person_id, "BCCG", "analyst-1") == [0, 0]
    assert await _rows(context, person_id, "BCCG", "analyst-2") == [1, 1]


@pytest.mark.parametrize("policy", [_WITH_PRACTICES])
async def test_second_wall_takes_no_practice_from_its_own_score(context: RunningContext) -> None:
    """The one that sent it, and the one where the importer works, too."""
    person_id = await _import(context, _caller(context, organisation="W07"), "27.10", _JANUARY)
    other = await _import(context, _caller(context), "27.10", _JANUARY, number=_ANOTHER_NUMBER)
    for each in (person_id, other):
        await _record(context, each, practice_code="unknown")

    assert [await _rows(context, each, "W07", "gp-1") for each in (person_id, other)] == [[0, 0], [1, 1]]
    assert await _rows(context, other, "W07", "analyst-1") == [0, 0]
