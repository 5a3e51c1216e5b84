"""The directory of services, practices and organisations: reference data with validity dates (G52), and who is eligible for what.

An ineligible person is never just refused: each refusal says where they can go instead (E11).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from shared.contracts.codes import Locality
from shared.contracts.referrals import Route
from shared.kernel.errors import RuleBroken


class Need(StrEnum):
    """What somebody may look for a service for."""

    URGENT_DETERIORATION = "urgent-deterioration"
    EMERGENCY = "emergency"
    COMPLEX_NEEDS = "complex-needs"
    COMMUNITY_NURSING = "community-nursing"
    ENABLEMENT = "enablement"
    SOCIAL_CARE = "social-care"
    DEMENTIA = "dementia"
    STROKE = "stroke"
    FALLS = "falls"
    PALLIATIVE = "palliative"
    INFORMATION = "information"
    CARER_SUPPORT = "carer-support"
    LONELINESS = "loneliness"
    LONG_TERM_CONDITION = "long-term-condition"
    NIGHT_CARE = "night-care"
    EQUIPMENT = "equipment"


class Serves(StrEnum):
    """Whom a service is for: health care by registration (E8), social care by residence (G13), some anybody.

    The last two name where somebody is looked after who is not entitled here: nobody is refused without a destination.
    """

    REGISTERED = "registered-here"
    RESIDENT = "resident-here"
    ANYBODY = "anybody"
    REGISTERED_ELSEWHERE = "registered-elsewhere"
    RESIDENT_ELSEWHERE = "resident-elsewhere"


ELSEWHERE = (Serves.REGISTERED_ELSEWHERE, Serves.RESIDENT_ELSEWHERE)


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the directory as it was valid between two days. Without hours it is always open."""

    code: str
    name: str
    organisation: str
    route: Route
    tier: int
    needs: tuple[Need, ...]
    telephone: str
    serves: Serves
    minimum_age: int | None
    localities: tuple[Locality, ...]
    opens: time | None
    closes: time | None
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Practice:
    """A GP practice of the borough."""

    code: str
    locality: Locality
    telephone: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Organisation:
    code: str
    name: str
    telephone: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Applicant:
    """What eligibility looks at."""

    age: int
    locality: Locality
    is_practice_covered: bool
    is_resident: bool


class ServiceNotInDirectory(RuleBroken):
    """The directory has no service with this code on this day."""

    code = "service-not-in-directory"
    advice = "Choose a service that GET /referrals/directory lists for today."


class BelowMinimumAge(RuleBroken):
    """The person is younger than the service's minimum age (G10)."""

    code = "below-minimum-age"
    advice = "Give a reason to override, or choose another service for this need."


class PracticeNotCovered(RuleBroken):
    """The service requires registration with a practice of the borough (E8, G13)."""

    code = "practice-not-covered"
    advice = (
        "Signpost to the health services where the person is registered (health-elsewhere). An urgent need may be overridden with a reason."
    )


class ResidenceElsewhere(RuleBroken):
    """The service requires residence in the borough (G13)."""

    code = "residence-elsewhere"
    advice = "Signpost to the council where the person lives (social-care-elsewhere)."


class EligibleHere(RuleBroken):
    """The destination is for people who are not entitled to the borough's services, and this person is."""

    code = "eligible-here"
    advice = "Choose a service of the borough: the person is entitled to it."


class LocalityNotCovered(RuleBroken):
    """The service does not cover the person's locality."""

    code = "locality-not-covered"
    advice = "Choose a service that covers the person's locality."


#: What a clinician may set aside with a reason (G10, G11, G34).
OVERRIDABLE = (BelowMinimumAge, PracticeNotCovered)


def eligibility_failures(service: Service, applicant: Applicant) -> Sequence[RuleBroken]:
    """Every rule of eligibility that this person does not meet for this service."""
    found: list[RuleBroken] = []
    if applicant.locality not in service.localities:
        found.append(LocalityNotCovered(f"{service.code} does not serve the locality {applicant.locality}."))
    if service.serves is Serves.RESIDENT and not applicant.is_resident:
        found.append(ResidenceElsewhere(f"{service.code} serves residents of the borough."))
    if service.serves is Serves.REGISTERED and not applicant.is_practice_covered:
        found.append(PracticeNotCovered(f"{service.code} serves people registered with a practice of the borough."))
    if service.serves is Serves.REGISTERED_ELSEWHERE and applicant.is_practice_covered:
        found.append(EligibleHere("The person is registered with a practice of the borough."))
    if service.serves is Serves.RESIDENT_ELSEWHERE and applicant.is_resident:
        found.append(EligibleHere("The person lives in the borough."))
    if service.minimum_age is not None and applicant.age < service.minimum_age:
        found.append(BelowMinimumAge(f"{service.code} serves people aged {service.minimum_age} and over."))
    return found


def age_on(born_on: date, day: date) -> int:
    """Completed years."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))
