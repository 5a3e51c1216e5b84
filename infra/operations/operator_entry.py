"""The entry that an operator's reading of a person leaves in the audit of a context."""

from uuid import UUID

from infra.database_owner import Owner

_ENTRY = """
SELECT {context}.append_audit(
    ARRAY[now() + (SELECT delta FROM {context}.clock_offset)], ARRAY['care'], ARRAY[$1], ARRAY['CARE'], ARRAY['operator'], ARRAY[NULL],
    ARRAY[$2], ARRAY[$3::uuid], ARRAY[NULL::integer], ARRAY[NULL], ARRAY[NULL], ARRAY[$4], ARRAY[1])"""


async def leave_entry(owner: Owner, context: str, by: str, action: str, subject: UUID, *, refusal: str | None = None) -> None:
    """`by` is the login name, `action` the command without `care`; `refusal` is the code when nothing was shown."""
    await owner.execute(_ENTRY.format(context=context), by, action, subject, refusal)
