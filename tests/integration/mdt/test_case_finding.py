"""Risk files over HTTP, and the screening of the people found (001:6611-6613, 10068-10072; G54)."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.contracts.mdt import CaseListed, CaseReferred, RiskLevelCrossed, RiskScreened, RiskWatchEnded
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import a_person_record, notifications, read, send_command
from tests.builders.population import BAD_LINES, HEADER

DALE = "9990548609"
FIRST = date(2015, 1, 31)
#: Valid synthetic NHS numbers.
OTHERS = ("9000000009", "9434765919", "9990548617", "9990548625")


def _csv(*lines: tuple[str, str, str], day: date = FIRST) -> bytes:
    return "\n".join([HEADER, *(f"{number},{practice},{ratio},,{day}" for number, practice, ratio in lines)]).encode()


async def _upload(context: RunningContext, content: bytes, **headers: str | None) -> httpx.Response:
    """POSTs a risk file. `headers` replace the importer's token, new idempotency key and CSV type; A value of None removes the header."""
    sent = context.token("mdt:import-risk", actor="analyst-1", organisation="BCCG") | {
        "Idempotency-Key": str(new_id()),
        "Content-Type": "text/csv",
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    removed = {name.replace("_", "-").lower() for name, value in headers.items() if value is None}
    remaining = {name: value for name, value in sent.items() if name.lower() not in removed}
    return await context.http.post("/mdt/risk/imports", content=content, headers=remaining)


async def _found(context: RunningContext, practice: str = "W07", **query: Any) -> dict[str, Any]:
    page: dict[str, Any] = await read(context, str(httpx.URL("/mdt/case-finding", params={"practice": practice, **query})))
    return page


async def _is_unchanged(context: RunningContext) -> bool:
    counts = await context.database.pool.fetchrow("SELECT (SELECT count(*) FROM risk_score), (SELECT count(*) FROM risk_import)")
    return not any(counts or ()) and not [event for event in await context.log() if event.TOPIC == "mdt.risk"]


async def test_upload_returns_report_that_stays_readable(context: RunningContext) -> None:
    bad, reason = BAD_LINES[2]
    sent = await _upload(context, _csv((DALE, "W07", "27.10"), (OTHERS[0], "W08", "0.5")) + f"\n{bad.format(day=FIRST)}".encode())

    report = sent.json()
    assert sent.status_code == 201, sent.text
    assert (report["rows"], report["accepted"], report["levels"]) == (3, 2, {"0": 1, "1": 0, "2": 0, "3": 1})
    assert (report["events"], report["bad_rows"], report["refused"]) == (1, [{"line": 4, "reason": reason}], {reason: 1})
    assert (report["first_valid_from"], report["repeats"]) == ("2015-01-31", None)
    importer = context.token("mdt:import-risk", actor="analyst-1", organisation="BCCG")
    assert (await context.http.get(sent.headers["location"], headers=importer)).json() == report


async def test_repeated_request_or_file_publishes_nothing_more(context: RunningContext) -> None:
    key, content = str(new_id()), _csv((DALE, "W07", "27.10"))
    first = await _upload(context, content, Idempotency_Key=key)

    request_again = await _upload(context, content, Idempotency_Key=key)
    file_again = await _upload(context, content)

    assert (request_again.status_code, request_again.json()) == (201, first.json())
    assert request_again.headers["idempotency-replayed"] == "true"
    assert (file_again.json()["repeats"], file_again.json()["events"]) == (first.json()["id"], 0)
    assert len(await context.published(RiskLevelCrossed)) == 1
    other = await _upload(context, _csv((DALE, "W07", "9.80")), Idempotency_Key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (_csv((DALE, "W07", "9.80")), {"Authorization": None}, 401, "token-missing"),
        (_csv((DALE, "W07", "9.80")), {"Content-Type": "application/json"}, 415, "csv-expected"),
        (_csv((DALE, "W07", "9.80")), {"Content-Type": None}, 415, "csv-expected"),
        (_csv((DALE, "W07", "9.80")), {"Idempotency_Key": None}, 400, "idempotency-key-missing"),
        (b"nhs;practice\n", {}, 409, "not-a-risk-file"),
        (b"", {}, 409, "not-a-risk-file"),
        (b"\xff\xfen\x00h\x00s\x00", {}, 409, "not-a-risk-file"),
        (HEADER.encode() + b"\n" + b"x" * (64 * 1024 * 1024), {}, 413, "body-too-large"),
    ],
)
async def test_invalid_upload_is_refused_and_stores_nothing(
    context: RunningContext, content: bytes, headers: dict[str, str | None], status: int, code: str
) -> None:
    response = await _upload(context, content, **headers)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert DALE not in response.text
    assert await _is_unchanged(context)


async def test_import_and_screening_require_their_scopes(context: RunningContext) -> None:
    refused = await _upload(context, _csv((DALE, "W07", "9.80")), **context.token("mdt:coordinate", "mdt:read"))
    await _upload(context, _csv((DALE, "W07", "9.80")))
    person = context.database.secrets.pseudonym(DALE)
    reader = context.token("mdt:read") | {"If-Match": 'W/"1"'}
    body = {"destination": "gp", "reason": "known-to-gp"}
    unscreened = await context.http.post(f"/mdt/case-finding/{person}/screening", json=body, headers=reader)

    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")
    assert (unscreened.status_code, unscreened.json()["code"]) == (403, "scope-missing")
    assert await context.published(RiskScreened) == []


async def test_case_finding_list_puts_unscreened_and_highest_first(context: RunningContext) -> None:
    people = (DALE, *OTHERS)
    before = _csv(*((number, "W07", ratio) for number, ratio in zip(people, ("9.80", "1.00", "5.00", "0.30", "30.0"), strict=True)))
    after = _csv(
        *((number, "W07", ratio) for number, ratio in zip(people, ("27.10", "3.50", "5.10", "0.40", "31.0"), strict=True)),
        day=FIRST + timedelta(days=30),
    )
    await _upload(context, before)
    await _upload(context, after)
    person = {number: str(context.database.secrets.pseudonym(number)) for number in people}
    await _screen(context, person[OTHERS[3]], "integrated-locality-team")

    listed = (await _found(context))["items"]

    assert [item["person_id"] for item in listed] == [person[DALE], person[OTHERS[1]], person[OTHERS[0]], person[OTHERS[3]]]
    assert [(item["level"], item["is_high_climber"], item["status"]) for item in listed] == [
        (3, True, "found"),
        (2, False, "found"),
        (1, True, "found"),
        (3, False, "screened"),
    ]
    assert (listed[1]["ratio"], listed[1]["valid_from"], listed[1]["since"]) == (5.1, "2015-03-02", "2015-01-31")
    assert (await _found(context, "W08"))["items"] == []


async def test_case_finding_list_is_paged_and_audited(context: RunningContext) -> None:
    await _upload(context, _csv(*((number, "W07", "9.80") for number in (DALE, *OTHERS))))

    first = await _found(context, limit=2)
    second = await _found(context, limit=2, cursor=first["next"])
    last = await _found(context, limit=2, cursor=second["next"])

    seen = [item["person_id"] for page in (first, second, last) for item in page["items"]]
    assert len(set(seen)) == len(seen) == 5
    assert last["next"] is None
    audited = await context.database.pool.fetch("SELECT subject FROM audit WHERE action = 'list_findings' ORDER BY id")
    assert [str(row["subject"]) for row in audited] == seen
    broken = await context.http.get("/mdt/case-finding?practice=W07&cursor=bm8", headers=context.token("mdt:read"))
    assert (broken.status_code, broken.json()["code"]) == (400, "cursor-malformed")


async def test_practice_reads_only_its_own_list(context: RunningContext) -> None:
    await _upload(context, _csv((DALE, "W07", "9.80")))
    own, other = (context.token("mdt:read", organisation=practice) for practice in ("W07", "W08"))

    assert (await context.http.get("/mdt/case-finding?practice=W07", headers=own)).status_code == 200
    refused = await context.http.get("/mdt/case-finding?practice=W07", headers=other)
    assert (refused.status_code, refused.json()["code"]) == (403, "not-mdt-member")
    person = context.database.secrets.pseudonym(DALE)
    assert (await context.http.get(f"/mdt/case-finding/{person}", headers=other)).status_code == 404


async def test_finding_alone_lists_no_case(context: RunningContext) -> None:
    await _upload(context, _csv((DALE, "W07", "40.0")))
    await context.let_pass(timedelta(weeks=3))

    assert await context.published(CaseReferred) == []
    assert await context.published(CaseListed) == []


async def test_screening_for_mdt_opens_case_with_same_correlation(context: RunningContext) -> None:
    person = await _dale(context)
    await context.deliver(a_person_record(), key=person, subject=person)

    screened = await _screen(context, person, "mdt")

    chains = await context.database.pool.fetch("SELECT DISTINCT correlation_id FROM event WHERE key = $1", person)
    assert [str(row[0]) for row in chains] == [screened["case_finding_id"]]
    assert len(await context.published(RiskScreened)) == 1
    [referred] = await context.published(CaseReferred)
    assert (referred.risk_level, referred.referral_id) == (2, None)
    again = await send_command(
        context, f"/mdt/case-finding/{person}/screening", screened["version"], {"destination": "gp", "reason": "stable"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "illegal-transition")


async def test_screening_for_mdt_needs_no_open_case(context: RunningContext) -> None:
    await _upload(context, _csv((DALE, "N07", "9.80")))  # a practice of another area
    person = context.database.secrets.pseudonym(DALE)
    path, body = f"/mdt/case-finding/{person}/screening", {"destination": "mdt", "reason": "complex-needs"}

    assert (await send_command(context, path, 1, body)).status_code == 200
    assert [event.locality for event in await context.published(RiskScreened)] == [None]
    await _upload(context, _csv((DALE, "N07", "27.10"), day=FIRST + timedelta(days=30)))
    twice = await send_command(context, path, 4, body | {"locality": "west"})
    assert (twice.status_code, twice.json()["code"]) == (409, "case-already-open")
    assert len(await context.published(RiskScreened)) == 1

    known = await _screen(context, person, "open-case")

    assert (known["status"], known["destination"]) == ("screened", "open-case")
    [case] = (await read(context, f"/mdt/cases?person_id={person}"))["items"]
    assert [event.case_id for event in await context.published(RiskScreened)] == [None, UUID(case["id"])]
    before = await notifications(context, "mdt-chair")
    await context.let_pass(timedelta(weeks=12))
    assert [each["kind"] for each in (await notifications(context, "mdt-chair"))[len(before) :] if each["kind"] == "finding-overdue"] == []


async def test_review_names_no_open_case_without_one(context: RunningContext) -> None:
    person = await _dale(context)

    refused = await send_command(
        context, f"/mdt/case-finding/{person}/screening", 1, {"destination": "open-case", "reason": "known-to-meeting"}
    )

    assert (refused.status_code, refused.json()["code"]) == (409, "no-open-case")
    assert (await read(context, f"/mdt/case-finding/{person}"))["status"] == "found"


@pytest.mark.parametrize("destination", ["integrated-locality-team", "navigation", "gp", "watching-brief"])
async def test_screening_to_other_destination_opens_no_case(context: RunningContext, destination: str) -> None:
    person = await _dale(context)

    screened = await _screen(context, person, destination)

    status = "watched" if destination == "watching-brief" else "screened"
    assert (screened["status"], screened["destination"], screened["reason"]) == (status, destination, "known-to-team")
    assert await context.published(CaseReferred) == []
    assert await read(context, f"/mdt/case-finding/{person}") == screened
    actions = [action["name"] for action in await read(context, f"/mdt/case-finding/{person}/actions")]
    assert actions == (["ScreenFinding"] if destination == "watching-brief" else [])


async def test_screening_needs_current_version_and_found_person(context: RunningContext) -> None:
    person = await _dale(context)
    body = {"destination": "gp", "reason": "known-to-gp"}

    stale = await send_command(context, f"/mdt/case-finding/{person}/screening", 7, body)
    unknown = await send_command(context, f"/mdt/case-finding/{new_id()}/screening", 1, body)
    nowhere = await send_command(context, f"/mdt/case-finding/{person}/screening", 1, body | {"destination": "nowhere"})

    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "risk-not-found")
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "validation-failed")
    assert [action["name"] for action in await read(context, f"/mdt/case-finding/{person}/actions")] == ["ScreenFinding"]
    assert await context.published(RiskScreened) == []


async def _dale(context: RunningContext) -> UUID:
    """Imports a score of Mr Dale at level 2; returns his pseudonym."""
    await _upload(context, _csv((DALE, "W07", "9.80")))
    return context.database.secrets.pseudonym(DALE)


async def _screen(context: RunningContext, person: UUID | str, destination: str) -> dict[str, Any]:
    found = await read(context, f"/mdt/case-finding/{person}")
    body = {"destination": destination, "reason": "known-to-team"}
    response = await send_command(context, f"/mdt/case-finding/{person}/screening", found["version"], body)
    assert response.status_code == 200, response.text
    return dict(response.json())


@pytest.mark.parametrize(("destination", "count"), [("gp", 1), ("integrated-locality-team", 1), ("mdt", 0), ("watching-brief", 0)])
async def test_screening_notifies_gp_and_publishes_locality(context: RunningContext, destination: str, count: int) -> None:
    person = await _dale(context)

    await _screen(context, person, destination)

    found = await notifications(context, "gp-W07")
    assert [(notification["kind"], notification["person_id"]) for notification in found] == [("redirected", str(person))] * count
    assert [event.locality for event in await context.published(RiskScreened)] == ["west"]


async def test_watching_brief_ends_after_26_weeks(context: RunningContext) -> None:
    person = await _dale(context)
    await _screen(context, person, "watching-brief")

    await context.let_pass(timedelta(weeks=26) - timedelta(minutes=1))
    assert await context.published(RiskWatchEnded) == []
    await context.let_pass(timedelta(minutes=1))

    assert [(event.level, event.practice_code) for event in await context.published(RiskWatchEnded)] == [(2, "W07")]
    found = await read(context, f"/mdt/case-finding/{person}")
    assert (found["status"], found["destination"]) == ("found", None)


async def test_later_screening_cancels_watching_brief(context: RunningContext) -> None:
    person = await _dale(context)
    await _screen(context, person, "watching-brief")
    await _upload(context, _csv((DALE, "W07", "27.10"), day=FIRST + timedelta(days=30)))
    await _screen(context, person, "gp")

    await context.let_pass(timedelta(weeks=27))

    assert await context.published(RiskWatchEnded) == []
