"""docs/scopes.md: each scope with the operations that it permits, and the professional roles with the rules that use them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.codegen.operations import Operation, operations
from infra.contexts import CONTEXTS
from services.mdt.domain.meeting import roles_for_case
from services.mdt.domain.policy import Policy
from services.mdt.domain.table_16 import LEAD_ROLES, TABLE_16
from shared.contracts.codes import NAVIGATOR_ROLES, Role

FILE_NAME = Path("docs/scopes.md")
_HEAD = """# Scopes and roles

Generated from the routes, `shared/contracts/codes.py` and `services/mdt/domain/table_16.py` by `make generate`.
A scope permits an operation. Further rules limit the people whose data a caller may read or change: `domain/access.py` of each context.

"""
_ROLES = """
## Roles

The claim `role` of a token is recorded in events and in the audit. It permits no operation by itself, but two scopes need a clinical role:
`referrals:triage` one of `triage_roles`, and `rapid-care:respond` one of `responder_roles` ([configuration](configuration.md)); otherwise
the answer is `clinical-role-missing`. These codes are professional roles in requests and events: at the meeting, as accountable lead and
as owner of an action.

| role | meeting's quorum | may be lead (Table 16) | has tasks in navigation |
|---|---|---|---|
"""
_TABLE_16 = """
## Table 16

| risk level | high climber | care plan | joint assessment | lead | information by navigation |
|---|---|---|---|---|---|
"""


def scope_table() -> Mapping[Path, str]:
    found = operations()
    summary = "| scope | operations |\n|---|---|\n" + "".join(
        f"| [`{scope}`](#{scope.replace(':', '')}) | {sum(scope in each.scopes for each in found)} |\n" for scope in _scopes(found)
    )
    sections = "".join(_section(scope, found) for scope in _scopes(found))
    return {FILE_NAME: _HEAD + summary + sections + _ROLES + _roles() + _TABLE_16 + _table_16()}


def _scopes(found: Sequence[Operation]) -> Sequence[str]:
    """In the order of the contexts that own them."""
    names = {scope for each in found for scope in each.scopes}
    return sorted(names, key=lambda scope: (CONTEXTS.index(scope.partition(":")[0].replace("-", "_")), scope))


def _section(scope: str, found: Sequence[Operation]) -> str:
    rows = [f"| `{each.method}` | `{each.path}` | {each.name} | {_others(scope, each)} |\n" for each in found if scope in each.scopes]
    return f"\n## `{scope}`\n\n| method | path | operation | also permitted by |\n|---|---|---|---|\n" + "".join(rows)


def _others(scope: str, operation: Operation) -> str:
    """Shortens the scopes of an operation with many of them, so that the table stays readable."""
    others = [each for each in operation.scopes if each != scope]
    return ", ".join(f"`{each}`" for each in others) if len(others) <= 3 else f"{len(others)} other scopes"  # noqa: PLR2004


def _roles() -> str:
    return "".join(
        f"| `{role}` | {_quorum(role)} | {'yes' if role in LEAD_ROLES else 'no'} | {'yes' if role in NAVIGATOR_ROLES else 'no'} |\n"
        for role in Role
    )


def _quorum(role: Role) -> str:
    if role in Policy().quorum:
        return "required"
    return "required where the case needs it" if role in roles_for_case(needs_mental_health=True) else "no"


def _table_16() -> str:
    return "".join(
        f"| {level.value} {level.name.lower().replace('_', ' ')} | {'yes' if is_high_climber else 'no'} | {row.care_plan} | "
        f"{row.joint_assessment} | {row.lead} | {'yes' if row.gives_information else 'no'} |\n"
        for (level, is_high_climber), row in TABLE_16.items()
    )
