"""A new member of an enumeration without a case fails when a module loads, or in the type check."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.comparisons import quoted_members, unchecked_groups, unsound_comparisons
from tests.architecture.enumerations import enumerations, incomplete_when_widened, mappings, matches, unchecked_mappings
from tests.architecture.sources import ROOT
from tests.architecture.widened_source import widened

#: The modules that have a case for each member.
MEANINGS: dict[str, set[str]] = {
    "services.referrals.domain.identity.IdentityDeadline": {"services.referrals.domain.identity"},
    "shared.contracts.referral_codes.AmendedPart": {"services.referrals.domain.amendment"},
    "shared.contracts.referral_codes.AskingService": {"services.referrals.domain.onward"},
    "services.mdt.domain.care_plan.CarePlanDeadline": {"services.mdt.domain.care_plan", "services.mdt.subscriptions"},
    "services.mdt.domain.care_plan.Occurrence": {"services.mdt.domain.care_plan"},
    "services.mdt.domain.care_plan.Status": {"services.mdt.domain.care_plan", "services.mdt.domain.plan_end"},
    "services.mdt.domain.case.CaseDeadline": {"services.mdt.domain.case", "services.mdt.subscriptions"},
    "services.mdt.domain.case.Occurrence": {"services.mdt.domain.case"},
    "services.mdt.domain.case.Status": {"services.mdt.domain.case"},
    "services.mdt.domain.lead.LeadDeadline": {"services.mdt.domain.lead", "services.mdt.subscriptions"},
    "services.mdt.domain.lead.Occurrence": {"services.mdt.domain.lead"},
    "services.mdt.domain.lead.Status": {"services.mdt.domain.lead"},
    "services.mdt.domain.meeting.MeetingDeadline": {"services.mdt.domain.meeting", "services.mdt.subscriptions"},
    "services.mdt.domain.meeting.Slot": {"services.mdt.store.case"},
    "services.mdt.domain.meeting.Status": {"services.mdt.domain.meeting"},
    "services.mdt.domain.notification.Kind": {"services.mdt.domain.notification"},
    "services.mdt.domain.notification.NotificationDeadline": {"services.mdt.subscriptions"},
    "services.mdt.domain.risk.Occurrence": {"services.mdt.domain.risk"},
    "services.mdt.domain.risk.RiskDeadline": {"services.mdt.subscriptions"},
    "services.mdt.domain.risk.Status": {"services.mdt.domain.risk"},
    "services.mdt.domain.table_16.LeadRule": {"services.mdt.domain.table_16"},
    "services.navigation.domain.home_check.HomeCheckDeadline": {
        "services.navigation.domain.home_check",
        "services.navigation.subscriptions",
    },
    "services.navigation.domain.home_check.Occurrence": {"services.navigation.domain.home_check"},
    "services.navigation.domain.home_check.Status": {"services.navigation.domain.home_check"},
    "services.navigation.domain.navigator.NavigatorDeadline": {"services.navigation.domain.navigator", "services.navigation.subscriptions"},
    "services.navigation.domain.navigator.Presence": {"services.navigation.domain.navigator", "services.navigation.handlers.navigator"},
    "services.navigation.domain.task.Occurrence": {"services.navigation.domain.task"},
    "services.navigation.domain.task.Status": {"services.navigation.domain.feed", "services.navigation.domain.task"},
    "services.navigation.domain.task.TaskDeadline": {"services.navigation.domain.task", "services.navigation.subscriptions"},
    "services.navigation.queries.task.TaskFilter": {"services.navigation.queries.task"},
    "services.rapid_care.domain.response.Occurrence": {"services.rapid_care.domain.response"},
    "services.rapid_care.domain.response.Phase": {"services.rapid_care.domain.response"},
    "services.rapid_care.domain.response.ResponseDeadline": {"services.rapid_care.domain.response", "services.rapid_care.subscriptions"},
    "services.rapid_care.domain.response.Status": {"services.rapid_care.domain.duties", "services.rapid_care.domain.response"},
    "services.rapid_care.queries.responses.Attention": {"services.rapid_care.queries.responses"},
    "services.rapid_care.queries.responses.ResponseFilter": {"services.rapid_care.queries.responses"},
    "services.referrals.domain.closure._Basis": {"services.referrals.domain.closure"},
    "services.referrals.domain.directory.Serves": {"services.referrals.domain.directory"},
    "services.referrals.domain.life.LifeStatus": {"services.referrals.domain.life"},
    "services.referrals.domain.referral.Occurrence": {"services.referrals.domain.referral"},
    "services.referrals.domain.referral.ReferralDeadline": {
        "services.referrals.domain.closure",
        "services.referrals.domain.deadlines",
        "services.referrals.domain.referral",
    },
    "services.referrals.domain.identity.IdentityStatus": {"services.referrals.domain.identity"},
    "services.referrals.domain.likeness.Reason": {"services.referrals.domain.likeness"},
    "services.referrals.domain.proposals.ProposalDeadline": {"services.referrals.domain.proposals"},
    "services.referrals.domain.proposals.ProposalOccurrence": {"services.referrals.domain.proposals"},
    "services.referrals.domain.proposals.ProposalStatus": {"services.referrals.domain.proposals"},
    "services.referrals.domain.safeguarding.ConcernDeadline": {"services.referrals.domain.safeguarding"},
    "services.referrals.domain.safeguarding.ConcernOccurrence": {"services.referrals.domain.safeguarding"},
    "services.referrals.domain.safeguarding.ConcernStatus": {"services.referrals.domain.safeguarding"},
    "services.referrals.domain.referral.Status": {"services.referrals.domain.owners", "services.referrals.domain.referral"},
    "services.referrals.queries.referrals.Whose": {"services.referrals.queries.referrals"},
    "services.referrals.queries.referrals.WorkSection": {"services.referrals.queries.referrals"},
    "shared.contracts.codes.Condition": {"services.rapid_care.domain.policy"},
    "shared.contracts.codes.RiskLevel": {"services.mdt.domain.plan_schedule", "services.mdt.domain.table_16"},
    "shared.contracts.codes.Role": {"services.mdt.domain.table_16", "shared.contracts.codes"},
    "shared.contracts.codes.ScreeningOutcome": {"services.mdt.handlers.case"},
    "shared.contracts.codes.StepDown": {
        "services.navigation.handlers.events",
        "services.referrals.domain.onward",
        "shared.contracts.codes",
    },
    "shared.contracts.codes.Urgency": {
        "services.navigation.domain.work",
        "services.referrals.domain.deadlines",
        "services.referrals.domain.receipt",
        "services.referrals.domain.referral",
        "services.referrals.domain.routing",
        "services.referrals.queries.referrals",
        "shared.contracts.codes",
    },
    "shared.contracts.mdt.CaseCloseReason": {
        "services.mdt.domain.case_end",
        "services.mdt.domain.person_change",
        "services.navigation.handlers.plan",
        "services.referrals.handlers.reactions",
    },
    "shared.contracts.mdt.Destination": {"services.navigation.domain.work", "services.referrals.handlers.reactions"},
    "shared.contracts.mdt.FindingDestination": {"services.mdt.handlers.case_finding", "services.navigation.handlers.events"},
    "shared.contracts.navigation.CancelReason": {"shared.contracts.navigation"},
    "shared.contracts.navigation.EscalationReason": {"services.navigation.domain.task"},
    "shared.contracts.navigation.TaskOutcome": {"services.navigation.domain.task", "services.referrals.handlers.reactions"},
    "shared.contracts.rapid_care.CapacityLevel": {"services.rapid_care.domain.capacity"},
    "shared.contracts.rapid_care.ContactMode": {"services.rapid_care.domain.contact"},
    "shared.contracts.rapid_care.DeclineReason": {"services.referrals.handlers.reactions"},
    "shared.contracts.rapid_care.OverdueStep": {"services.rapid_care.domain.duties"},
    "shared.contracts.rapid_care.ResponseOutcome": {
        "services.mdt.handlers.care_plan",
        "services.rapid_care.domain.care",
        "services.referrals.handlers.reactions",
    },
    "shared.contracts.referral_codes.CancelReason": {
        "services.mdt.handlers.case",
        "services.navigation.handlers.events",
        "services.rapid_care.handlers.referral",
        "services.referrals.domain.closure",
        "services.referrals.queries.feedback",
    },
    "shared.contracts.referral_codes.Discrepancy": {"services.referrals.domain.access", "services.referrals.domain.discrepancies"},
    "shared.contracts.referral_codes.Outcome": {
        "services.mdt.handlers.case",
        "services.navigation.handlers.events",
        "services.referrals.domain.closure",
        "services.referrals.queries.feedback",
    },
    "shared.contracts.persons.PersonChange": {
        "services.mdt.domain.person_change",
        "services.mdt.domain.risk",
        "services.navigation.domain.closure",
        "services.rapid_care.domain.person_change",
        "services.referrals.domain.closure",
        "services.referrals.domain.life",
    },
    "shared.contracts.referral_codes.ReturnReason": {"services.referrals.domain.routing", "services.referrals.queries.feedback"},
    "shared.contracts.referral_codes.Route": {
        "services.referrals.domain.access",
        "services.referrals.domain.calls",
        "services.referrals.domain.closure",
        "services.referrals.domain.discrepancies",
        "services.referrals.domain.referral",
        "services.referrals.domain.reversal",
        "services.referrals.domain.routing",
    },
    "shared.contracts.practices.PracticesDeadline": {"services.mdt.subscriptions", "services.referrals.subscriptions"},
    "shared.contracts.persons.RecordField": {"services.referrals.domain.record_fields"},
    "shared.access.Basis": {"shared.access"},
    "shared.access.Part": {"shared.access"},
    "shared.persistence.break_glass.BreakGlassDeadline": {
        "services.mdt.subscriptions",
        "services.navigation.subscriptions",
        "services.rapid_care.subscriptions",
        "services.referrals.subscriptions",
    },
    "shared.contracts.persons.SharingPreference": {
        "services.navigation.domain.access",
        "services.referrals.domain.person",
        "shared.access",
    },
}
#: Members that are published and stored. No rule depends on them, or a rule names one and treats all others alike.
WITHOUT_MEANING = {
    "shared.access.BreakGlassReason",
    "shared.contracts.persons.StatedBy",
    "shared.persistence.break_glass.ReviewOutcome",
    "services.referrals.domain.referral.OnwardObstacle",
    "services.referrals.queries.work.ClaimFilter",
    "shared.contracts.referral_codes.OnwardRequest",
    "shared.contracts.referral_codes.ReopenReason",
    "shared.persistence.onward_answers.OnwardState",
    "services.mdt.domain.risk_file.Reason",
    "services.mdt.domain.table_16.CarePlanNeed",
    "services.mdt.domain.table_16.JointAssessment",
    "services.mdt.handlers.risk.Step",
    "services.navigation.domain.feed.Change",
    "services.rapid_care.domain.clock.ClockState",
    "services.rapid_care.domain.duties.Owner",
    "services.referrals.domain.directory.Need",
    "shared.contracts.codes.Locality",
    "shared.contracts.codes.PlaceOfCare",
    "shared.contracts.codes.ReviewTrigger",
    "shared.contracts.codes.TaskKind",
    "shared.contracts.mdt.LeadDeclineReason",
    "shared.contracts.mdt.LeadReplacementReason",
    "shared.contracts.mdt.RiskReopenReason",
    "shared.contracts.meeting_reasons.DeferReason",
    "shared.contracts.meeting_reasons.FindingReason",
    "shared.contracts.meeting_reasons.MeetingCancelReason",
    "shared.contracts.meeting_reasons.RedirectReason",
    "shared.contracts.navigation.BlockReason",
    "shared.contracts.navigation.ReassignReason",
    "shared.contracts.navigation.RescheduleReason",
    "shared.contracts.navigation.TaskSource",
    "shared.contracts.rapid_care.AvoidanceBasis",
    "shared.contracts.rapid_care.Need",
    "shared.contracts.rapid_care.PackageItemKind",
    "shared.contracts.rapid_care.Skill",
    "shared.contracts.rapid_care.UnassignReason",
    "shared.contracts.referral_codes.Reason",
    "shared.contracts.referral_codes.Source",
    "shared.contracts.safeguarding.ConcernKind",
    "shared.contracts.safeguarding.ConcernOutcome",
}
#: Mappings that omit members, because their reader gives a default: `Policy.weight_of` of navigation.
PARTIAL = {"services/navigation/domain/policy.py"}
#: Enumerations on which rules of care depend: a rule reads a `total` mapping or matches every member.
DECISIVE = {"ResponseOutcome", "Role", "Route", "Status", "Urgency"}
#: Comparisons of the monthly statistics, each of which counts one outcome by its name.
COUNTED = {f"_C.outcome == ResponseOutcome.{name}.value" for name in ("INAPPROPRIATE", "NOT_ACUTE")}
#: An enumeration, and a module whose import a new member prevents.
IMPORTS = {
    "shared.contracts.codes:Role": "shared.contracts.codes",
    "shared.contracts.codes:Urgency": "shared.contracts.codes",
    "shared.contracts.rapid_care:ResponseOutcome": "services.rapid_care.domain.care",
    "shared.contracts.referral_codes:Route": "services.referrals.domain.referral",
    "services.referrals.domain.referral:Status": "services.referrals.domain.referral",
    "services.rapid_care.domain.response:Status": "services.rapid_care.domain.response",
    "services.mdt.domain.case:Status": "services.mdt.domain.case",
    "services.mdt.domain.care_plan:Status": "services.mdt.domain.care_plan",
    "services.mdt.domain.lead:Status": "services.mdt.domain.lead",
    "services.mdt.domain.meeting:Status": "services.mdt.domain.meeting",
    "services.mdt.domain.risk:Status": "services.mdt.domain.risk",
    "services.navigation.domain.task:Status": "services.navigation.domain.task",
}


@pytest.mark.parametrize("enumeration", MEANINGS)
def test_these_modules_give_each_member_a_meaning(enumeration: str) -> None:
    assert {usage.module for usage in (*mappings(), *matches()) if usage.enumeration == enumeration} == set(MEANINGS[enumeration])


def test_every_enumeration_is_classified() -> None:
    assert set(enumerations()) == MEANINGS.keys() | WITHOUT_MEANING
    assert not MEANINGS.keys() & WITHOUT_MEANING


def test_every_mapping_refuses_a_new_member() -> None:
    assert mappings() != []
    assert incomplete_when_widened() == mappings()


def test_modules_with_an_incomplete_mapping_cannot_be_imported() -> None:
    arguments = [f"{enumeration}:{target}" for enumeration, target in IMPORTS.items()]
    command = [sys.executable, "-m", "tests.architecture.widened_import", *arguments]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [_refusal(*each.split(":")) for each in arguments]


def test_every_match_refuses_a_new_member(tmp_path: Path) -> None:
    """The type check reports each `assert_never` when every enumeration has one more member."""
    files = _widened_copies(tmp_path)

    options = ("--no-incremental", "--cache-dir=/dev/null", "--follow-imports=skip", "--ignore-missing-imports", "--explicit-package-bases")
    done = subprocess.run([sys.executable, "-m", "mypy", *options, *files], cwd=tmp_path, capture_output=True, text=True, check=False)

    reported = re.findall(r'^(\S+)\.py:\d+: error: Argument 1 to "assert_never" has .*"Literal\[(\w+)\.ADDED\]"', done.stdout, re.MULTILINE)
    expected = Counter((usage.module, usage.enumeration.rsplit(".", 1)[1]) for usage in matches())
    assert Counter((path.replace("/", "."), name) for path, name in reported) == expected
    assert len(done.stdout.splitlines()) == len(reported) + 1, done.stdout


def test_every_mapping_with_members_as_keys_is_checked() -> None:
    assert [usage for usage in unchecked_mappings() if usage.split(":")[0] not in PARTIAL] == []


def test_no_comparison_with_a_member_omits_others() -> None:
    assert [each for each in unsound_comparisons(DECISIVE) if each.split(": ", 1)[1] not in COUNTED] == []


def test_no_service_names_a_member_by_its_value() -> None:
    """A quoted status in SQL, or `status == "closed"`, escapes every other test of this module."""
    assert quoted_members() == []


def test_every_group_of_members_is_checked() -> None:
    assert unchecked_groups(DECISIVE) == []


def _refusal(_: str, name: str, target: str) -> str:
    return f"{ROOT / target.replace('.', '/')}.py A mapping lacks <{name}.ADDED: 'an added member'>."


def _widened_copies(folder: Path) -> list[str]:
    """The modules with a `match`, and those with the types of its subjects."""
    users = {ROOT / f"{usage.module.replace('.', '/')}.py" for usage in matches()}
    types = [
        path for pattern in ("services/*/domain/*.py", "services/*/commands.py", "shared/contracts/*.py") for path in ROOT.glob(pattern)
    ]
    copied = sorted(str(path.relative_to(ROOT)) for path in users.union(types))
    for name in copied:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(widened((ROOT / name).read_text()))
    return copied
