"""Exceptions of the domain: each refuses a command by a rule of care and has a stable code.

DomainError
 ├─ NotFound      the resource does not exist                          HTTP 404
 │   └─ PersonRecordNotFound
 ├─ NotAllowed    the resource exists, but not for this caller         HTTP 403
 │   ├─ ClinicalRoleMissing
 │   ├─ FeedAccessDenied
 │   ├─ OrganisationNotInvolved
 │   ├─ PartNotShared
 │   ├─ StoryWithheld
 │   └─ UserMissing
 ├─ InvalidField  a rule forbids the value of a field                  HTTP 422
 ├─ RuleBroken    a rule forbids the command in the present state      HTTP 409
 │   └─ IllegalTransition
 └─ Conflict      another caller changed the resource first            HTTP 409
     └─ VersionConflict  the stored version is newer than If-Match     HTTP 412

A subclass sets `code` (kebab-case, never changed), `advice` (the next step for the caller) and a docstring whose first
sentence is the code's meaning in docs/api-conventions.md. The detail names no person.
"""

from typing import ClassVar, Self
from uuid import UUID


class DomainError(Exception):
    """A rule refused the command; nothing was changed."""

    code: ClassVar[str]
    advice: ClassVar[str] = "Read the current state and its actions, then decide again."

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
        #: The person of whom the refusal shows whether, or as whom, they are stored. It is audited, and counted as a guess.
        self.shows: UUID | None = None

    def about(self, person_id: UUID) -> Self:
        """The refusal, which depends on what is stored about this person."""
        self.shows = person_id
        return self


class NotFound(DomainError):
    """The resource does not exist."""

    code = "not-found"
    advice = "Check the id; it may belong to another service."


class NotAllowed(DomainError):
    """The resource exists, but the caller may not use it."""

    code = "not-allowed"
    advice = "Ask the organisation that is responsible for the person."


class OrganisationNotInvolved(NotAllowed):
    """Only organisations involved in the person's care have access (IG8)."""

    code = "organisation-not-involved"
    advice = "Ask the person's accountable lead professional, or the Community Point of Access, to involve your organisation."


class PartNotShared(NotAllowed):
    """The caller's relationship to the person does not open this part of what is known about them (IG8)."""

    code = "part-not-shared"
    advice = "Ask the person's accountable lead professional, or the Community Point of Access."


class StoryWithheld(NotAllowed):
    """The person has restricted or withheld their story (G12)."""

    code = "story-withheld"
    advice = "Ask the person or their accountable lead professional; in an emergency break the glass, with the reason."


class ClinicalRoleMissing(NotAllowed):
    """The scope is for clinical decisions, and the role in the token is not a clinical one."""

    code = "clinical-role-missing"
    advice = "Ask a clinician to decide, or the access administrator to correct the role."


class UserMissing(NotAllowed):
    """The token is that of a supplier's system alone: it names no professional on whose behalf the system acts."""

    code = "user-missing"
    advice = "Send a token whose subject is the professional, with the system in the claim act or client_id."


class InvalidField(DomainError):
    """A rule forbids the value of a field of the request."""

    code = "invalid-field"
    advice = "Correct the listed field and repeat the request."
    #: The path of the field in the body, such as `demographics.born_on`.
    field: str

    def __init__(self, detail: str, *fields: str) -> None:
        """`fields` are the paths of the fields that the detail concerns; without them, the class states its one field."""
        super().__init__(detail)
        self.fields = fields or (self.field,)
        self.field = self.fields[0]


class RuleBroken(DomainError):
    """A rule forbids the command in the present state."""

    code = "rule-broken"


class Conflict(DomainError):
    """Another caller changed the resource first."""

    code = "conflict"
    advice = "Read the resource again and repeat the request."


class IllegalTransition(RuleBroken):
    """The state of the resource does not permit the command."""

    code = "illegal-transition"
    advice = "Read the actions of the resource: they list the permitted commands."

    def __init__(self, command: str, status: str) -> None:
        super().__init__(f"{command} is not possible in the state '{status}'.")


class VersionConflict(Conflict):
    """The stored version is newer than the version in If-Match."""

    code = "version-conflict"
    advice = "Read the resource again, check the change, and repeat the request with the new ETag."

    def __init__(self, subject: object, expected: int, stored: int) -> None:
        super().__init__(f"{subject} is at version {stored}, not {expected}.")


class FeedAccessDenied(NotAllowed):
    """The feed, the list or the task belongs to another professional."""

    code = "feed-access-denied"
    advice = "Read your own feed and tasks; only a coordinator may read those of others."


class PersonRecordNotFound(NotFound):
    """The person's record has not arrived in this context."""

    code = "person-record-not-found"
    advice = "Repeat the request in a few seconds; the record follows the person's first referral."
