"""The request and the approval of an erasure, and the record that is left."""

from datetime import UTC, datetime

import pytest

from services.referrals.domain import erasure as domain
from services.referrals.domain.erasure import Erasure
from services.referrals.domain.person import Identity
from services.referrals.domain.record_fields import FormerValue
from shared.contracts.persons import PersonRecordRecorded, RecordField
from shared.kernel.actor import Actor
from shared.kernel.ids import PersonId, new_id
from shared.persistence.transaction import Cause, RequestContext
from tests.builders.referrals import DALE, a_person, a_story

NOW = datetime(2015, 3, 2, 9, tzinfo=UTC)


def _requested() -> Erasure:
    return Erasure(new_id(), a_person().id, "the person asked for it", "care CLCH officer", NOW)


def _approved(erasure: Erasure, subject: str, organisation: str = "CLCH", issuer: str = "care") -> Erasure:
    """By the member of the information governance staff."""
    context = RequestContext(Actor(subject, organisation, "information-governance", issuer=issuer), Cause("approve erasure"))
    return domain.approve(erasure, context.actor, context.caller, NOW)


def test_another_person_approves_an_erasure() -> None:
    approved = _approved(_requested(), "caldicott")

    assert (approved.approved_by, approved.approved_at) == ("care CLCH caldicott", NOW)
    assert _approved(approved, "third").approved_by == "care CLCH third"


def test_requester_never_approves_their_own_erasure() -> None:
    for organisation in ("CLCH", "LBB"):
        with pytest.raises(domain.OwnErasure):
            _approved(_requested(), "officer", organisation)


@pytest.mark.parametrize(
    ("subject", "issuer"), [("officer", "other"), ("officer", "car"), ("CLCH officer", "care"), ("fficer", "care"), ("", "care")]
)
def test_member_of_similar_name_is_another_person(subject: str, issuer: str) -> None:
    assert _approved(_requested(), subject, issuer=issuer).approved_at == NOW


def test_complete_erasure_is_never_carried_out_again() -> None:
    complete = domain.certified(_approved(_requested(), "caldicott"), {"people": []})

    with pytest.raises(domain.ErasureComplete):
        _approved(complete, "third")


def test_erased_record_has_no_word_of_the_person() -> None:
    former = FormerValue(RecordField.ADDRESS, None, "Oakleigh", NOW, "W07", "officer", PersonId(new_id()))
    person = a_person(number_as_typed=DALE, former_values=(former,))

    decision = domain.erase(person, NOW)

    [recorded] = decision.events
    assert isinstance(recorded, PersonRecordRecorded)
    words = (DALE, "Colin", "Dale", "Oakleigh", "1932", a_story().narrative)
    assert [word for word in words if word not in str(person) and word != "1932"] == []
    assert [word for word in words if word in f"{decision.state} {recorded}"] == []
    assert (decision.state.practice_code, decision.state.sharing) == (person.practice_code, person.sharing)


def test_erased_person_is_known_again_by_their_number() -> None:
    erased = domain.erase(a_person(), NOW).state

    assert domain.referred_again(erased, Identity(erased.id, None)) == erased
    again = domain.referred_again(erased, Identity(erased.id, DALE))
    assert (again.nhs_number, again.erased_at) == (DALE, None)
