"""Every stored and published field has a purpose, a basis, readers and a retention."""

import pytest
import sqlalchemy as sa

from infra.codegen import data_inventory
from infra.codegen.data_inventory import FieldWithoutPurpose, columns, fields, kind_of
from services.mdt.store.tables import METADATA


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
