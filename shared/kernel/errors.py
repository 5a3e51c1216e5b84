"""Refusals: what a rule of care says no to, each with a stable code.

DomainError
 ├─ NotFound      there is no such thing                      HTTP 404
 ├─ NotAllowed    there is, but not for this caller           HTTP 403
 │   ├─ OrganisationNotInvolved
 │   └─ StoryWithheld
 ├─ RuleBroken    a rule of care forbids it now               HTTP 409
 │   └─ IllegalTransition
 └─ Conflict      somebody else was first                     HTTP 409
     └─ VersionConflict  the caller saw an older version      HTTP 412

A subclass sets `code` (unique, kebab-case, never changed) and `advice` (what to do); the detail names no person.
"""

from typing import ClassVar


class DomainError(Exception):
    """A refusal. Nothing was changed."""

    code: ClassVar[str]
    advice: ClassVar[str] = "Read the current state and its actions, then decide anew."

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(DomainError):
    code = "not-found"
    advice = "Check the id; it may belong to another service."


class NotAllowed(DomainError):
    code = "not-allowed"
    advice = "Ask the organisation that is responsible for the person."


class OrganisationNotInvolved(NotAllowed):
    """Only those who take part in somebody's care see it (IG8)."""

    code = "organisation-not-involved"
    advice = "Ask the person's accountable lead professional, or the Community Point of Access, to involve your organisation."


class StoryWithheld(NotAllowed):
    """The person's own wish (G12)."""

    code = "story-withheld"
    advice = "The person wants nobody to see their story but whoever comes in a crisis; ask them, or their accountable lead professional."


class RuleBroken(DomainError):
    code = "rule-broken"


class Conflict(DomainError):
    code = "conflict"
    advice = "Read again and retry."


class IllegalTransition(RuleBroken):
    """The state does not permit the command; `GET .../actions` lists what it permits."""

    code = "illegal-transition"
    advice = "GET the actions of this resource to see what its state permits."

    def __init__(self, command: str, status: str) -> None:
        super().__init__(f"{command} is not possible in the state '{status}'.")


class VersionConflict(Conflict):
    """Optimistic concurrency: the stored version is not the one that the caller based the command on."""

    code = "version-conflict"
    advice = "Read the resource again, look at what changed, and repeat with its new ETag."

    def __init__(self, subject: object, expected: int, stored: int) -> None:
        super().__init__(f"{subject} is at version {stored}, not {expected}.")


class FeedAccessDenied(NotAllowed):
    """The feed belongs to another professional."""

    code = "feed-access-denied"
    advice = "Read your own feed and tasks; a coordinator may see those of others."


class PersonRecordNotFound(NotFound):
    """No record of the person has arrived in this context."""

    code = "person-record-not-found"
    advice = "The record arrives moments after the person's first referral; ask the Community Point of Access if it does not."
