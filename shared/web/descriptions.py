"""Descriptions and examples of the fields and parameters that several applications have. A context adds its own beside its API.

A key is a field or a parameter, `Component.field` where one component differs, or a component. A value is the description, with an
example where the schema alone does not give a plausible one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

#: A description, or a description with an example.
Texts: TypeAlias = Mapping[str, str | tuple[str, Any]]

_PERSON, _ID = "0193a1f0-0000-7000-8000-00000000d1a1", "0193a1f0-0000-7000-8000-000000000001"

SHARED: Texts = {
    # refusals, pages and permitted commands
    "Action": "A command that the present state permits to the caller, with its address.",
    "Action.name": ("Name of the command, which is the `operationId` of its operation.", "SetCondition"),
    "method": ("HTTP method of the command.", "POST"),
    "href": ("Absolute address of the command.", "https://care.example/referrals/0193a1f0-0000-7000-8000-000000000001/condition"),
    "type": ("URN of the kind of problem; it ends with `code`.", "urn:care-coordination:problem:validation-failed"),
    "title": ("Reason phrase of the HTTP status.", "Unprocessable Content"),
    "Problem.status": ("HTTP status, as in the status line.", 422),
    "Problem.code": ("Stable code of the refusal; programs decide by it.", "validation-failed"),
    "detail": ("One sentence for people on this refusal. It names no person.", "The request does not match the schema."),
    "advice": ("The next step for the caller.", "Correct the listed fields; the OpenAPI pages describe each."),
    "instance": ("Trace id of the request, to quote in a report of a fault.", "4bf92f3577b34da6a3ce929d0e0e4736"),
    "errors": "The invalid fields; empty unless the refusal concerns fields.",
    "field": (
        "Path of the field: `body.story.narrative`, `query.limit`, `path.person_id`, `header.if-match`.",
        "body.demographics.born_on",
    ),
    "FieldProblem.problem": ("The expectation that the value does not meet.", "The value must be a date such as 2015-03-16."),
    "items": "The entries of this page.",
    "next": ("Cursor of the next page; absent on the last page. Send it unchanged as `cursor`.", None),
    "version": ('Number of changes of the resource; the ETag of a response is `W/"<version>"`.', 3),
    # parameters
    "cursor": "`next` of the previous page, unchanged; absent for the first page.",
    "limit": ("The largest number of entries of the page.", 50),
    "if-match": ('ETag that the change is based on, as `W/"3"`. A newer version is refused with 412.', 'W/"3"'),
    "idempotency-key": (
        "A new UUID for each new request, repeated with it: a repetition has no second effect and returns the stored response.",
        "0193a1f0-0000-7000-8000-0000000000aa",
    ),
    "last-event-id": ("Id of the last event that the client received; the stream continues after it.", "41"),
    # the person
    "NameView": "Name and date of birth, by which staff recognise the person.",
    "person_id": ("Pseudonym of the person: the same id in all four services, never the NHS number.", _PERSON),
    "nhs_number": (
        "NHS number: ten digits with a check digit; spaces and dashes are ignored. Absent while it is not verified.",
        "999 054 8609",
    ),
    "given_name": ("Given name.", "Colin"),
    "family_name": ("Family name.", "Dale"),
    "born_on": ("Date of birth; absent while it is unknown.", "1932-05-02"),
    "address": ("Address on one line, with postcode.", "Oakleigh, 3 High Road, London N2 8AA"),
    "telephone": ("Telephone number; words such as `evenings only` may follow.", "020 7946 0101"),
    "practice_code": ("ODS code of the GP practice.", "W07"),
    "is_practice_confirmed": ("Whether the person is registered with the practice, which may have stated this alone.", True),
    "locality": ("Locality of the person's practice.", "west"),
    "sharing": ("How far the person shares their story.", "direct-care"),
    "story": "The person's story, which is given once and follows the person; absent if it is withheld or unknown.",
    "narrative": (
        "What happened and what is the matter, in the person's or the referrer's words.",
        "Mr Dale fell in the bathroom on Sunday.",
    ),
    "history": ("Earlier texts of the story, oldest first.", ["Cared for his wife until March."]),
    "what_matters": ("What matters to the person.", "To stay at home with his garden."),
    "communication_needs": ("What others must know to talk with the person.", ["hard of hearing"]),
    "preferred_visit_times": ("Times of day at which the person prefers visits.", "after ten in the morning"),
    "contacts": "Family and friends whom staff may call.",
    "FamilyContact.name": ("Name of the contact.", "Louise"),
    "relationship": ("Relationship to the person.", "daughter"),
    "lives_in": ("Place where the contact lives.", "East Finchley"),
    "preferred_place_of_care": ("Place where the person wants to receive care.", "home"),
    "preferred_place_of_death": ("Place where the person wants to die; absent if it was not discussed.", "home"),
    # break-glass
    "BreakGlassView": "One act that opened a person for a time, with its review.",
    "BreakGlassReason": "Why a caller opened a person; `running-clock` is that of Rapid Care's crisis view.",
    "explanation": ("Why the caller had to see the plan and the story now.", "He is unconscious, and no one knows his medicines."),
    "actor_id": ("Code of the member of staff, as the `sub` of their token.", "clch-community-nurse-1"),
    "begun_at": ("Time of the act.", "2026-09-28T17:00:00Z"),
    "ends_at": ("Time until which the act opens the person.", "2026-09-28T18:00:00Z"),
    "review_by": ("Time by which information governance staff review the act.", "2026-09-30T17:00:00Z"),
    "BreakGlassView.overdue_since": ("Since when the review is overdue; absent otherwise.", None),
    "BreakGlassView.reason": ("Why, as a code.", "emergency"),
    "NewBreakGlass.reason": ("Why, as a code.", "emergency"),
    "BreakGlassView.outcome": ("Judgement of the review; absent before it.", None),
    "Review.outcome": ("Judgement of the review.", "justified"),
    "reviewed_at": ("Time of the review; absent before it.", None),
    "ReviewOutcome": "Judgement of a break-glass.",
    "break_glass_id": ("Id of the act.", _ID),
    # safeguarding
    "ConcernKind": "Kinds of abuse and neglect, by the statutory guidance to the Care Act 2014, and pressure ulcers.",
    "NewConcern": "What the member of staff saw or heard.",
    "NewConcern.kind": ("Kind of abuse or neglect.", "financial"),
    "account": ("What was seen or heard, when and where.", "His purse is empty again, and the lodger has his card."),
    "NewConcern.is_urgent": ("The person is in danger now.", False),
    "raiser_name": ("Name of the member of staff, for the council's call.", "Ada Nurse"),
    "raiser_telephone": ("Telephone number of the member of staff.", "020 7946 0207"),
    "is_raiser_limited": ("The council alone learns who raised the concern.", False),
    "ConcernReceipt": "The account is stored and goes to the council. A first and a further account have the same receipt.",
    "ConcernReceipt.reference": ("Id of the account.", _ID),
    "ConcernReceipt.received_at": ("Time of the receipt.", "2026-09-28T17:00:00Z"),
    # professionals and organisations
    "organisation": ("ODS code of the organisation.", "CLCH"),
    "professional_id": ("Code of the professional, as the `sub` of their token.", "clch-community-nurse-1"),
    "role": ("Professional role.", "community-nurse"),
    "is_fallback": ("The GP leads, because no other professional has accepted.", False),
    "service_code": ("Code of a service of the directory.", "district-nursing"),
    # services that others asked to continue the care
    "onward": ("Referrals by which another service was asked to continue the care, with its answer.", []),
    "OnwardAnswerView.referral_id": ("Id of the onward referral.", _ID),
    "OnwardAnswerView.request": ("Decision that the request comes from.", "step-down"),
    "OnwardAnswerView.state": ("Latest state of the request.", "accepted"),
    "OnwardAnswerView.service_code": ("Service that was asked, or that answered; absent while none was asked.", "district-nursing"),
    "OnwardAnswerView.reason": ("Code of the return, the outcome or the cancellation; absent otherwise.", None),
    "OnwardAnswerView.answered_at": ("Time of the latest state.", "2026-09-28T17:00:00Z"),
    "OnwardState": "`asked` until the service answers; after `returned` the Community Point of Access finds another way.",
    "OnwardRequest": "Decisions by which a service asks another one to continue the care.",
    # the audit
    "AuditEntryView": "Who did what to which person or aggregate, when, on what basis; or why it was refused.",
    "AuditEntryView.id": ("Number of the entry, in the order of insertion.", 4711),
    "AuditEntryView.at": ("Time of the act by the clock of care.", "2026-09-21T09:00:00Z"),
    "AuditEntryView.recorded_at": ("Time of the entry, stamped by the database.", "2026-09-21T09:00:00Z"),
    "AuditEntryView.version": ("Version of the aggregate after a change; absent for a read.", None),
    "actor_org": ("ODS code of their organisation.", "CLCH"),
    "actor_system": ("Supplier's system that acted for them, if any.", None),
    "actor_role": ("Role in their token.", "emergency-nurse-practitioner"),
    "issuer": ("Issuer of their token; `care` for the product itself.", "care-coordination"),
    "action": ("Operation, command, event or deadline.", "read_story"),
    "subject": ("Id of the person or the aggregate; absent for a refused request that names none.", _PERSON),
    "trace_id": ("Trace context of the request.", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    "basis": ("Relationship that permitted it, or the reason of a break-glass; absent for a list.", "meeting"),
    "refusal": ("Code of the problem when nothing was given: `nothing-found` for an empty search; absent otherwise.", None),
    "times": ("Number of refused requests that the entry stands for.", 1),
    "since": ("First time of recording.", "2026-09-01T00:00:00Z"),
    "until": ("Time of recording before which the entries are.", "2026-10-01T00:00:00Z"),
    # everything that has a life
    "id": ("Id of the resource.", _ID),
    "status": "Present state.",
    "reason": "Why, as a code.",
    "outcome": "How it ended; absent while it is open.",
    "cancel_reason": ("Why it was cancelled; absent unless it was.", None),
    "ended_at": ("Time of its end; absent while it is open.", None),
    "due_at": ("Time by which it must be done.", "2026-09-28T17:00:00Z"),
    "due_on": ("Day by which it must be done, Europe/London.", "2026-10-05"),
    "answer_by": ("Time by which an answer is due; absent when none is awaited.", None),
    "kind": "Kind of the entry.",
    "Story": "The person's story. A later referral adds to it; nothing is lost.",
    "FamilyContact": "A member of the family or a friend.",
    "PlaceOfCare": "A place of care or of death.",
    "Urgency": "`urgent` starts the two-hour clock, `routine` does not, `advice` asks for a signpost only.",
    "Locality": "Localities of the borough.",
    "SharingPreference": "`direct-care`: shared for care; `restricted`: not returned to referrers; `withheld`: in a crisis only.",
    "Role": "Professional roles.",
}


@dataclass(frozen=True)
class ApiDescription:
    """The texts of one application. `examples` are of request bodies: by operation and name, the fields that differ from the texts."""

    texts: Texts = field(default_factory=dict)
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def text(self, *keys: str) -> tuple[str | None, bool, Any]:
        """The description, whether it has an example, and the example, of the first of these keys; a context's text comes first."""
        found = next((texts[key] for key in keys for texts in (self.texts, SHARED) if key in texts), None)
        return (*found[:1], True, found[1]) if isinstance(found, tuple) else (found, False, None)
