"""The succession of leads: from the first proposal on, a person has exactly one lead after any sequence of commands."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.mdt.commands import LeadCandidate, LeadProposal
from services.mdt.domain import lead as leads
from services.mdt.domain import lead_succession
from services.mdt.domain.lead import AlreadyLead, Lead, Status
from services.mdt.domain.lead_succession import CasePerson, Decisions, LeadContext, Leads
from shared.contracts.codes import Role
from shared.contracts.mdt import CaseCloseReason, LeadAccepted, LeadActivated, LeadDeclined, LeadEnded, LeadHandedOver, LeadProposed
from shared.kernel.errors import IllegalTransition
from shared.kernel.ids import PersonId, new_id
from tests.builders.mdt_states import STARTS_AT, a_candidate, a_lead_of, a_proposal

PERSON = CasePerson(PersonId(new_id()), new_id(), "W07")
NAMES = st.sampled_from(["gp-W07", "nurse-1", "nurse-2", "social-worker-1"])


def now() -> LeadContext:
    return LeadContext(STARTS_AT, STARTS_AT + timedelta(days=2), lead_id=new_id(), fallback_id=new_id())


def candidate(name: str) -> LeadCandidate:
    return leads.gp("W07") if name == "gp-W07" else a_candidate(name)


def event_types(decisions: Decisions) -> list[type]:
    return [type(event) for decision in decisions for event in decision.events]


def test_candidate_accepting_at_meeting_becomes_lead() -> None:
    decisions = lead_succession.appoint(PERSON, Leads(), a_proposal(has_accepted=True), now())

    assert event_types(decisions) == [LeadProposed, LeadAccepted, LeadActivated]


def test_gp_leads_until_candidate_answers() -> None:
    decisions = lead_succession.appoint(PERSON, Leads(), a_proposal(), now())

    assert event_types(decisions) == [LeadProposed, LeadActivated]
    fallback = decisions[1].state
    assert (fallback.professional_id, fallback.organisation, fallback.role) == ("gp-W07", "W07", Role.GP)
    assert fallback.is_fallback


def test_gp_leads_without_answer() -> None:
    decisions = lead_succession.appoint(PERSON, Leads(), LeadProposal(leads.gp("W07")), now())

    assert event_types(decisions) == [LeadProposed, LeadAccepted, LeadActivated]
    assert not decisions[0].state.is_fallback


def test_accepting_candidate_replaces_active_lead() -> None:
    active, proposed = a_lead_of(professional_id="gp-W07"), a_lead_of(Status.PROPOSED)

    decisions = lead_succession.accept(proposed, Leads(active, (proposed,)), STARTS_AT)

    assert event_types(decisions) == [LeadHandedOver, LeadAccepted, LeadActivated]
    assert decisions[0].events == [LeadHandedOver(to_lead_id=proposed.id)]


def test_first_of_several_candidates_to_accept_wins() -> None:
    first, second = a_lead_of(Status.PROPOSED, "nurse-1"), a_lead_of(Status.PROPOSED, "nurse-2")

    decisions = lead_succession.accept(first, Leads(a_lead_of(professional_id="gp-W07"), (first, second)), STARTS_AT)

    assert event_types(decisions) == [LeadEnded, LeadHandedOver, LeadAccepted, LeadActivated]
    assert decisions[0].events == [LeadEnded(reason=lead_succession.SUPERSEDED)]


@pytest.mark.acceptance("mdt-6")
def test_next_candidate_is_asked_after_decline() -> None:
    proposed = a_lead_of(Status.PROPOSED, "nurse-1", alternatives=(a_candidate("nurse-2"), a_candidate("nurse-3")))

    decisions = lead_succession.decline(PERSON, proposed, Leads(a_lead_of(professional_id="gp-W07"), (proposed,)), "caseload", now())

    assert event_types(decisions) == [LeadDeclined, LeadProposed]
    following = decisions[1].state
    assert (following.professional_id, following.alternatives) == ("nurse-2", (a_candidate("nurse-3"),))


@pytest.mark.acceptance("mdt-6")
def test_gp_leads_when_proposal_expires() -> None:
    proposed = a_lead_of(Status.PROPOSED, "nurse-1")

    decisions = lead_succession.expire(PERSON, proposed, Leads(None, (proposed,)), now())

    assert event_types(decisions) == [LeadDeclined, LeadActivated]
    assert decisions[1].state.is_fallback


def test_new_proposal_ends_earlier_one() -> None:
    proposed, active = a_lead_of(Status.PROPOSED, "nurse-1"), a_lead_of(professional_id="gp-W07")

    decisions = lead_succession.appoint(PERSON, Leads(active, (proposed,)), a_proposal("nurse-2"), now())

    assert event_types(decisions) == [LeadEnded, LeadProposed]


def test_proposing_active_lead_changes_nothing() -> None:
    active = a_lead_of()

    assert lead_succession.appoint(PERSON, Leads(active), a_proposal(active.professional_id), now()) == []


def test_active_lead_stays_until_successor_accepts() -> None:
    active = a_lead_of()

    decisions = lead_succession.hand_over(PERSON, active, Leads(active), a_proposal("social-worker-1"), now())

    assert event_types(decisions) == [LeadProposed]


def test_handover_without_successor_goes_to_gp() -> None:
    active = a_lead_of()

    decisions = lead_succession.hand_over(PERSON, active, Leads(active), None, now())

    assert event_types(decisions) == [LeadHandedOver, LeadActivated]
    assert decisions[1].state.professional_id == "gp-W07"


def test_handover_to_self_is_refused() -> None:
    active, gp = a_lead_of(), a_lead_of(professional_id="gp-W07", organisation="W07")

    with pytest.raises(AlreadyLead):
        lead_succession.hand_over(PERSON, active, Leads(active), a_proposal(active.professional_id), now())
    with pytest.raises(AlreadyLead):
        lead_succession.hand_over(PERSON, gp, Leads(gp), None, now())


def test_gp_lead_hands_over_to_gp_of_new_practice() -> None:
    former = a_lead_of(professional_id="gp-B01", organisation="B01", practice_code="B01", role=Role.GP)

    decisions = lead_succession.follow_registration(PERSON, Leads(former), now())

    assert event_types(decisions) == [LeadHandedOver, LeadActivated]
    assert decisions[1].state.professional_id == "gp-W07"


@pytest.mark.parametrize("active", [None, a_lead_of(practice_code="B01"), a_lead_of(professional_id="gp-W07", organisation="W07")])
def test_lead_by_name_and_gp_of_same_practice_stay(active: Lead | None) -> None:
    assert lead_succession.follow_registration(PERSON, Leads(active), now()) == []


def test_mistaken_death_restores_lead_and_proposal() -> None:
    active, proposed = a_lead_of(professional_id="gp-W07"), a_lead_of(Status.PROPOSED, "nurse-2")
    ended = [decision.state for decision in lead_succession.end_all(Leads(active, (proposed,)), CaseCloseReason.DIED, STARTS_AT)]

    decisions = lead_succession.restore(Leads(), ended, now())

    assert event_types(decisions) == [LeadProposed, LeadActivated]
    assert [decision.state.status for decision in decisions] == [Status.PROPOSED, Status.ACTIVE]
    assert [deadline.kind for deadline in decisions[0].deadlines] == [leads.LeadDeadline.ANSWER]


def test_mistaken_death_leaves_newer_lead() -> None:
    ended = [decision.state for decision in lead_succession.end_all(Leads(a_lead_of()), CaseCloseReason.DIED, STARTS_AT)]

    assert lead_succession.restore(Leads(a_lead_of(professional_id="nurse-9")), ended, now()) == []


def test_merge_ends_the_lead_of_the_merged_record() -> None:
    own, other = a_lead_of(professional_id="nurse-1"), a_lead_of(professional_id="nurse-2")
    proposed = a_lead_of(Status.PROPOSED, "nurse-3")

    [ended] = lead_succession.merge(Leads(own, (proposed,)), Leads(other), STARTS_AT)

    assert (ended.state.id, ended.state.status, ended.state.by_merge) == (own.id, Status.ENDED, STARTS_AT)
    assert ended.events == [LeadEnded(reason="merged")]


@pytest.mark.parametrize(("own", "other"), [(None, a_lead_of()), (a_lead_of(), None), (None, None)])
def test_merge_leaves_a_single_lead(own: Lead | None, other: Lead | None) -> None:
    assert lead_succession.merge(Leads(own), Leads(other), STARTS_AT) == []


def test_separation_resumes_the_lead_whom_the_last_merge_ended() -> None:
    earlier = a_lead_of(Status.ENDED, "nurse-1", by_merge=STARTS_AT - timedelta(days=9))
    last, by_death = a_lead_of(Status.ENDED, "nurse-2", by_merge=STARTS_AT), a_lead_of(Status.ENDED, "nurse-3")
    plan_id, asked = new_id(), a_lead_of(Status.PROPOSED, "nurse-2")

    decisions = lead_succession.resume(replace(PERSON, care_plan_id=plan_id), Leads(None, (asked,)), [last, earlier, by_death], now())

    assert event_types(decisions) == [LeadEnded, LeadActivated]
    resumed = decisions[-1].state
    assert (resumed.id, resumed.status, resumed.by_merge, resumed.care_plan_id) == (last.id, Status.ACTIVE, None, plan_id)


def test_separation_leaves_another_lead_or_falls_back_to_gp() -> None:
    former = a_lead_of(Status.ENDED, "nurse-1", by_merge=STARTS_AT)

    assert lead_succession.resume(PERSON, Leads(a_lead_of(professional_id="nurse-9")), [former], now()) == []
    [gp] = lead_succession.resume(PERSON, Leads(), [a_lead_of(Status.ENDED)], now())
    assert (gp.state.professional_id, gp.state.is_fallback) == ("gp-W07", True)


def test_lead_follows_the_plan_that_stays() -> None:
    own, asked = a_lead_of(professional_id="nurse-1"), a_lead_of(Status.PROPOSED, "nurse-2")

    decisions = lead_succession.move(Leads(own, (asked,)), PERSON, now())

    assert event_types(decisions) == [LeadEnded, LeadHandedOver, LeadActivated]
    moved = decisions[-1].state
    assert (moved.person_id, moved.professional_id, moved.version) == (PERSON.id, "nurse-1", 0)
    assert moved.id != own.id


class SuccessionOfLeads(RuleBasedStateMachine):
    """A person's leads in memory, saved one decision at a time, as the database does."""

    def __init__(self) -> None:
        super().__init__()
        self.leads: dict[str, Lead] = {}
        self.waiting: set[str] = set()
        self.is_over = False

    @property
    def open(self) -> list[Lead]:
        return [lead for lead in self.leads.values() if lead.status in leads.OPEN]

    @property
    def active(self) -> list[Lead]:
        return [lead for lead in self.leads.values() if lead.status is Status.ACTIVE]

    @property
    def proposed(self) -> list[Lead]:
        return [lead for lead in self.leads.values() if lead.status is Status.PROPOSED]

    def save(self, decisions: Decisions) -> None:
        for decision in decisions:
            lead_id = str(decision.state.id)
            self.leads[lead_id] = decision.state
            self.waiting -= {lead_id} if leads.LeadDeadline.ANSWER in decision.cancels else set()
            self.waiting |= {lead_id} if decision.deadlines else set()
            assert len(self.active) <= 1, "two active leads within one transaction"

    @initialize(name=NAMES, has_accepted=st.booleans(), others=st.lists(NAMES, max_size=2))
    def first_discussion(self, *, name: str, has_accepted: bool, others: list[str]) -> None:
        self.discuss(name=name, has_accepted=has_accepted, others=others)

    @precondition(lambda self: not self.is_over)
    @rule(name=NAMES, has_accepted=st.booleans(), others=st.lists(NAMES, max_size=2))
    def discuss(self, *, name: str, has_accepted: bool, others: list[str]) -> None:
        proposal = LeadProposal(candidate(name), has_accepted, tuple(map(candidate, others)))
        self.save(lead_succession.appoint(PERSON, Leads.of(self.open), proposal, now()))

    @precondition(lambda self: self.proposed)
    @rule(data=st.data(), reply=st.sampled_from(["accept", "decline", "expire"]))
    def candidate_answers(self, data: st.DataObject, reply: str) -> None:
        lead = data.draw(st.sampled_from(self.proposed))
        current = Leads.of(self.open)
        match reply:
            case "accept":
                self.save(lead_succession.accept(lead, current, STARTS_AT))
            case "decline":
                self.save(lead_succession.decline(PERSON, lead, current, "caseload", now()))
            case _:
                self.waiting.discard(str(lead.id))
                self.save(lead_succession.expire(PERSON, lead, current, now()))

    @precondition(lambda self: self.active)
    @rule(name=st.none() | NAMES, has_accepted=st.booleans())
    def lead_hands_over(self, *, name: str | None, has_accepted: bool) -> None:
        to = LeadProposal(candidate(name), has_accepted) if name else None
        try:
            self.save(lead_succession.hand_over(PERSON, self.active[0], Leads.of(self.open), to, now()))
        except AlreadyLead:
            assert self.active[0].professional_id == (name or "gp-W07")

    @precondition(lambda self: self.leads)
    @rule(data=st.data())
    def former_lead_answers(self, data: st.DataObject) -> None:
        former = [lead for lead in self.leads.values() if lead.status not in leads.OPEN]
        if former:
            with pytest.raises(IllegalTransition):
                lead_succession.accept(data.draw(st.sampled_from(former)), Leads.of(self.open), STARTS_AT)

    @precondition(lambda self: not self.is_over)
    @rule()
    def person_dies(self) -> None:
        self.is_over = True
        self.save(lead_succession.end_all(Leads.of(self.open), CaseCloseReason.DIED, STARTS_AT))

    @precondition(lambda self: self.is_over)
    @rule()
    def death_was_a_mistake(self) -> None:
        self.is_over = False
        ended = [lead for lead in self.leads.values() if lead.by_change is not None]
        self.save(lead_succession.restore(Leads.of(self.open), ended, now()))

    @precondition(lambda self: not self.is_over)
    @rule(practice_code=st.sampled_from(["W07", "B01"]))
    def person_changes_practice(self, *, practice_code: str) -> None:
        self.save(lead_succession.follow_registration(replace(PERSON, practice_code=practice_code), Leads.of(self.open), now()))

    @invariant()
    def every_proposal_has_an_answer_deadline(self) -> None:
        assert {str(lead.id) for lead in self.proposed} == self.waiting

    @invariant()
    def has_exactly_one_lead_until_death(self) -> None:
        assert len(self.active) == (0 if self.is_over else bool(self.leads))
        if self.is_over:
            assert not self.open

    @invariant()
    def has_one_open_proposal_per_professional(self) -> None:
        open_to = [lead.professional_id for lead in self.open]
        assert len(open_to) == len(set(open_to))


TestSuccessionOfLeads = SuccessionOfLeads.TestCase
TestSuccessionOfLeads.settings = settings(max_examples=settings().max_examples * 3 // 5, stateful_step_count=25, deadline=None)
