"""One context with people in every relationship to a few callers: open, ended recently, ended long ago; under each sharing preference."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID
from zlib import crc32

import nhs_number

from infra.dev_stack.dev_secrets import Keys
from services.navigation.api.streams import Streams
from services.navigation.domain.policy import Policy as NavigationPolicy
from services.navigation.queries.feed import SequencedEntry
from services.rapid_care.domain.response import Status
from shared.contracts.codes import Locality
from shared.contracts.mdt import LeadEnded
from shared.contracts.persons import FamilyContact, SharingPreference, Story
from shared.contracts.rapid_care import ContactMode, ResponseContacted
from shared.kernel.ids import new_id
from tests.builders import mdt as meeting
from tests.builders import navigation as navigators
from tests.builders import rapid_care as response
from tests.builders.context_app import RunningContext
from tests.builders.referrals import MONDAY, ReferralsClient, a_demographics_body, a_lead_activated, referrals

#: The end of a relationship, before the present: within `access_lasts`, and after it.
RECENT, LONG_AGO = timedelta(days=20), timedelta(days=40)
_NUMBERS = [number for number in (f"99953{ending:05}" for ending in range(400)) if nhs_number.is_valid(number)]
_NOTHING: frozenset[str] = frozenset()
_FINDING, _PLAN = frozenset({"read_finding", "finding_actions", "ScreenFinding"}), frozenset({"read_plan_of_person"})


@dataclass(frozen=True)
class Caller:
    """`organisation` and `actor` of a token."""

    organisation: str
    actor: str


@dataclass(frozen=True)
class Subject:
    """One person. `held` has the bases of each caller by name, whatever the scope; a caller without an entry is a stranger.

    `words` has what an answer may say of this person alone, with the part that each is of. `owns` names the caller whose ended lead it was,
    `lacks` the operations on something that the person does not have.
    """

    phase: str
    sharing: SharingPreference
    ids: Mapping[str, str]
    held: Mapping[str, frozenset[str]]
    words: Mapping[str, str] = field(default_factory=dict)
    owns: str | None = None
    lacks: frozenset[str] = _NOTHING

    def bases(self, caller: str) -> frozenset[str]:
        return self.held.get(caller, _NOTHING)


@dataclass(frozen=True)
class World:
    """`ids` are those of what concerns no person. `owner` is the caller whose own lists they name."""

    name: str
    context: RunningContext
    callers: Mapping[str, Caller]
    subjects: list[Subject] = field(default_factory=list)
    ids: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""


def _word(phase: str, sharing: SharingPreference) -> str:
    """In each word of the person that no other person has."""
    return f"{phase.replace(' ', '')}{sharing}"


def _telephone(word: str) -> str:
    return f"07{crc32(word.encode()) % 10**9:09}"


def _who(word: str) -> dict[str, str]:
    return {"given_name": f"Colin{word}", "telephone": _telephone(word)}


def _described(word: str) -> dict[str, Any]:
    """The fields of a record that have the person's words."""
    contacts = (FamilyContact(name=f"Louise{word}", relationship="daughter"),)
    return {**_who(word), "story": Story(narrative=f"secret{word}", contacts=contacts)}


def _words(word: str, plan: str) -> dict[str, str]:
    """The words of a record and of its story, with their parts, and the word `plan` of the plan or the timeline."""
    record = {f"Colin{word}": "existence", _telephone(word): "contact and lead"}
    return {**record, f"secret{word}": "story", f"Louise{word}": "story", plan: "plan, tasks and timeline"}


def _bases(**held: str) -> dict[str, frozenset[str]]:
    """The bases of each caller, separated by spaces; `_` in a caller's name stands for a space."""
    return {caller.replace("_", " "): frozenset(bases.split()) for caller, bases in held.items()}


async def _break_glass(context: RunningContext, prefix: str, person_id: str, scope: str, caller: Caller) -> None:
    headers = context.token(scope, organisation=caller.organisation, actor=caller.actor) | {"Idempotency-Key": str(new_id())}
    act = {"reason": "emergency", "explanation": "He is unconscious."}
    answer = await context.http.post(f"/{prefix}/people/{person_id}/break-glass", json=act, headers=headers)
    assert answer.status_code == 201, answer.text


@asynccontextmanager
async def referrals_world(owner_url: str, keys: Keys) -> AsyncIterator[World]:
    callers = {
        "staff": Caller("CLCH", "clinician-1"),
        "referrer": Caller("LAS", "crew-1"),
        "receiver": Caller("HOUSING21", "nurse-1"),
        "practice": Caller("W07", "gp-1"),
        "breaker": Caller("W07", "gp-2"),
        "lead": Caller("RFL", "rfl-nurse-1"),
        "colleague": Caller("RFL", "rfl-nurse-2"),
        "council": Caller("LBB", "safeguarding-1"),
        "stranger": Caller("EVIL", "evil-1"),
    }
    ended = _bases(staff="point-of-access register safeguarding", referrer="referrer", council="safeguarding")
    phases = {
        "long ended": (LONG_AGO, _bases(staff="register safeguarding", council="safeguarding")),
        "ended": (RECENT, ended),
        "open": (
            timedelta(),
            _bases(
                staff="point-of-access register safeguarding",
                council="safeguarding",
                referrer="referrer",
                receiver="receiver",
                practice="registered-practice",
                breaker="registered-practice break-glass",
                lead="lead",
            ),
        ),
    }
    async with referrals(owner_url, keys, MONDAY) as client:
        world = World("referrals", client.context, callers, ids={"break_glass_id": str(new_id())})
        for phase, (before, held) in phases.items():
            client.context.clock.at = MONDAY + LONG_AGO - before
            for sharing in SharingPreference:
                number = _NUMBERS[len(world.subjects)]
                world.subjects.append(await _referred(client, callers, number, Subject(phase, sharing, {}, held)))
        yield world


async def _referred(client: ReferralsClient, callers: Mapping[str, Caller], number: str, subject: Subject) -> Subject:
    context, is_open, word = client.context, subject.phase == "open", _word(subject.phase, subject.sharing)
    story = _described(word)["story"].model_dump(mode="json", exclude_defaults=True)
    about = {"nhs_number": number, "reason": "enablement", "story": story, "sharing": subject.sharing}
    sent = await client.refer(caller=client.ambulance, source="ambulance", demographics=a_demographics_body(**_who(word)), **about)
    person_id, lead_id = UUID(sent["person_id"]), new_id()
    moved = a_demographics_body(address="9 Other Road", **_who(word))
    other = context.token("referrals:refer", organisation="BARNDOC", actor="barndoc-1")
    await client.refer(caller=other, nhs_number=number, reason="enablement", story=None, demographics=moved)
    await client.command(sent["id"], "triage", {"urgency": "routine", "is_complex": False, "reason": "Asked for."})
    await client.command(sent["id"], "route", {"route": "service", "service_code": "enablement"})
    await client.command(sent["id"], "acceptance", caller=client.receiver("HOUSING21"))
    await context.deliver(a_lead_activated("rfl-nurse-1", "RFL"), key=person_id, subject=lead_id, sequence=1)
    await _break_glass(context, "referrals", sent["person_id"], "referrals:refer", callers["breaker"])
    if not is_open:
        await client.command(sent["id"], "closure", {"outcome": "other-service-involved"}, caller=client.receiver("HOUSING21"))
        await context.deliver(LeadEnded(reason="plan-closed"), key=person_id, subject=lead_id, sequence=2)
        version = (await client.get(f"/people/{person_id}")).json()["version"]
        elsewhere = {"demographics": a_demographics_body(practice_code="W08", **_who(word))}
        assert (await client.post(f"/people/{person_id}/record", elsewhere, version=version)).is_success
    proposal_id = await context.database.pool.fetchval("SELECT id FROM proposal WHERE person_id = $1", person_id)
    concern_id = await _concern(client, sent["person_id"], f"dinner{word}")
    ids = {"referral_id": sent["id"], "person_id": sent["person_id"], "proposal_id": str(proposal_id), "concern_id": concern_id}
    return replace(subject, ids=ids, words=_words(word, str(lead_id)) | {f"dinner{word}": "safeguarding"})


async def _concern(client: ReferralsClient, person_id: str, word: str) -> str:
    """The id of a concern about the person, which the Community Point of Access raises."""
    headers = client.context.token("referrals:handle") | {"Idempotency-Key": str(new_id())}
    account = {"person_id": person_id, "kind": "neglect", "account": f"He has had no {word} for days."}
    raised = await client.context.http.post("/referrals/safeguarding-concerns", json=account, headers=headers)
    assert raised.status_code == 202, raised.text
    query = "SELECT id FROM safeguarding_concern WHERE person_id = $1"
    return str(await client.context.database.pool.fetchval(query, UUID(person_id)))


#: Phases of a response in which no clock runs, and which the caller still sees.
_BROKEN_WITH_REASON = frozenset({"ended", "before opening", "in care"})


@asynccontextmanager
async def rapid_care_world(owner_url: str, keys: Keys) -> AsyncIterator[World]:
    callers = {"staff": Caller("CLCH", "clinician-1"), "breaker": Caller("CLCH", "clinician-2"), "stranger": Caller("EVIL", "evil-1")}
    now = response.at("14:00")
    phases = {
        "long ended": (LONG_AGO, _bases()),
        "ended": (RECENT, _bases(staff="response", breaker="response break-glass")),
        # while the clock runs, the read itself is a break-glass; before and afterwards the caller states a reason
        "before opening": (timedelta(), _bases(staff="response", breaker="response break-glass")),
        "open": (timedelta(), _bases(staff="response break-glass", breaker="response break-glass")),
        "in care": (RECENT, _bases(staff="response", breaker="response break-glass")),
    }
    async with response.rapid_care(owner_url, keys, now) as team:
        await team.roster("nurse-9", "emergency-nurse-practitioner")
        ids = {"break_glass_id": str(new_id()), "clinician_id": "nurse-9"}
        world = World("rapid_care", team.context, callers, ids=ids)
        for phase, (before, held) in phases.items():
            for sharing in SharingPreference:
                team.context.clock.at = now + LONG_AGO - before
                world.subjects.append(await _responded(team, Subject(phase, sharing, {}, held)))
        team.context.clock.at = now + LONG_AGO
        for subject in world.subjects:
            if subject.phase in _BROKEN_WITH_REASON:
                await _break_glass(team.context, "rapid-care", subject.ids["person_id"], "rapid-care:respond", callers["breaker"])
        yield world


async def _responded(team: response.RapidCareClient, subject: Subject) -> Subject:
    person_id, word = new_id(), _word(subject.phase, subject.sharing)
    plan = response.a_care_plan(what_matters=f"plan{word}")
    record = response.mr_dale(sharing=subject.sharing, **_described(word))
    await team.context.deliver(record, key=person_id, subject=person_id)
    await team.context.deliver(plan, key=person_id, subject=plan.care_plan_id)
    started = team.context.clock.at
    starts_at = started + timedelta(hours=1) if subject.phase == "before opening" else started
    response_id = await team.receive_referral(person_id=person_id, received_at=started, clock_starts_at=starts_at)
    if subject.phase == "in care":
        await team.advance(response_id, Status.CONTACTED)
    elif subject.phase.endswith("ended"):
        await team.advance(response_id, Status.EN_ROUTE)
        await team.command(response_id, "decline", reason="capacity")
    return replace(subject, ids={"person_id": str(person_id), "response_id": str(response_id)}, words=_words(word, f"plan{word}"))


@asynccontextmanager
async def mdt_world(owner_url: str, keys: Keys) -> AsyncIterator[World]:
    callers = {
        "staff": Caller("CLCH", "clinician-1"),
        "member": Caller("LBB", "member-1"),
        "lead": Caller("CLCH", "clch-community-nurse-1"),
        "candidate": Caller("BARNDOC", "barndoc-gp-1"),
        "practice": Caller("W07", "gp-1"),
        "breaker": Caller("W07", "gp-2"),
        "stranger": Caller("EVIL", "evil-1"),
    }
    members = dict.fromkeys(("staff", "member", "lead"), "meeting")
    practice = {"practice": "registered-practice", "breaker": "registered-practice break-glass"}
    open_to = _bases(**members | practice | {"lead": "meeting lead", "candidate": "proposed-lead"})
    phases = {"long ended": (LONG_AGO, _bases()), "ended": (RECENT, _bases(**members)), "open": (timedelta(), open_to)}
    async with meeting.mdt(owner_url, keys, meeting.MONDAY) as context:
        world = World("mdt", context, callers, owner="lead")
        for phase, (before, held) in phases.items():
            await context.let_pass(meeting.MONDAY + LONG_AGO - before - context.clock.at)
            patients = [(sharing, await meeting.Patient.listed(context)) for sharing in SharingPreference]
            world.subjects.extend([await _discussed(patient, phase, sharing, held) for sharing, patient in patients])
        found = _bases(**dict.fromkeys(("staff", "member", "lead"), "case-finding") | practice)
        world.subjects.extend([await _found(context, sharing, found) for sharing in SharingPreference])
        for subject in world.subjects:
            if subject.phase in {"open", "found"}:
                await _break_glass(context, "mdt", subject.ids["person_id"], "mdt:read", callers["breaker"])
        diary, lead = await meeting.meetings(context), callers["lead"].actor
        notification = await _notified(context, next(each for each in world.subjects if each.phase == "open"), lead)
        ids = {"meeting_id": diary[0]["id"], "notification_id": notification, "import_id": str(new_id()), "break_glass_id": str(new_id())}
        yield replace(world, ids=ids | {"practice": "W07", "professional_id": lead})


async def _notified(context: RunningContext, subject: Subject, lead: str) -> str:
    """The number of a notification of the person's lead."""
    now = context.clock.at
    visit = ResponseContacted(referral_id=new_id(), contacted_at=now, due_at=now, is_met=True, mode=ContactMode.FACE_TO_FACE)
    await context.deliver(visit, key=UUID(subject.ids["person_id"]), subject=new_id())
    return str((await meeting.notifications(context, lead))[-1]["id"])


async def _discussed(patient: meeting.Patient, phase: str, sharing: SharingPreference, held: Mapping[str, frozenset[str]]) -> Subject:
    context, word = patient.context, _word(phase, sharing)
    await patient.discuss(joint_plan={"what_matters": f"plan{word}", "preferred_place_of_care": "home"})
    await _record(context, patient.person_id, sharing, word)
    case, whole = await patient.case(), await patient.plan()
    [lead] = await patient.leads()
    if phase == "open":
        await _propose(context, lead)
    else:
        await patient.command("closure", {"reason": "needs-met"})
        await _record(context, patient.person_id, sharing, word, practice_code="W08")
    ids = {"person_id": str(patient.person_id), "case_id": case["id"], "care_plan_id": whole["id"], "lead_id": lead["id"]}
    return Subject(phase, sharing, ids, held, _words(word, f"plan{word}"), owns="lead", lacks=_FINDING)


async def _propose(context: RunningContext, lead: Mapping[str, Any]) -> None:
    """The lead proposes the candidate, who has not answered."""
    to = {"candidate": {"professional_id": "barndoc-gp-1", "role": "gp", "organisation": "BARNDOC"}}
    path, actor = f"/mdt/leads/{lead['id']}/handover", lead["professional_id"]
    proposed = await meeting.send_command(context, path, lead["version"], {"to": to}, actor=actor)
    assert proposed.status_code == 200, proposed.text


async def _found(context: RunningContext, sharing: SharingPreference, held: Mapping[str, frozenset[str]]) -> Subject:
    number, word = _NUMBERS[list(SharingPreference).index(sharing)], _word("found", sharing)
    person_id = await meeting.a_finding(context, number)
    await _record(context, person_id, sharing, word)
    return Subject("found", sharing, {"person_id": str(person_id)}, held, _words(word, f"plan{word}"), lacks=_PLAN)


async def _record(context: RunningContext, person_id: UUID, sharing: SharingPreference, word: str, **changes: Any) -> None:
    record = meeting.a_person_record(sharing=sharing, **_described(word), **changes)
    await context.deliver(record, key=person_id, subject=person_id, sequence=2 if changes else 1)


class _PresentEntries(Streams):
    """Streams that end after the present entries."""

    def follow(self, navigator_id: str, *, duration: timedelta, **how: Any) -> AsyncGenerator[Sequence[SequencedEntry]]:  # noqa: ARG002
        return super().follow(navigator_id, duration=timedelta(), **how)


@asynccontextmanager
async def navigation_world(owner_url: str, keys: Keys) -> AsyncIterator[World]:
    navigator, other = navigators.NAVIGATOR, navigators.OTHER
    callers = {
        "navigator": Caller("CLCH", navigator),
        "other navigator": Caller("CLCH", other),
        "employed": Caller("AGEUK", "ageuk-navigator-1"),
        "employer": Caller("AGEUK", "ageuk-coordinator-1"),
        "lead": Caller("RFL", "rfl-nurse-1"),
        "colleague": Caller("RFL", "rfl-nurse-2"),
        "stranger": Caller("EVIL", "evil-1"),
    }
    coordinates = dict.fromkeys(("navigator", "other_navigator"), "task-coordination")
    worked = coordinates | {"navigator": "task task-coordination"}
    employed = {"employed": "task task-coordination", "employer": "task-coordination"}
    phases = {
        "long ended": (LONG_AGO, _bases()),
        "ended": (RECENT, _bases(**worked)),
        "open": (timedelta(), _bases(**worked | {"lead": "lead"})),
        "reassigned": (timedelta(), _bases(**worked | employed)),
    }
    now = navigators.at("14:00")
    async with navigators.navigation(owner_url, keys, now, NavigationPolicy(employers=("CLCH", "AGEUK"))) as client:
        client.context.state.streams = _PresentEntries(client.context.api_database)
        await client.register(navigator)
        await client.register("ageuk-navigator-1", organisation="AGEUK", locality=Locality.LOCALITY_B)
        ids = {"navigator_id": navigator, "break_glass_id": str(new_id())}
        world = World("navigation", client.context, callers, ids=ids, owner="navigator")
        for phase, (before, held) in phases.items():
            client.context.clock.at = now + LONG_AGO - before
            world.subjects.extend([await _assigned(client, phase, sharing, held) for sharing in SharingPreference])
        yield world


async def _assigned(
    client: navigators.NavigationClient, phase: str, sharing: SharingPreference, held: Mapping[str, frozenset[str]]
) -> Subject:
    person_id, word, day = new_id(), _word(phase, sharing), client.context.clock.at.date()
    action = navigators.an_action(due_on=day + timedelta(days=9))
    await client.publish(navigators.mr_dales_record(sharing=sharing, **_described(word)), person=person_id, subject=person_id)
    await client.plan(action, person=person_id)
    task_id = str(await client.context.database.pool.fetchval("SELECT id FROM task WHERE person_id = $1", person_id))
    check = (await client.expect_home_check(person_id, day)).json()["id"]
    await _continue(client, phase, person_id, task_id, check)
    ids = {"person_id": str(person_id), "task_id": task_id, "check_id": check}
    return Subject(phase, sharing, ids, held, _words(word, str(action.action_id)))


async def _continue(client: navigators.NavigationClient, phase: str, person_id: UUID, task_id: str, check_id: str) -> None:
    if phase == "open":
        lead = navigators.an_activated_lead(client.context.clock.at, organisation="RFL", professional_id="rfl-nurse-1")
        await client.publish(lead, person=person_id, subject=new_id())
    elif phase == "reassigned":
        to = "ageuk-navigator-1"
        moved = await client.try_command(task_id, "reassignment", client.coordinator, navigator_id=to, reason="workload")
        assert moved.status_code == 200, moved.text
    else:
        ended = await client.try_command(task_id, "cancellation", client.coordinator, reason="created-in-error")
        path, headers = f"/navigation/people/{person_id}/home-checks/{check_id}/cancellation", client.coordinator | {"If-Match": 'W/"1"'}
        checked = await client.context.http.post(path, json={"reason": "created-in-error"}, headers=headers)
        assert (ended.status_code, checked.status_code) == (200, 200), checked.text


Open = Callable[[str, Keys], AbstractAsyncContextManager[World]]
WORLDS: dict[str, Open] = {
    "referrals": referrals_world,
    "rapid_care": rapid_care_world,
    "mdt": mdt_world,
    "navigation": navigation_world,
}
