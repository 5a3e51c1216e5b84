"""The commands of `care`."""

from typer.core import TyperGroup
from typer.main import get_command

from infra.cli import app


def care_commands() -> set[str]:
    """The first words of all commands, those of groups included."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return set(group.commands)
