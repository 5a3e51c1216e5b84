"""The running product answers every caller as docs/access.md says: the matrix, and the planted holes that it sees."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from infra.dev_stack.dev_secrets import Keys
from services.rapid_care.domain.response import Response
from services.rapid_care.domain.roster import Clinician
from services.rapid_care.store import roster
from services.rapid_care.store.responses import responses
from shared.access import Basis, Relationship
from shared.contracts.persons import SharingPreference
from shared.kernel.scope_holders import Holders
from shared.persistence.relationships import PersonAccess
from tests.builders.access_matrix import Matrix, Outcome
from tests.builders.access_page import AccessPage
from tests.builders.access_worlds import WORLDS, World


@pytest.fixture(scope="module")
def page() -> AccessPage:
    return AccessPage.read()


@pytest.mark.parametrize("name", WORLDS)
async def test_every_answer_is_that_of_the_page(
    owner_url: str, keys: Keys, page: AccessPage, name: str, record_property: Callable[[str, object], None]
) -> None:
    async with WORLDS[name](owner_url, keys) as world:
        outcome = await (await Matrix.of(world, page)).run()

    record_property("summary", outcome.summary(name))
    assert not outcome.wrong, "\n".join(outcome.wrong)


Plant = Callable[[World], AbstractContextManager[None]]


@contextmanager
def _replaced(place: str, by: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, by)
        yield


@contextmanager
def _scopes_of_any_organisation(world: World) -> Iterator[None]:
    """Restored by hand: the state of an application has no attributes that a patch could put back."""
    state = world.context.state
    before, state.holders = state.holders, Holders()
    try:
        yield
    finally:
        state.holders = before


async def _show_every_row(tx: Any) -> None:
    """Without row-level security, which would hide the rows of strangers."""
    await tx.driver.execute("SELECT set_config('care.service', 'on', true)")


async def _require_nothing(tx: Any, response_id: UUID) -> tuple[Response, PersonAccess]:
    await _show_every_row(tx)
    response = await responses.find(tx, response_id)
    assert response is not None
    return response, PersonAccess([Relationship(Basis.RESPONSE, "CLCH")], SharingPreference.DIRECT_CARE, lambda _: None)


async def _list_everything(tx: Any, *_: Any, **__: Any) -> list[Response]:
    await _show_every_row(tx)
    return [responses.from_row(row) for row in await tx.driver.fetch("SELECT * FROM response")]


async def _name_a_person(reader: Any) -> list[Clinician]:
    """On the roster of staff: the name of one whose response ended long ago."""
    return [replace(each, id="Colinlongendeddirect-care") for each in await roster.roster(reader)]


#: Each hole, where it is planted, and the operations that leak through it. The second wall closes the other ones.
HOLES: dict[str, tuple[Plant, tuple[str, ...]]] = {
    "a route without the policy": (
        lambda _: _replaced("services.rapid_care.api.response.require_response", _require_nothing),
        ("read_response", "response_actions"),
    ),
    "a list without its filter": (
        lambda _: _replaced("services.rapid_care.queries.responses.list_responses", _list_everything),
        ("list_responses",),
    ),
    "a list of staff that names a person": (
        lambda _: _replaced("services.rapid_care.queries.roster.clinicians", _name_a_person),
        ("list_clinicians",),
    ),
    "a basis that never ends": (
        lambda _: _replaced("shared.access.Relationship.holds", lambda *_: True),
        ("read_story",),
    ),
    "a scope without its organisation": (
        _scopes_of_any_organisation,
        ("list_responses", "list_clinicians", "read_clinician"),
    ),
    # the last one: it changes a person
    "a command without the policy": (
        lambda _: _replaced("services.rapid_care.api.presenter.require_response", _require_nothing),
        ("RecordFirstContact",),
    ),
}


async def test_matrix_sees_every_planted_hole(owner_url: str, keys: Keys, page: AccessPage) -> None:
    """Without this test, a blind matrix would look like a closed product; a service that fails must not look like one with a hole.

    Each hole but the last is closed again before the next is looked at.
    """
    sound: dict[str, list[str]] = {}
    seen: dict[str, Outcome] = {}
    async with WORLDS["rapid_care"](owner_url, keys) as world:
        for hole, (plant, only) in HOLES.items():
            sound[hole] = (await (await Matrix.of(world, page, only)).run()).wrong
            with plant(world):
                seen[hole] = await (await Matrix.of(world, page, only)).run()

    assert [hole for hole, wrong in sound.items() if wrong] == []
    assert [line for outcome in seen.values() for line in outcome.failures] == []
    assert {hole: set(outcome.leaks) for hole, outcome in seen.items()} == {hole: set(only) for hole, (_, only) in HOLES.items()}


#: Routes that do not ask whose the feed or the work list is: where the checks are, and the operations that leak.
UNOWNED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mdt": (
        ("services.mdt.domain.notification.require_own_feed", "services.mdt.handlers.notification.require_own_feed"),
        ("own_people", "read_notifications", "acknowledge"),
    ),
    "navigation": (
        ("services.navigation.domain.access.is_own", "services.navigation.domain.access.is_involved"),
        ("read_navigator", "navigator_actions", "work_list", "read_feed", "follow_feed", "DeclareAvailability"),
    ),
}


@pytest.mark.parametrize("name", UNOWNED)
async def test_matrix_sees_each_missing_owner_check(owner_url: str, keys: Keys, page: AccessPage, name: str) -> None:
    places, only = UNOWNED[name]
    async with WORLDS[name](owner_url, keys) as world:
        sound = await (await Matrix.of(world, page, only)).run()
        with ExitStack() as holes:
            for place in places:
                holes.enter_context(_replaced(place, lambda *_: True))
            seen = await (await Matrix.of(world, page, only)).run()

    assert sound.wrong == []
    assert seen.failures == []
    assert set(seen.leaks) == set(only)


async def test_matrix_sees_the_feed_of_a_colleague(owner_url: str, keys: Keys, page: AccessPage) -> None:
    """The route alone forgets whose feed it is."""

    async def forget(*_: object) -> None:
        return None

    async with WORLDS["navigation"](owner_url, keys) as world:
        with _replaced("services.navigation.api.feed.readable", forget):
            seen = await (await Matrix.of(world, page, ["read_feed", "follow_feed", "work_list"])).run()

    assert set(seen.leaks) == {"read_feed", "follow_feed"}


async def test_matrix_names_an_operation_that_the_page_lacks(owner_url: str, keys: Keys, page: AccessPage) -> None:
    lacking = replace(page, needs={key: need for key, need in page.needs.items() if key != ("rapid_care", "list_clinicians")})

    async with WORLDS["rapid_care"](owner_url, keys) as world:
        outcome = await (await Matrix.of(world, lacking, ["list_clinicians"])).run()

    assert outcome.wrong == ["docs/access.md does not name list_clinicians of rapid_care"]
