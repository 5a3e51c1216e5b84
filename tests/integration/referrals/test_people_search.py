"""The search for persons, and candidates for a merge, over HTTP."""

from typing import Any

import pytest

from tests.builders.referrals import DALE, ReferralsClient, a_demographics_body

HOME = {"address": "12 Oakleigh Road, London N20 9AA", "telephone": "020 7946 0101"}
URGENT: dict[str, Any] = {"nhs_number": None, "urgency": "urgent", "reason": "urgent-deterioration", "condition": "fall"}


async def refer(client: ReferralsClient, *, known: bool = True, **demographics: Any) -> str:
    """Refers a person who lives at home, and returns their id."""
    options = {} if known else URGENT
    sent = await client.refer(**{"demographics": a_demographics_body(**HOME | demographics)} | options)
    return str(sent["person_id"])


async def search(client: ReferralsClient, **criterion: Any) -> list[str]:
    response = await client.post("/people/search", criterion)
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()["items"]]


@pytest.mark.parametrize(
    "criterion",
    [
        {"nhs_number": "999-054-8609"},
        {"family_name": "  o'BRIEN ", "born_on": "1932-05-02"},
        {"family_name": "O Brien", "born_on": "1932-05-02"},
        {"postcode": "n209aa"},
        {"address": "12 OAKLEIGH ROAD London N20 9AA"},
        {"telephone": "+44 20 7946 0101"},
        {"telephone": "02079460101 (evenings)"},
    ],
    ids=lambda criterion: " ".join(criterion.values()),
)
async def test_person_is_found_in_any_writing(client: ReferralsClient, criterion: dict[str, str]) -> None:
    person_id = await refer(client, family_name="O'Brien")

    assert await search(client, **criterion) == [person_id]


@pytest.mark.parametrize(
    ("recorded", "sought"),
    [("Müller", "Muller"), ("Siân", "SIAN"), ("O´Brien", "O`Brien"), ("Dvořák-Nový", "Dvorak Novy"), ("Strauß", "Strauss")],
)
async def test_family_name_is_found_as_it_is_compared(client: ReferralsClient, recorded: str, sought: str) -> None:
    """Also as a candidate that shares nothing but birthday and name."""
    known = await refer(client, family_name=recorded)
    other = await refer(client, known=False, family_name=sought, address="3 High Road", telephone="020 7946 0999")

    found = await search(client, family_name=sought, born_on="1932-05-02")
    candidates = (await client.get(f"/people/{other}/candidates")).json()

    assert set(found) == {known, other}
    assert [(each["person"]["id"], each["reasons"]) for each in candidates] == [(known, ["same-birthday-and-name"])]


@pytest.mark.parametrize("typed", ["999\u2013054\u20138609", "999\u200b054 8609 (not sure)", "9990548609 or so, born 1932"])
async def test_unverified_person_is_found_by_an_oddly_typed_number(client: ReferralsClient, typed: str) -> None:
    sent = await client.refer(**URGENT | {"nhs_number": typed, "demographics": a_demographics_body(born_on="1950-07-09")})

    assert sent["person_id"] in await search(client, nhs_number=DALE)


async def test_longest_address_of_wide_characters_is_indexed(client: ReferralsClient) -> None:
    address = "\ufdfa" * 500

    person_id = await refer(client, address=address)

    assert await search(client, address=address) == [person_id]


@pytest.mark.parametrize(
    "criterion",
    [
        {"family_name": "Dale", "born_on": "1932-05-03"},
        {"family_name": "Daley", "born_on": "1932-05-02"},
        {"postcode": "N20 9AB"},
        {"address": "12 Oakleigh Road"},
        {"telephone": "020 7946 0102"},
    ],
    ids=lambda criterion: " ".join(criterion.values()),
)
async def test_empty_search_is_audited(client: ReferralsClient, criterion: dict[str, str]) -> None:
    await refer(client)

    found = [await search(client, **criterion) for _ in range(2)]

    assert found == [[], []]
    rows = await client.context.database.pool.fetch("SELECT subject FROM audit WHERE action = 'search_people'")
    assert len(rows) == 2
    assert len({row["subject"] for row in rows}) == 1


async def test_unverified_person_is_found_by_the_number_as_typed(client: ReferralsClient) -> None:
    await refer(client)
    differing = await client.refer(**URGENT | {"nhs_number": DALE, "demographics": a_demographics_body(born_on="1950-07-09")})

    assert differing["person_id"] in await search(client, nhs_number=DALE)


@pytest.mark.parametrize(
    "body",
    [{}, {"family_name": "Dale"}, {"born_on": "1932-05-02"}, {"postcode": "N20 9AA", "telephone": "020 7946 0101"}, {"address": " "}],
    ids=["nothing", "name alone", "birthday alone", "two", "blank"],
)
async def test_ambiguous_search_is_refused(client: ReferralsClient, body: dict[str, str]) -> None:
    response = await client.post("/people/search", body)

    assert (response.status_code, response.json()["code"]) == (422, "validation-failed")


async def test_search_is_limited(client: ReferralsClient) -> None:
    for _ in range(21):
        await refer(client, known=False)

    response = (await client.post("/people/search", {"telephone": HOME["telephone"]})).json()

    assert (len(response["items"]), response["is_limited"]) == (20, True)


async def test_merged_person_is_found_once(client: ReferralsClient) -> None:
    survivor, merged = await refer(client), await refer(client, known=False, family_name="Dayle")
    await client.post(f"/people/{merged}/merge", {"into": survivor}, version=1)

    response = (await client.post("/people/search", {"family_name": "Dayle", "born_on": "1932-05-02"})).json()

    assert [(each["id"], each["records"], each["family_name"]) for each in response["items"]] == [(survivor, [survivor, merged], "Dale")]


async def test_candidates_have_score_and_reasons(client: ReferralsClient) -> None:
    known = await refer(client)
    twin = await refer(client, known=False, given_name="Peter")
    stranger = await refer(
        client, known=False, given_name="Ann", family_name="Brown", born_on="1950-07-09", address="1 High Road", telephone=None
    )
    same = await client.refer(**URGENT | {"nhs_number": "9990546809", "demographics": a_demographics_body(**HOME)})

    response = await client.get(f"/people/{same['person_id']}/candidates")

    assert response.status_code == 200, response.text
    found = {each["person"]["id"]: (each["score"], set(each["reasons"])) for each in response.json()}
    assert found[known] == (100, {"transposed-number", "same-birthday-and-name", "same-address", "same-telephone"})
    assert found[twin] == (10, {"possible-twin", "same-address", "same-telephone"})
    assert stranger not in found
    assert [each["person"]["id"] for each in response.json()] == [known, twin]
    audited = await client.context.database.pool.fetch("SELECT subject FROM audit WHERE action = 'list_candidates'")
    assert {str(row["subject"]) for row in audited} == {same["person_id"], known, twin}


@pytest.mark.parametrize("path", ["/people/search", "/people/unverified"])
async def test_search_is_for_the_point_of_access_only(client: ReferralsClient, path: str) -> None:
    response = await (client.post(path, {"nhs_number": DALE}, caller=client.gp()) if "search" in path else client.get(path, client.gp()))

    assert (response.status_code, response.json()["code"]) == (403, "scope-missing")
