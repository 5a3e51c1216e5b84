"""`GET .../actions` offers exactly the commands that are not refused, for every response and every caller."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.codegen.states import scopes
from services.rapid_care.domain.access import COORDINATE, RESPOND, SCOPE_OF
from services.rapid_care.domain.response import IN_CARE, RESPONSE, Response, Status, offered
from shared.contracts.rapid_care import ContactMode
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError
from tests.builders.rapid_care import NURSE, a_response, at
from tests.builders.rapid_care_lives import COMMANDS

NOW = at("15:30")
SCOPES = scopes("rapid_care")
ACTORS = st.builds(
    Actor,
    id=st.sampled_from([NURSE, "coordinator-1"]),
    organisation=st.just("CLCH"),
    role=st.just("nurse"),
    scopes=st.sets(st.sampled_from([COORDINATE, RESPOND]), min_size=1).map(frozenset),
)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """Any response that the rules can produce, and some more."""
    status = draw(st.sampled_from(Status))
    visited = {"contacted_at": at("14:30"), "visited_at": at("14:30"), "contact_mode": draw(st.sampled_from(ContactMode))}
    changes: dict[str, Any] = {
        **(visited if status in IN_CARE or draw(st.booleans()) else {}),
        "answer_by": draw(st.none() | st.just(at("14:50"))),
    }
    response = a_response(status=status, **changes)
    return replace(response, clinician_id=None) if status in IN_CARE and draw(st.booleans()) else response


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(responses(), ACTORS)
def test_actions_are_exactly_what_is_not_refused(response: Response, actor: Actor) -> None:
    accepted = [command for command in RESPONSE if isinstance(command, type) and not _is_refused(command, response, actor)]

    assert offered(response, actor) == accepted


def test_scopes_of_commands_are_those_of_routes() -> None:
    commands = [trigger for trigger in RESPONSE if isinstance(trigger, type)]

    stated = {command: {SCOPE_OF[command]} if command in SCOPE_OF else {COORDINATE, RESPOND} for command in commands}
    assert stated == {command: set(SCOPES[command.__name__]) for command in commands}


def _is_refused(command: type, response: Response, actor: Actor) -> bool:
    """As the route and the rule answer one after the other."""
    if actor.scopes.isdisjoint(SCOPES[command.__name__]):
        return True
    try:
        COMMANDS[command](response, NOW)
    except DomainError:
        return True
    return False
