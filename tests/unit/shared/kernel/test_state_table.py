"""One table guards the commands and lists the allowed ones."""

from enum import StrEnum

import pytest

from shared.contracts.rapid_care import ResponseAccepted
from shared.kernel.errors import IllegalTransition
from shared.kernel.state_table import Transitions, allowed_commands, name_of, require_transition, transition


class Status(StrEnum):
    OPEN = "open"
    TAKEN = "taken"
    CLOSED = "closed"


class Take: ...


class Close: ...


TABLE: Transitions = {
    Close: transition((Status.OPEN, Status.TAKEN), Status.CLOSED),
    Take: transition(Status.OPEN, Status.TAKEN, ResponseAccepted),
    "lapse": transition(Status.OPEN, Status.CLOSED),
}


@pytest.mark.parametrize("trigger", TABLE)
@pytest.mark.parametrize("status", Status)
def test_trigger_is_allowed_in_its_sources_alone(status: Status, trigger: type | str) -> None:
    if status in TABLE[trigger].sources:
        require_transition(status, trigger, TABLE)
    else:
        with pytest.raises(IllegalTransition):
            require_transition(status, trigger, TABLE)


def test_refusal_names_the_command_and_the_state() -> None:
    with pytest.raises(IllegalTransition, match="Take is not possible in the state 'closed'"):
        require_transition(Status.CLOSED, Take, TABLE)


@pytest.mark.parametrize(("status", "commands"), [(Status.OPEN, [Close, Take]), (Status.TAKEN, [Close]), (Status.CLOSED, [])])
def test_allowed_commands_follow_the_table_without_deadlines(status: Status, commands: list[type]) -> None:
    assert allowed_commands(status, TABLE) == commands


def test_single_state_equals_a_tuple_of_one() -> None:
    assert transition(Status.OPEN, Status.TAKEN) == transition((Status.OPEN,), (Status.TAKEN,))
    assert transition(Status.OPEN, ()).targets == frozenset()


def test_trigger_has_the_name_of_the_documents() -> None:
    assert (name_of(Take), name_of("lapse")) == ("Take", "lapse")
