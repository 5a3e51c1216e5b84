"""The reasons that commands of the meeting take. Events have open codes, so that those of the past stay readable."""

from enum import StrEnum


class MeetingCancelReason(StrEnum):
    """Why a meeting does not take place."""

    NO_CHAIR = "no-chair"
    QUORUM_NOT_EXPECTED = "quorum-not-expected"
    NO_CASES = "no-cases"
    PUBLIC_HOLIDAY = "public-holiday"
    SEVERE_WEATHER = "severe-weather"
    SERVICE_DISRUPTED = "service-disrupted"


class DeferReason(StrEnum):
    """Why a case moves to the next meeting."""

    MISSING_INFORMATION = "missing-information"
    PERSON_IN_HOSPITAL = "person-in-hospital"
    PERSON_NOT_REACHED = "person-not-reached"
    PROFESSIONAL_ABSENT = "professional-absent"
    NOT_ENOUGH_TIME = "not-enough-time"


class RedirectReason(StrEnum):
    """Why a case is not eligible. The referral returns with the same reason where it has that one, else with `other`."""

    STANDARD_MEASURES_SUFFICE = "standard-measures-suffice"
    INSUFFICIENT_INFORMATION = "insufficient-information"
    INELIGIBLE = "ineligible"
    OTHER_SERVICE_INVOLVED = "other-service-involved"
    SCREENED_IN_ERROR = "screened-in-error"


class FindingReason(StrEnum):
    """Why a person of case finding goes to the destination."""

    COMPLEX_NEEDS = "complex-needs"
    SOCIAL_NEEDS = "social-needs"
    STANDARD_MEASURES_SUFFICE = "standard-measures-suffice"
    KNOWN_TO_GP = "known-to-gp"
    KNOWN_TO_TEAM = "known-to-team"
    KNOWN_TO_MEETING = "known-to-meeting"
    STABLE = "stable"
    SCORE_IN_DOUBT = "score-in-doubt"
