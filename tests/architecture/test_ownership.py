"""Each open state of each aggregate has one owner, a pending deadline and a command that leads on (guarantee 2)."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest

from infra.codegen.operations import operations
from infra.codegen.ownership import ways_on
from infra.codegen.states import scopes
from infra.contexts import CONTEXTS
from infra.state_tables import owners, tables
from shared.kernel.ownership import Ownership
from shared.kernel.state_table import Transitions


class OpenState(NamedTuple):
    context: str
    table: Transitions
    state: StrEnum
    ownership: Ownership

    def __str__(self) -> str:
        return f"{self.context}-{type(self.state).__module__.rpartition('.')[2]}-{self.state}"


def _open_states() -> Iterator[OpenState]:
    for context in CONTEXTS:
        found = tables(context)
        for name, states in owners(context).items():
            yield from (OpenState(context, found[name], state, ownership) for state, ownership in states.items() if ownership)


_OPEN = list(_open_states())


@pytest.mark.parametrize("context", CONTEXTS)
def test_each_state_table_names_the_owner_of_each_state(context: str) -> None:
    found, owned_by = tables(context), owners(context)

    assert set(found) == set(owned_by)
    for name, table in found.items():
        states = {state for row in table.values() for state in (*row.sources, *row.targets)}
        assert states <= set(owned_by[name])


@pytest.mark.parametrize("open_state", _OPEN, ids=str)
def test_pending_deadline_of_an_open_state_acts_in_it(open_state: OpenState) -> None:
    assert open_state.ownership.deadlines
    own = [kind for kind in open_state.ownership.deadlines if kind in open_state.table]
    assert [kind for kind in own if open_state.state not in open_state.table[kind].sources] == []
    assert len(own) == len(open_state.ownership.deadlines) or open_state.ownership.subject != "id"


@pytest.mark.parametrize("open_state", _OPEN, ids=str)
def test_owner_of_open_state_has_list_and_way_on(open_state: OpenState) -> None:
    desk, who = open_state.ownership.desk, scopes(open_state.context)

    assert desk.scope in who[desk.work_list]
    named = (open_state.context, "GET", desk.work_list)
    [parameters] = [each.parameters for each in operations() if (each.context, each.method, each.name) == named]
    assert {name for name, _ in parse_qsl(desk.query, strict_parsing=bool(desk.query))} <= {each.name for each in parameters}
    assert any(desk.scope in permitted for permitted in ways_on(open_state.state, open_state.table, who).values())
