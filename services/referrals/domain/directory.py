"""The directory of services and organisations: reference data with validity dates (G52), and the rules of eligibility.

Each refusal of an ineligible person names an alternative (E11).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import assert_never

from shared.contracts.codes import Locality
from shared.contracts.referral_codes import Route
from shared.kernel.errors import RuleBroken
from shared.kernel.totality import total


class Need(StrEnum):
    """Needs by which the directory is searched."""

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
    """The people that a service is for: health care by registration (E8), social care by residence (G13), some without a condition.

    The last two are the destinations of people who are not entitled to the borough's services.
    """

    REGISTERED = "registered-here"
    RESIDENT = "resident-here"
    ANYBODY = "anybody"
    REGISTERED_ELSEWHERE = "registered-elsewhere"
    RESIDENT_ELSEWHERE = "resident-elsewhere"


_IS_ELSEWHERE = total(
    Serves,
    {
        Serves.REGISTERED: False,
        Serves.RESIDENT: False,
        Serves.ANYBODY: False,
        Serves.REGISTERED_ELSEWHERE: True,
        Serves.RESIDENT_ELSEWHERE: True,
    },
)


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the directory, valid between two days. A service without hours is always open.

    The GP has no `organisation` here: it is the practice where the person is registered.
    """

    code: str
    name: str
    organisation: str | None
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

    @property
    def is_elsewhere(self) -> bool:
        """Whether the service is for people who are not entitled to the borough's services."""
        return _IS_ELSEWHERE[self.serves]


@dataclass(frozen=True, slots=True)
class Organisation:
    code: str
    name: str
    telephone: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Applicant:
    """The facts that eligibility depends on. `age` is None while the date of birth is unknown, `locality` while the practice is."""

    age: int | None
    locality: Locality | None
    is_practice_covered: bool
    is_resident: bool


class ServiceNotInDirectory(RuleBroken):
    """The directory has no service with this code on this day."""

    code = "service-not-in-directory"
    advice = "Choose a service that GET /referrals/directory lists for today."


class BelowMinimumAge(RuleBroken):
    """The person is younger than the service's minimum age, or their age is unknown (G10)."""

    code = "below-minimum-age"
    advice = "Give a reason to override, or choose another service for this need."


class PracticeNotCovered(RuleBroken):
    """The service requires registration with a practice of the borough (E8, G13)."""

    code = "practice-not-covered"
    advice = (
        "Signpost to the health services where the person is registered (health-elsewhere). An urgent need may be overridden with a reason."
    )


class PracticeUnconfirmed(RuleBroken):
    """The GP is the practice that alone says that the person is registered with it, which is no relationship yet."""

    code = "practice-unconfirmed"
    advice = (
        "Ask the person which practice cares for them. A colleague with the scope referrals:handle records that one (ReviseRecord). "
        "Until then choose another service."
    )


class ResidenceElsewhere(RuleBroken):
    """The service requires residence in the borough (G13)."""

    code = "residence-elsewhere"
    advice = "Signpost to the council where the person lives (social-care-elsewhere)."


class PracticeClosed(RuleBroken):
    """The practice closed without a successor, or is not open yet: no practice cares for the person."""

    code = "practice-closed"
    advice = (
        "Ask the person which practice cares for them now. A colleague with the scope referrals:handle records that one (ReviseRecord). "
        "Dismiss a proposal of the closed one."
    )


class EligibleHere(RuleBroken):
    """The destination is for people who are not entitled to the borough's services, and this person is."""

    code = "eligible-here"
    advice = "Choose a service of the borough: the person is entitled to it."


class LocalityNotCovered(RuleBroken):
    """The service does not cover the person's locality."""

    code = "locality-not-covered"
    advice = "Choose a service that covers the person's locality."


#: Rules that a clinician may override with a reason (G10, G11, G34).
OVERRIDABLE = (BelowMinimumAge, PracticeNotCovered)


def eligibility_failures(service: Service, applicant: Applicant) -> Sequence[RuleBroken]:
    """The rules of eligibility that this person does not meet for this service. An unknown locality is no reason to refuse."""
    failures: list[RuleBroken] = []
    if applicant.locality is not None and applicant.locality not in service.localities:
        failures.append(LocalityNotCovered(f"{service.code} does not serve the locality {applicant.locality}."))
    if (failure := _entitlement_failure(service, applicant)) is not None:
        failures.append(failure)
    if service.minimum_age is not None and (applicant.age is None or applicant.age < service.minimum_age):
        failures.append(BelowMinimumAge(f"{service.code} serves people aged {service.minimum_age} and over."))
    return failures


def _entitlement_failure(service: Service, applicant: Applicant) -> RuleBroken | None:
    failure: RuleBroken
    match service.serves:
        case Serves.ANYBODY:
            return None
        case Serves.RESIDENT:
            is_met, failure = applicant.is_resident, ResidenceElsewhere(f"{service.code} serves residents of the borough.")
        case Serves.REGISTERED:
            is_met = applicant.is_practice_covered
            failure = PracticeNotCovered(f"{service.code} serves people registered with a practice of the borough.")
        case Serves.REGISTERED_ELSEWHERE:
            is_met = not applicant.is_practice_covered
            failure = EligibleHere("The person is registered with a practice of the borough.")
        case Serves.RESIDENT_ELSEWHERE:
            is_met, failure = not applicant.is_resident, EligibleHere("The person lives in the borough.")
        case _:
            assert_never(service.serves)
    return None if is_met else failure


def age_on(born_on: date, day: date) -> int:
    """Completed years."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))
