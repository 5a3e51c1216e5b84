"""The generated pages of tables and scopes are complete."""

import re

import pytest

from infra.codegen.data_model import tables
from infra.codegen.operations import operations
from infra.contexts import CONTEXTS
from tests.architecture.sources import production


@pytest.mark.parametrize("context", CONTEXTS)
def test_each_table_states_its_purpose(context: str) -> None:
    found = tables(context)

    assert {"event", "outbox", "inbox", "deadline", "audit"} < {table.name for table in found}
    assert [table.name for table in found if not (table.comment or "").endswith(".")] == []


def test_each_scope_of_the_code_opens_an_operation() -> None:
    scope = re.compile(r'"((?:referrals|rapid-care|mdt|navigation):[a-z-]+)"')
    named = {each for source in production() if source.name.startswith("services/") for each in scope.findall(source.text)}

    assert named == {scope for operation in operations() for scope in operation.scopes}
