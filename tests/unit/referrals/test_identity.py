"""The identity of a person: tracing, verification, merges and separations."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.referrals.commands import MergePerson, ReceiveReferral, RestorePerson, ReviseRecord, SeparatePerson, VerifyIdentity
from services.referrals.domain import Policy, identity, life
from services.referrals.domain.access import IDENTITY as SCOPE
from services.referrals.domain.identity import IDENTITY, Candidate, Identity, IdentityDeadline, IdentityStatus, Merge, offered
from services.referrals.domain.life import Life, Report, Restoration
from services.referrals.domain.person import Person, lacks_demographics
from services.referrals.domain.record import Group
from shared.contracts.persons import PersonChange, PersonMerged, PersonSeparated, PersonTracingOverdue, PersonUnverified
from shared.kernel.actor import Actor
from shared.kernel.decision import Decision
from shared.kernel.errors import DomainError, IllegalTransition
from shared.kernel.ids import PersonId, derived_id, new_id
from shared.kernel.state_table import Trigger, name_of
from tests.builders.referrals import DALE, MONDAY, OTHER_PERSON, a_person

NOW = MONDAY.astimezone(UTC)
POLICY = Policy()
KEEPER = Actor("keeper-1", "CLCH", "clinical-triager", frozenset({SCOPE}))
SEPARATING = SeparatePerson("They are father and son.")
UNVERIFIED, KNOWN, THIRD = a_person(nhs_number=None), a_person(), a_person(nhs_number=OTHER_PERSON)


def a_candidate(record: Person, *merged: Person, changes: tuple[PersonChange, ...] = ()) -> Candidate:
    return Candidate(record, Group(record.id, tuple(each.id for each in merged)), a_life(record.id, *changes))


def a_life(person_id: PersonId, *changes: PersonChange) -> Life:
    lived = life.living(person_id)
    for change in changes:
        decision = life.record_reported(lived, change, Report("rapid-care", new_id(), NOW))
        assert decision
        lived = decision.state
    return lived


def an_identity(status: IdentityStatus, person: Person = UNVERIFIED) -> Identity:
    match status:
        case IdentityStatus.UNVERIFIED:
            return replace(saved(identity.begin(person, new_id(), NOW, POLICY)))
        case IdentityStatus.VERIFIED:
            return identity.verified(person.id)
        case IdentityStatus.MERGED:
            return saved(merged_into(KNOWN, an_identity(IdentityStatus.UNVERIFIED, person), person))


def merged_into(survivor: Person, of: Identity, own: Person, *, command: type = MergePerson) -> Decision[Identity]:
    return identity.merge(of, a_candidate(own), a_candidate(survivor), command, KEEPER, NOW)


def saved(decision: Decision[Identity]) -> Identity:
    return replace(decision.state, version=decision.state.version + len(decision.events))


TRIGGERS: dict[Trigger, Callable[[Identity], Decision[Identity]]] = {
    VerifyIdentity: lambda it: merged_into(THIRD, it, UNVERIFIED, command=VerifyIdentity),
    MergePerson: lambda it: merged_into(THIRD, it, UNVERIFIED),
    SeparatePerson: lambda it: identity.separate(it, SEPARATING, UNVERIFIED, actor=KEEPER, now=NOW, policy=POLICY),
    IdentityDeadline.TRACING: lambda it: identity.mark_overdue(it, NOW, POLICY),
}


@pytest.mark.parametrize("status", IdentityStatus)
@pytest.mark.parametrize("trigger", TRIGGERS, ids=name_of)
def test_every_trigger_follows_state_table(trigger: Trigger, status: IdentityStatus) -> None:
    present = an_identity(status)

    if status not in IDENTITY[trigger].sources:
        assert trigger not in offered(present, KEEPER, Group(UNVERIFIED.id))
        with pytest.raises(IllegalTransition):
            TRIGGERS[trigger](present)
        return

    decision = TRIGGERS[trigger](present)
    assert decision.state.status in (IDENTITY[trigger].targets or {status})
    assert {type(event) for event in decision.events} <= IDENTITY[trigger].emits
    assert decision.events


def test_table_has_a_row_for_each_trigger() -> None:
    assert set(IDENTITY) == {ReceiveReferral, *TRIGGERS}


def test_unverified_person_is_traced_by_next_working_day() -> None:
    referral_id = new_id()

    decision = identity.begin(UNVERIFIED, referral_id, NOW, POLICY)

    due_at = NOW + timedelta(days=1)
    assert decision.events == [PersonUnverified(referral_id=referral_id, trace_by=due_at)]
    assert (decision.state.status, decision.state.due_at) == (IdentityStatus.UNVERIFIED, due_at)
    [deadline] = decision.deadlines
    assert (deadline.kind, deadline.due_at) == ("tracing", due_at + timedelta(microseconds=1))


def test_late_tracing_reminds_and_sets_the_next_deadline() -> None:
    present = an_identity(IdentityStatus.UNVERIFIED)

    once = identity.mark_overdue(present, NOW + timedelta(days=1), POLICY)
    twice = identity.mark_overdue(saved(once), NOW + timedelta(days=2), POLICY)

    assert once.events == [PersonTracingOverdue(trace_by=NOW + timedelta(days=1))]
    assert twice.state.overdue_since == NOW + timedelta(days=1)
    assert (twice.state.due_at, len(twice.deadlines)) == (NOW + timedelta(days=3), 1)


def test_merge_names_the_survivor_and_ends_the_tracing() -> None:
    decision = merged_into(KNOWN, an_identity(IdentityStatus.UNVERIFIED), UNVERIFIED)

    assert decision.events == [PersonMerged(into=KNOWN.id, merged_at=NOW)]
    assert decision.state.merge == Merge(KNOWN.id, NOW, "keeper-1")
    assert (decision.state.due_at, list(decision.cancels), decision.deadlines) == (None, ["tracing"], ())


def test_merge_of_a_merged_record_leaves_its_former_survivor() -> None:
    decision = merged_into(THIRD, an_identity(IdentityStatus.MERGED), UNVERIFIED)

    assert [type(event) for event in decision.events] == [PersonSeparated, PersonMerged]
    assert decision.state.merged_into == THIRD.id


def test_merge_into_a_merged_record_resolves_to_its_survivor() -> None:
    other = Candidate(THIRD, Group(KNOWN.id, (THIRD.id,)), a_life(THIRD.id))

    decision = identity.merge(an_identity(IdentityStatus.UNVERIFIED), a_candidate(UNVERIFIED), other, MergePerson, KEEPER, NOW)

    assert decision.state.merged_into == KNOWN.id


Refused = tuple[Candidate, Candidate, type[DomainError]]
REFUSALS: dict[str, Refused] = {
    "into itself": (a_candidate(UNVERIFIED), a_candidate(UNVERIFIED), identity.SameRecord),
    "others merged into it": (a_candidate(UNVERIFIED, THIRD), a_candidate(KNOWN), identity.HasMergedRecords),
    "dead and living": (a_candidate(UNVERIFIED, changes=(PersonChange.DEATH,)), a_candidate(KNOWN), identity.LivesDiffer),
    "living and moved": (a_candidate(UNVERIFIED), a_candidate(KNOWN, changes=(PersonChange.MOVE,)), identity.LivesDiffer),
    "dead, and dead after a move": (
        a_candidate(UNVERIFIED, changes=(PersonChange.DEATH,)),
        a_candidate(KNOWN, changes=(PersonChange.MOVE, PersonChange.DEATH)),
        identity.LivesDiffer,
    ),
}


@pytest.mark.parametrize(("own", "other", "refusal"), REFUSALS.values(), ids=REFUSALS)
def test_merge_is_refused_with_advice(own: Candidate, other: Candidate, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        identity.merge(an_identity(IdentityStatus.UNVERIFIED), own, other, MergePerson, KEEPER, NOW)

    assert refusal.advice != DomainError.advice


def test_verified_record_never_merges_into_an_unverified_one() -> None:
    with pytest.raises(identity.SurvivorUnverified):
        identity.merge(identity.verified(KNOWN.id), a_candidate(KNOWN), a_candidate(UNVERIFIED), MergePerson, KEEPER, NOW)


@pytest.mark.parametrize("change", PersonChange)
def test_alike_lives_are_merged(change: PersonChange) -> None:
    own, other = a_candidate(UNVERIFIED, changes=(change,)), a_candidate(KNOWN, changes=(change,))

    decision = identity.merge(an_identity(IdentityStatus.UNVERIFIED), own, other, MergePerson, KEEPER, NOW)

    assert decision.state.status is IdentityStatus.MERGED


@pytest.mark.parametrize(
    ("own", "status", "kinds"), [(UNVERIFIED, IdentityStatus.UNVERIFIED, ["tracing"]), (KNOWN, IdentityStatus.VERIFIED, [])]
)
def test_separated_record_is_traced_again_without_a_number(own: Person, status: IdentityStatus, kinds: list[str]) -> None:
    merged = saved(merged_into(THIRD, an_identity(IdentityStatus.VERIFIED, own), own))

    decision = identity.separate(merged, SEPARATING, own, actor=KEEPER, now=NOW + timedelta(days=900), policy=POLICY)

    assert (decision.state.status, [deadline.kind for deadline in decision.deadlines]) == (status, kinds)
    assert (decision.state.merged_into, decision.state.merge) == (None, None)
    assert decision.events == [PersonSeparated(from_person=THIRD.id, merged_at=NOW, separated_at=NOW + timedelta(days=900))]
    [separation] = decision.state.separations
    assert (separation.separated_by, separation.reason) == ("keeper-1", SEPARATING.reason)


def test_repeated_commands_are_recognised() -> None:
    merged = an_identity(IdentityStatus.MERGED)
    separated = saved(identity.separate(merged, SEPARATING, UNVERIFIED, actor=KEEPER, now=NOW, policy=POLICY))

    assert identity.is_merged(merged, KNOWN.id)
    assert not identity.is_merged(merged, THIRD.id)
    assert not identity.is_merged(separated, KNOWN.id)


@given(
    status=st.sampled_from(IdentityStatus),
    has_merged=st.booleans(),
    scopes=st.sets(st.sampled_from([SCOPE, "referrals:triage"])).map(frozenset),
)
def test_actions_are_exactly_what_is_not_refused(status: IdentityStatus, scopes: frozenset[str], *, has_merged: bool) -> None:
    others = (new_id(),) if has_merged and status is not IdentityStatus.MERGED else ()
    present, group = an_identity(status), Group(UNVERIFIED.id, tuple(PersonId(each) for each in others))
    group = Group(KNOWN.id, (UNVERIFIED.id,)) if status is IdentityStatus.MERGED else group
    actor = replace(KEEPER, scopes=scopes)
    own = Candidate(UNVERIFIED, group, a_life(UNVERIFIED.id))
    runs: dict[type, Callable[[], object]] = {
        VerifyIdentity: lambda: identity.merge(present, own, a_candidate(THIRD), VerifyIdentity, actor, NOW),
        MergePerson: lambda: identity.merge(present, own, a_candidate(THIRD), MergePerson, actor, NOW),
        SeparatePerson: lambda: identity.separate(present, SEPARATING, UNVERIFIED, actor=actor, now=NOW, policy=POLICY),
    }

    accepted = {command for command, run in runs.items() if SCOPE in scopes and _runs(run)}

    assert {trigger for trigger in offered(present, actor, group) if isinstance(trigger, type)} == accepted


def _runs(run: Callable[[], object]) -> bool:
    try:
        run()
    except DomainError:
        return False
    return True


def test_record_of_unknown_number_has_no_own_data() -> None:
    decision = identity.register(DALE, PersonId(new_id()), UNVERIFIED)

    assert lacks_demographics(decision.state)
    assert (decision.state.nhs_number, decision.state.version) == (DALE, 0)
    [event] = decision.events
    assert (event.family_name, event.born_on) == ("Dale", UNVERIFIED.born_on)  # type: ignore[attr-defined]


@pytest.mark.parametrize("born_on", [None, date(1932, 5, 2), date(1900, 1, 1), date(1970, 1, 1), date(1932, 1, 1)])
def test_same_absent_or_placeholder_birthday_is_no_obstacle(born_on: date | None) -> None:
    identity.require_same_birthday(a_person(born_on=born_on), KNOWN)
    identity.require_same_birthday(KNOWN, a_person(born_on=born_on))


def test_differing_birthday_refuses_the_verification() -> None:
    with pytest.raises(identity.BirthdayDiffers) as refused:
        identity.require_same_birthday(a_person(nhs_number=None, born_on=date(1932, 2, 5)), KNOWN)

    assert all(name in refused.value.advice for name in (ReviseRecord.__name__, MergePerson.__name__))
    assert "Community Point of Access" not in refused.value.advice


def test_life_of_the_other_record_follows() -> None:
    led = life.record_reported(life.living(KNOWN.id), PersonChange.DEATH, Report("mdt", new_id(), NOW))
    assert led

    followed = life.follow(life.living(UNVERIFIED.id), led)

    assert (followed.state.id, followed.state.person_id) == (life.id_of(UNVERIFIED.id), UNVERIFIED.id)
    assert (followed.state.status, followed.events) == (led.state.status, led.events)


def test_restoration_of_the_other_record_names_its_own_time() -> None:
    own, other = _recorded(KNOWN.id, NOW), _recorded(UNVERIFIED.id, NOW - timedelta(hours=2))
    led = life.restore(own, RestorePerson("A mistake"), restored_by="triager-1", now=NOW, policy=POLICY)

    [event] = life.follow(other, led).events

    assert event.recorded_at == NOW - timedelta(hours=2)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("stated_for", "is_reversed"), [(KNOWN.id, True), (UNVERIFIED.id, False)])
def test_separation_reverses_what_was_stated_for_the_other(stated_for: PersonId, *, is_reversed: bool) -> None:
    led = life.record_reported(life.living(stated_for), PersonChange.MOVE, Report("mdt", new_id(), NOW))
    assert led
    alike = replace(life.follow(life.living(UNVERIFIED.id), led).state, version=1)

    decision = life.separate(alike, [UNVERIFIED.id], lambda change: Restoration(change, NOW, "keeper-1", "Two persons"))

    assert (decision is not None) is is_reversed
    assert decision is None or (decision.state.status, decision.state.changes) == (life.LifeStatus.LIVING, ())


def _recorded(person_id: PersonId, at: datetime) -> Life:
    decision = life.record_reported(life.living(person_id), PersonChange.DEATH, Report("mdt", derived_id("chain"), at))
    assert decision
    return replace(decision.state, version=1)
