"""The free text that the product takes in, and the columns that store it as it came. Copies of the person's record are not listed."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.contexts import CONTEXTS
from tests.builders.operations import operations

_DEMOGRAPHICS = tuple(f"referrals.person.{name}" for name in ("given_name", "family_name", "address", "telephone"))
_STORY = ("referrals.person.story",)
_PROPOSED = tuple(f"referrals.proposal.{name}" for name in ("contact", "present_value", "proposed_value"))
_ACCOUNTS = {
    "account": ("referrals.safeguarding_account.account",),
    "raiser_name": ("referrals.safeguarding_account.raiser",),
    "raiser_telephone": ("referrals.safeguarding_account.raiser",),
}
#: The columns by operation and field of its body; a search stores nothing.
OF_REQUESTS: Mapping[str, tuple[str, ...]] = {
    "referrals.ReceiveReferral.nhs_number": ("referrals.person.nhs_number", "referrals.person.number_as_typed"),
    "referrals.ReceiveReferral.demographics": (*_DEMOGRAPHICS, *_PROPOSED),
    "referrals.ReceiveReferral.story": (*_STORY, *_PROPOSED),
    "referrals.ReceiveReferrals.referrals": (*_DEMOGRAPHICS, *_STORY, *_PROPOSED),
    "referrals.ReviseRecord.demographics": (*_DEMOGRAPHICS, "referrals.person.former_values"),
    "referrals.ReviseRecord.story": _STORY,
    **{f"referrals.search_people.{name}": () for name in ("nhs_number", "family_name", "postcode", "address", "telephone")},
    "referrals.VerifyIdentity.nhs_number": ("referrals.person.nhs_number",),
    "referrals.SeparatePerson.reason": ("referrals.identity.separations",),
    "referrals.RestorePerson.reason": ("referrals.life.restoration",),
    "referrals.RecordReturn.reason": ("referrals.life.returned",),
    "referrals.DismissProposal.reason": ("referrals.proposal.reason",),
    "referrals.CloseConcern.reason": ("referrals.safeguarding_concern.reason",),
    "referrals.TriageReferral.reason": ("referrals.referral.triage_reason",),
    "referrals.RaiseUrgency.reason": ("referrals.referral.triage_reason",),
    "referrals.RouteReferral.override_reason": ("referrals.referral.override_reason",),
    "referrals.ResolveDiscrepancy.reason": ("referrals.referral.discrepancy_reason",),
    "referrals.ReopenReferral.reason": ("referrals.referral.reopen_reason",),
    "referrals.RequestInformation.question": ("referrals.referral.question",),
    "referrals.AnswerInformation.answer": _STORY,
    "referrals.AmendReferral.information": ("referrals.amendment.information", *_STORY),
    "referrals.AmendReferral.telephone": ("referrals.amendment.telephone", "referrals.person.telephone", *_PROPOSED),
    "mdt.DiscussCase.joint_plan": ("mdt.care_plan.offered", "mdt.care_plan.in_force", "mdt.care_plan_version.content"),
    **{f"{context}.BreakGlass.explanation": (f"{context}.break_glass.explanation",) for context in CONTEXTS},
    **{f"{context}.RaiseConcern.{name}": columns for context in CONTEXTS for name, columns in _ACCOUNTS.items()},
}
#: The columns of the texts of `care` commands: the reason of an erasure stays, with its certificate.
OF_COMMANDS = ("referrals.erasure.reason", "referrals.erasure.certificate")


def free_text(context: str, document: Mapping[str, Any]) -> Iterator[str]:
    """The fields of the bodies of an OpenAPI document that take any text, by context and operation."""
    for operation in operations(document):
        for path, schema in operation.fields():
            if _takes_any_text(schema):
                yield f"{context}.{operation.name}.{path[0]}"


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    inner = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    return inner.get("type") == "string" and not {"enum", "const", "pattern", "format"} & inner.keys()
