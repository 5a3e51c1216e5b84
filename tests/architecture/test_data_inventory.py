"""Every stored and published field has a purpose, a basis, readers and a retention."""

from importlib import import_module

import pytest
import sqlalchemy as sa

from infra.codegen import data_inventory
from infra.codegen.data_inventory import FieldWithoutPurpose, columns, fields, kind_of
from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import make
from infra.dev_stack.process_environment import environment
from services.mdt.store.tables import METADATA
from tests.builders.free_text import OF_COMMANDS, OF_REQUESTS, free_text


def test_every_field_is_of_a_known_kind() -> None:
    inventory = data_inventory._inventory()
    found = {kind_of(owner, name) for place in (columns(), fields()) for _, owner, name in place}

    assert found == set(inventory["kinds"])
    assert {entry["retention"] for entry in inventory["kinds"].values()} == set(inventory["retention"])
    assert [kind for kind, entry in inventory["kinds"].items() if not (entry["purpose"] and entry["basis"] and entry["readers"])] == []


def test_names_without_a_field_are_removed() -> None:
    names = [name for entry in data_inventory._inventory()["kinds"].values() for line in entry["fields"] for name in line]

    assert len(names) == len(set(names))
    assert set(names) - {name for place in (columns(), fields()) for _, _, name in place} == set()


def test_column_without_a_purpose_stops_the_generator() -> None:
    table = METADATA.tables["lead"]
    table.append_column(column := sa.Column("favourite_biscuit", sa.Text))
    try:
        with pytest.raises(FieldWithoutPurpose, match=r"lead\.favourite_biscuit has no entry in data-inventory\.yaml"):
            data_inventory.data_inventory()
    finally:
        table._columns.remove(column)


def test_free_text_is_stored_in_restricted_columns_alone() -> None:
    stored = {column for columns in (*OF_REQUESTS.values(), OF_COMMANDS) for column in columns}

    assert stored - data_inventory.restricted_columns() == set()


def test_every_free_text_of_a_request_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment("postgresql://owner@127.0.0.1:1/care", "127.0.0.1:9", make()).items():
        monkeypatch.setenv(name, value)
    documents = {context: import_module(f"services.{context}.main").create_app().openapi() for context in CONTEXTS}

    assert {field for context, document in documents.items() for field in free_text(context, document)} == OF_REQUESTS.keys()


def test_free_text_within_an_object_is_named_apart() -> None:
    """A new text beside the listed ones would pass unseen."""
    texts = {"type": "object", "properties": {"note": {"type": "string"}, "others": {"type": "array", "items": {"type": "string"}}}}
    body = {"content": {"application/json": {"schema": {"type": "object", "properties": {"story": texts}}}}}
    described = {"operationId": "Receive", "security": [{}], "requestBody": body, "responses": {}}

    assert set(free_text("referrals", {"paths": {"/": {"post": described}}})) == {
        "referrals.Receive.story.note",
        "referrals.Receive.story.others",
    }
