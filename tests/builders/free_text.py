"""The free text that the product takes in, and the columns that store it as it came. Copies of the person's record are not listed."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.contexts import CONTEXTS
from tests.builders.operations import operations

_PROPOSED = tuple(f"referrals.proposal.{name}" for name in ("contact", "present_value", "proposed_value"))
_STORY = ("referrals.person.story",)
_DEMOGRAPHICS = {name: (f"referrals.person.{name}",) for name in ("given_name", "family_name", "address", "telephone")}
_CONTACT = tuple(f"contacts.{name}" for name in ("name", "relationship", "telephone", "lives_in"))
_STORY_FIELDS = ("narrative", "history", "what_matters", "communication_needs", "preferred_visit_times", *_CONTACT)
_JOINT_PLAN = (
    *("what_matters", "problems", "crisis.warning_signs", "crisis.what_to_do", "crisis.whom_to_call"),
    *("carer.name", "carer.relationship", "carer.telephone"),
)
_PLAN = ("mdt.care_plan.offered", "mdt.care_plan.in_force", "mdt.care_plan_version.content")
_ACCOUNTS = {
    "account": ("referrals.safeguarding_account.account",),
    "raiser_name": ("referrals.safeguarding_account.raiser",),
    "raiser_telephone": ("referrals.safeguarding_account.raiser",),
}


def _of_person(operation: str, *, of_demographics: tuple[str, ...], of_story: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The fields of the demographics and of the story, with the further columns of both."""
    demographics = {f"referrals.{operation}.demographics.{name}": (*own, *of_demographics) for name, own in _DEMOGRAPHICS.items()}
    return demographics | {f"referrals.{operation}.story.{name}": (*_STORY, *of_story) for name in _STORY_FIELDS}


#: The columns by operation and path of the field in its body; a search stores nothing.
OF_REQUESTS: Mapping[str, tuple[str, ...]] = {
    "referrals.ReceiveReferral.nhs_number": ("referrals.person.nhs_number", "referrals.person.number_as_typed"),
    "referrals.ReceiveReferrals.referrals.nhs_number": ("referrals.person.nhs_number", "referrals.person.number_as_typed"),
    **_of_person("ReceiveReferral", of_demographics=_PROPOSED, of_story=_PROPOSED),
    **_of_person("ReceiveReferrals.referrals", of_demographics=_PROPOSED, of_story=_PROPOSED),
    **_of_person("ReviseRecord", of_demographics=("referrals.person.former_values",), of_story=()),
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
    **{f"mdt.DiscussCase.joint_plan.{name}": _PLAN for name in _JOINT_PLAN},
    **{f"{context}.BreakGlass.explanation": (f"{context}.break_glass.explanation",) for context in CONTEXTS},
    **{f"{context}.RaiseConcern.{name}": columns for context in CONTEXTS for name, columns in _ACCOUNTS.items()},
}
#: The columns of the texts of `care` commands: the reason of an erasure stays, with its certificate.
OF_COMMANDS = ("referrals.erasure.reason", "referrals.erasure.certificate")


def free_text(context: str, document: Mapping[str, Any]) -> Iterator[str]:
    """The fields of the bodies of an OpenAPI document that take any text, by context, operation and path."""
    for operation in operations(document):
        for path, schema in operation.fields():
            if _takes_any_text(schema):
                yield ".".join((context, operation.name, *(part for part in path if isinstance(part, str))))


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    inner = next(each for each in schema.get("anyOf", [schema]) if each.get("type") != "null")
    return inner.get("type") == "string" and not {"enum", "const", "pattern", "format"} & inner.keys()
