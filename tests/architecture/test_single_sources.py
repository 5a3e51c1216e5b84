"""What two places state is equal: a deployment file and the code, or the lists of two contexts."""

import ast
import re
from collections.abc import Collection
from enum import StrEnum
from typing import get_args

import pytest

from infra.codegen.states import scopes
from infra.deploy.topics import declarations
from infra.dev_stack.scopes import SCOPES
from services.mdt.api.case import Closure
from services.navigation.api.navigator import Registration
from services.navigation.api.responses import PersonCard, TaskDetail
from services.navigation.api.task_commands import Escalation
from services.navigation.domain.task import PERSON_CONCERNS
from services.referrals.subscriptions import TIMELINE_TOPICS
from shared.access import BreakGlassReason
from shared.contracts.audit import AUDIT_SEALED
from shared.contracts.codes import NAVIGATOR_ROLES
from shared.contracts.mdt import CaseCloseReason
from shared.contracts.persons import Story
from shared.contracts.registry import topics
from shared.deployment.settings import Deployment
from shared.messaging.outbound.relay import RelaySettings
from shared.persistence.retention import DEFAULT_RETENTION, KAFKA_RETENTION, LOG_RETENTION, MIN_INBOX_RETENTION, MIN_LOG_RETENTION
from shared.web.break_glass import NewBreakGlass
from shared.web.requests import RequestModel
from tests.architecture.enumerations import names_a_member, users
from tests.architecture.sources import ROOT


def test_topic_has_the_retention_of_the_code() -> None:
    assert {declaration.name: declaration.retention_days for declaration in declarations()} == dict.fromkeys(
        [declaration.name for declaration in declarations()], KAFKA_RETENTION.days
    )


def test_deployment_files_set_no_retention_of_kafka() -> None:
    """They would contradict the topics: `log.retention.hours` of a broker, or `retention.ms` of a topic."""
    files = [ROOT / "infra" / "compose.yaml", *sorted((ROOT / "infra" / "k8s").glob("*.yaml"))]

    assert len(files) > 1
    assert [file.name for file in files if re.search(r"retention[._](ms|minutes|hours|bytes)", file.read_text(), re.IGNORECASE)] == []


def test_relay_republishes_the_retention_of_kafka() -> None:
    assert RelaySettings().republish_window == KAFKA_RETENTION


def test_event_log_and_inbox_outlast_the_retention_of_kafka() -> None:
    assert KAFKA_RETENTION < MIN_LOG_RETENTION <= LOG_RETENTION
    assert KAFKA_RETENTION < MIN_INBOX_RETENTION <= DEFAULT_RETENTION.inbox
    assert any(getattr(rule, "ge", None) == MIN_INBOX_RETENTION for rule in Deployment.model_fields["inbox_retention"].metadata)


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        ("infra/cli.py", f"unless set, at least {MIN_LOG_RETENTION.days}."),
        ("docs/configuration.md", f"`CARE_INBOX_RETENTION` {{}} at least {MIN_INBOX_RETENTION.days} days."),
        ("docs/configuration.md", f"`CARE_EVENT_LOG_RETENTION_DAYS` {{}} at least {MIN_LOG_RETENTION.days}."),
        ("docs/adr/0006-publish-through-one-relay.md", f"the relay inserts {KAFKA_RETENTION.days} days of the log"),
    ],
)
def test_text_names_the_same_days(page: str, sentence: str) -> None:
    pattern = re.escape(sentence).replace(re.escape("{}"), ".*")

    assert re.search(pattern, (ROOT / page).read_text())


def test_timeline_has_every_topic_about_a_person() -> None:
    """AC6. The others concern a meeting, a navigator, a service or an audit, or are in this context's log; restricted ones are of none."""
    others = {event.TOPIC for event in AUDIT_SEALED.values()}
    others |= {"mdt.meeting", "navigation.navigator", "rapid-care.capacity", "referrals.referral", "referrals.person", "referrals.proposal"}
    public = {topic for topic, events in topics().items() if not any(event.RESTRICTED for event in events)}

    assert set(TIMELINE_TOPICS) == public - others


def test_all_care_staff_may_read_a_contact() -> None:
    """AC2. The importer of risk scores is a program; information governance and safeguarding staff give no care."""
    no_care = {"mdt:import-risk", "referrals:safeguarding", *(scope for scope in SCOPES if scope.endswith(":audit"))}

    assert set(scopes("referrals")["read_contact"]) == set(SCOPES) - no_care


def test_task_shows_every_field_of_story_but_history() -> None:
    assert set(Story.model_fields) - {*TaskDetail.model_fields, *PersonCard.model_fields} == {"history"}


#: The fields of requests that accept some members of an enumeration, with these members.
OFFERED: dict[tuple[type[RequestModel], str], Collection[StrEnum]] = {
    (Registration, "role"): NAVIGATOR_ROLES,
    (Escalation, "reason"): PERSON_CONCERNS,
    (Closure, "reason"): set(CaseCloseReason) - {CaseCloseReason.REFERRAL_WITHDRAWN},  # an event alone withdraws a referral
    (NewBreakGlass, "reason"): set(BreakGlassReason) - {BreakGlassReason.RUNNING_CLOCK},  # Rapid Care's crisis view alone gives it
}


@pytest.mark.parametrize(("model", "field"), OFFERED)
def test_request_accepts_exactly_these_members(model: type[RequestModel], field: str) -> None:
    assert set(get_args(model.model_fields[field].annotation)) == set(OFFERED[model, field])


def test_every_literal_with_members_is_compared() -> None:
    """`Literal[X.A, X.B]` does not refuse a new member of X."""
    written = [
        f"{source.name}:{node.lineno}"
        for source, names in users()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")
        if any(names_a_member(part, names) for part in ast.walk(node.slice) if isinstance(part, ast.expr))
    ]

    assert len(written) == len(OFFERED), written
