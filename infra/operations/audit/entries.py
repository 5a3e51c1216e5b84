"""The audits of the four contexts side by side, for `care audit person` and `care audit actor`; ids and codes only.

Each reading leaves an entry in every audit that it read.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.contexts import CONTEXTS
from infra.database_owner import Owner, connected_owner
from infra.dev_stack.stack_state import endpoints
from infra.operations.operator_entry import leave_entry
from infra.operations.person_views import GROUP
from shared.kernel.ids import derived_id
from shared.persistence.audit_trail import AuditEntry, AuditPage, AuditTrail
from shared.persistence.statements import ReadSession

#: Reads the entries of one context.
_Read = Callable[[AuditTrail, ReadSession], Awaitable[list[AuditEntry]]]


async def print_of_person(out: Console, name: str, person_id: UUID, page: AuditPage, *, by: str) -> None:
    """Raises StackError when no stack runs."""
    async with _connected(name, "referrals") as owner:
        ids = [row["id"] for row in await owner.fetch(GROUP, person_id)]
    entries = await _entries(name, lambda trail, reader: trail.about(reader, ids, page), ("audit person", person_id), by)
    _print(out, f"Entries about {person_id}", entries)


async def print_of_actor(out: Console, name: str, organisation: str, actor_id: str, page: AuditPage, *, by: str) -> None:
    """Raises StackError when no stack runs."""
    about = derived_id("actor", organisation, actor_id)
    entries = await _entries(name, lambda trail, reader: trail.by(reader, organisation, actor_id, page), ("audit actor", about), by)
    _print(out, f"Entries of {actor_id}, {organisation}", entries)


async def _entries(name: str, read: _Read, about: tuple[str, UUID], by: str) -> list[tuple[str, AuditEntry]]:
    """Each entry with its context, the newest first."""
    found = []
    for context in CONTEXTS:
        trail: AuditTrail = import_module(f"services.{context}.queries.audit").TRAIL
        async with _connected(name, context) as owner, owner.transaction():
            found += [(context, entry) for entry in await read(trail, ReadSession(owner))]
            await leave_entry(owner, context, by, *about)
    return sorted(found, key=lambda each: each[1].recorded_at, reverse=True)


def _connected(name: str, context: str) -> AbstractAsyncContextManager[Owner]:
    return connected_owner(endpoints(name).database_url, search_path=context, timezone="UTC")


def _print(out: Console, title: str, entries: Sequence[tuple[str, AuditEntry]]) -> None:
    columns = ("recorded at", "service", "actor", "organisation", "role", "action", "subject", "basis", "refusal", "times")
    table = Table(*columns, title=f"{title}: {len(entries)}")
    for context, each in entries:
        actor = (each.actor_id, each.actor_org, each.actor_role)
        outcome = (each.basis or "", each.refusal or "", str(each.times) if each.times > 1 else "")
        cells = (f"{each.recorded_at:%Y-%m-%d %H:%M:%S}", context, *actor, each.action, str(each.subject or ""), *outcome)
        table.add_row(*map(Text, cells))
    out.print(table)
