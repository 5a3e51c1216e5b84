"""Whether the work list that the owner model names shows an open item to its owner, over HTTP."""

from collections.abc import Mapping
from typing import Any

from infra.operations.verify.checks.owners import Aggregate, aggregates
from shared.kernel.ownership import Ownership
from tests.builders.open_items import Caller, open_rows
from tests.builders.owner_lists import address_of
from tests.builders.person_model import PersonModel

#: The column that a list shows, where it is not the id of the item.
_SHOWN = {"identity": "person_id", "care_plan": "person_id", "lead": "person_id", "risk": "person_id", "navigator": "code"}
_ORGANISATIONS = {"referrals": "CLCH", "rapid_care": "CLCH", "mdt": "BCCG", "navigation": "CLCH"}
_LEADS = "SELECT professional_id, organisation FROM mdt.lead WHERE person_id::text = $1 AND status IN ('proposed', 'active')"


async def unlisted(model: PersonModel) -> list[str]:
    """The open items that the work list of their owner does not show."""
    items = [(aggregate, row) for aggregate in aggregates() for row in await open_rows(model.connection, aggregate)]
    return [
        f"{aggregate.name} {row['id']} is {row[aggregate.column]} and not in the list of its owner"
        for aggregate, row in items
        if not await _is_listed(model, aggregate, row)
    ]


async def _is_listed(model: PersonModel, aggregate: Aggregate, row: dict[str, Any]) -> bool:
    ownership = next(owned for state, owned in aggregate.owners.items() if state == row[aggregate.column])
    assert ownership is not None
    values = {**row, **await _owner_of(model, ownership, row)}
    shown = str(row[_SHOWN.get(aggregate.name, "id")])
    return shown in await _list(model, aggregate.context, ownership, values)


async def _owner_of(model: PersonModel, ownership: Ownership, row: dict[str, Any]) -> dict[str, Any]:
    """The professional and the organisation of a lead, whose plan names neither."""
    if ownership.desk.work_list != "own_people" or "professional_id" in row:
        return {}
    lead = await model.connection.fetchrow(_LEADS, row["person_id"])
    return dict(lead) if lead else {}


async def _list(model: PersonModel, context: str, ownership: Ownership, values: Mapping[str, Any]) -> str:
    """The text of all pages."""
    address, caller, text = address_of(context, ownership.desk, values), _caller(context, ownership, values), ""
    following: str | None = ""
    while following is not None:
        more = f"{'&' if '?' in address else '?'}cursor={following}" if following else ""
        answer = await model.send(context, "GET", address + more, caller)
        assert answer.is_success, answer.text
        text, page = text + answer.text, answer.json()
        following = page.get("next") if isinstance(page, dict) else None
    return text


def _caller(context: str, ownership: Ownership, values: Mapping[str, Any]) -> Caller:
    """The owner."""
    organisation = values.get("receiver_organisation") if ownership.desk.scope == "referrals:receive" else values.get("organisation")
    actor = values.get("navigator_id") or values.get("professional_id") or "owner-1"
    return Caller(actor, organisation or _ORGANISATIONS[context], (ownership.desk.scope,))
