"""Every read asks the access policy, is a list that applies it, is the audit, or concerns no person (docs/access.md)."""

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts

from infra.codegen.states import scopes
from infra.contexts import CONTEXTS, prefix
from tests.architecture.references import Definition, reached_from
from tests.architecture.sources import ROOT

#: Lists, with the definitions that limit the rows in SQL to those that the caller may see.
LISTS: dict[str, tuple[str, ...]] = {
    # what the organisation sent and what ended recently; the people who are registered with the practice today
    "GET /referrals": ("services.referrals.queries.referrals._LASTS", "services.referrals.queries.referrals._IS_REGISTERED"),
    # open referrals whose receiver is the caller's organisation
    "GET /referrals/incoming": ("services.referrals.queries.referrals._INCOMING",),
    # open referrals, open proposals and unverified persons are the Community Point of Access's
    "GET /referrals/work": ("services.referrals.queries.referrals._by_urgency",),
    "GET /referrals/proposals": ("services.referrals.queries.proposals._OPEN",),
    "GET /referrals/people/unverified": ("services.referrals.queries.identity.unverified",),
    # concerns are those of the council and the safeguarding leads, who hold the scope (domain/access.py)
    "GET /referrals/safeguarding-concerns": ("services.referrals.queries.safeguarding._LISTED",),
    # responses that have not ended, or ended recently
    "GET /rapid-care/responses": ("services.rapid_care.queries.responses._IS_SEEN",),
    # cases that are open, or were closed recently; those on the agenda are open
    "GET /mdt/cases": ("services.mdt.store.relationships.IS_SEEN",),
    "GET /mdt/meetings/{meeting_id}/discussions": ("services.mdt.store.relationships.IS_SEEN",),
    "GET /mdt/meetings/{meeting_id}/agenda": ("services.mdt.queries.meeting._LISTED",),
    # those who are found or at a high level, for members of the meeting and their own practice
    "GET /mdt/case-finding": ("services.mdt.queries.risk._FOUND_FOR_PRACTICE", "services.mdt.domain.access.require_member"),
    # the leads and notifications of one professional
    "GET /mdt/leads/people": ("services.mdt.queries.lead._OF_PROFESSIONAL",),
    "GET /mdt/leads/notifications": ("services.mdt.queries.notification._FEED",),
    # open tasks and expected home checks, for coordinators of the organisation that runs navigation
    "GET /navigation/tasks": ("services.navigation.queries.task._IS_OPEN", "services.navigation.domain.access.require_involved"),
    "GET /navigation/home-checks": ("services.navigation.store.home_check.EXPECTED", "services.navigation.domain.access.require_involved"),
    # the open tasks and the feed of one navigator, for the navigator and their coordinators
    "GET /navigation/navigators/{navigator_id}/tasks": (
        "services.navigation.queries.task._IS_OPEN",
        "services.navigation.api.navigator.readable",
    ),
    "GET /navigation/navigators/{navigator_id}/feed": (
        "services.navigation.queries.feed._AFTER",
        "services.navigation.api.navigator.readable",
    ),
    "GET /navigation/navigators/{navigator_id}/feed/stream": (
        "services.navigation.api.streams.Streams",
        "services.navigation.api.navigator.readable",
    ),
}
#: Reads of staff, meetings, the directory and counts.
CONCERNS_NO_PERSON = {
    "GET /referrals/directory": "services",
    "GET /rapid-care/clinicians": "the roster",
    "GET /rapid-care/clinicians/{clinician_id}": "the roster",
    "GET /rapid-care/monthly-statistics": "counts",
    "GET /mdt/meetings": "dates of meetings",
    "GET /mdt/meetings/{meeting_id}": "a meeting and who attended",
    "GET /mdt/meetings/{meeting_id}/actions": "commands on a meeting",
    "GET /mdt/risk/imports/{import_id}": "counts of an import",
    "GET /navigation/outcomes": "counts",
    "GET /navigation/navigators": "the roster",
    "GET /navigation/navigators/{navigator_id}": "the roster",
    "GET /navigation/navigators/{navigator_id}/actions": "commands on a navigator",
}
#: Reads of the audit and of break-glass, which show ids and codes to the information governance role.
_GOVERNED = ("audit/people/{person_id}", "audit/actors", "break-glass")
GOVERNED = {f"GET {prefix(context)}/{path}" for context in CONTEXTS for path in _GOVERNED}
#: Commands that concern no person of the context's record, or that decide by the caller alone.
NOT_ABOUT_A_PERSON = {
    "POST /referrals": "a referral, which anyone may send: the receipt asks the policy",
    "POST /referrals/batch": "the same",
    "POST /referrals/people/search": "the register of the Community Point of Access",
    "PUT /rapid-care/clinicians/{clinician_id}": "the roster",
    "POST /mdt/meetings/{meeting_id}/attendance": "the diary",
    "POST /mdt/meetings/{meeting_id}/cancellation": "the diary",
    "POST /mdt/leads/notifications/{notification_id}/acknowledgement": "the caller's own feed",
    "POST /mdt/risk/imports": "scores of the registered population",
    "PUT /navigation/navigators/{navigator_id}": "the roster",
    "POST /navigation/navigators/{navigator_id}/availability": "the roster",
    **{f"POST {prefix(each)}/break-glass/{{break_glass_id}}/review": "an act of staff" for each in CONTEXTS},
}
#: Reads that the second wall does not cover: counts, staff with the number of their responses, and the audit.
ACROSS_PEOPLE = {
    "list_clinicians", "read_clinician", "read_monthly_statistics", "task_outcomes", "read_audit_of_person", "read_audit_of_actor",
}  # fmt: skip
#: The concerns have a policy's relationship of their own, which no other read asks for.
_CONCERNS = "services.referrals.store.safeguarding.RELATIONSHIPS"


class Route(NamedTuple):
    """`passed` are the values that the function of a route which every context has uses of those that its factory received."""

    context: str
    address: str
    endpoint: Definition
    passed: tuple[object, ...] = ()

    def __str__(self) -> str:
        return self.address

    @property
    def asks_policy(self) -> bool:
        own = _of(f"services.{self.context}.store.relationships.RELATIONSHIPS")
        is_passed = any(each is _value(own) for each in self.passed)
        return is_passed or not {own, _of(_CONCERNS)}.isdisjoint(reached_from(self.endpoint))


def _routes() -> Iterator[Route]:
    for context in CONTEXTS:
        yield from _routes_of(context, importlib.import_module(f"services.{context}.api").router)


def _routes_of(context: str, router: APIRouter) -> Iterator[Route]:
    for route in iter_route_contexts(router.routes):
        if isinstance(original := route.original_route, APIRoute):
            endpoint = Definition(original.endpoint.__module__, original.endpoint.__name__)
            passed = tuple(inspect.getclosurevars(original.endpoint).nonlocals.values())
            path = route.path_format or original.path_format
            yield from (Route(context, f"{method} {path}", endpoint, passed) for method in sorted(route.methods or ()))


def _value(definition: Definition) -> object:
    return getattr(importlib.import_module(definition.module), definition.name)


def _of(name: str) -> Definition:
    return Definition(*name.rsplit(".", 1))


_ROUTES = list(_routes())
_READS = [route for route in _ROUTES if route.address.startswith("GET ")]
_COMMANDS = [route for route in _ROUTES if route not in _READS]


@pytest.mark.parametrize("route", _READS, ids=str)
def test_every_read_asks_the_access_policy(route: Route) -> None:
    is_elsewhere = route.address in LISTS.keys() | CONCERNS_NO_PERSON.keys() | GOVERNED

    assert route.asks_policy or is_elsewhere, f"{route.address} neither asks the policy nor is classified"
    assert not (route.asks_policy and route.address in CONCERNS_NO_PERSON)


@pytest.mark.parametrize(("address", "filters"), LISTS.items())
def test_every_list_has_its_filter(address: str, filters: tuple[str, ...]) -> None:
    [route] = [each for each in _READS if each.address == address]

    assert [each for each in filters if _of(each) not in reached_from(route.endpoint)] == []


@pytest.mark.parametrize("context", CONTEXTS)
def test_audit_is_for_information_governance_alone(context: str) -> None:
    admitted = {scopes(context)[name] for name in ("read_audit_of_person", "read_audit_of_actor")}

    assert admitted == {(f"{prefix(context).removeprefix('/')}:audit",)}


def test_each_classified_route_exists() -> None:
    assert (LISTS.keys() | CONCERNS_NO_PERSON.keys() | GOVERNED) - {route.address for route in _READS} == set()
    assert LISTS.keys() & CONCERNS_NO_PERSON.keys() == set()
    assert NOT_ABOUT_A_PERSON.keys() - {route.address for route in _COMMANDS} == set()


@pytest.mark.parametrize("route", _COMMANDS, ids=str)
def test_every_command_on_a_person_asks_the_policy(route: Route) -> None:
    assert route.asks_policy or route.address in NOT_ABOUT_A_PERSON, f"{route.address} neither asks the policy nor is classified"


def test_reads_beyond_the_second_wall_are_known() -> None:
    """Each sees every row of people (docs/access.md)."""
    paths = (path for folder in ("services", "shared/web") for path in (ROOT / folder).rglob("*.py"))
    functions = (each for path in paths for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.AsyncFunctionDef))

    assert {each.name for each in functions if "unit.across_people(" in ast.unparse(each)} == ACROSS_PEOPLE


def test_definition_that_never_asks_is_seen() -> None:
    """A reader of the syntax trees that followed too much would find the policy everywhere."""
    asking = {route.address for route in _READS if route.asks_policy}
    planted = Route("rapid_care", "POST /rapid-care/planted", _of("services.rapid_care.handlers.response.close_response"))

    assert not planted.asks_policy
    assert planted.address not in NOT_ABOUT_A_PERSON
    assert asking.isdisjoint({"GET /rapid-care/responses", "GET /navigation/tasks", "GET /navigation/navigators", "GET /mdt/cases"})


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize(
    ("factory", "command"), [("safeguarding", "safeguarding-concerns"), ("break_glass", "people/{person_id}/break-glass")]
)
def test_factory_whose_route_never_asks_is_seen(monkeypatch: pytest.MonkeyPatch, factory: str, command: str, *, asks: bool) -> None:
    """Each context passes its relationships to the factory, whose route may forget them."""
    source = inspect.getsource(importlib.import_module(f"shared.web.{factory}"))
    planted, own = ModuleType(f"shared.web.{factory}"), ModuleType("own")
    monkeypatch.setitem(sys.modules, "planted", planted)
    exec(source if asks else source.replace("relationships.access(", "unit.access("), vars(planted))  # noqa: S102  the product's own source
    router = inspect.getsource(importlib.import_module(f"services.mdt.api.{factory}"))
    exec(router.replace(f"from shared.web.{factory} import", "from planted import"), vars(own))  # noqa: S102  the same

    [route] = [each for each in _routes_of("mdt", vars(own)["router"]) if each.address == f"POST /mdt/{command}"]

    assert route.asks_policy == asks
