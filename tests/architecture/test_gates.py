"""Each gate of `make check` fails in a copy of the checkout that contains planted violations."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

_COPIED = ("services", "shared", "infra", "tests", "docs", "pyproject.toml", "README.md", "CONTRIBUTING.md")
_PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
_EVENT = '''
class CapacityUpdated(Event):
    """No."""

    TYPE = "rapid-care.capacity.updated.v1"
    TOPIC = "rapid-care.capacity"
    note: str
'''
_REFUSED_WORD, _REFUSED_NAME = "mean" + "while", "a" + "new"  # composed, because no file may contain them
_COMPARISONS = ("is Urgency.ROUTINE", "!= Urgency.ADVICE", "in (Urgency.ADVICE, Urgency.ROUTINE)")
_SENT = "_SENT = (Status.ROUTED, Status.ACCEPTED)\nIS_SENT = Referral.status in _SENT\n"
_IN_SQL = ("REFERRAL.c.urgency == Urgency.ROUTINE.value", "REFERRAL.c.urgency.in_((Urgency.ADVICE, Urgency.ROUTINE))")
_QUOTED = """("status IN ('merged', 'cancelled')", REFERRAL.c.status == "closed")"""
_LONG_NAME = "test_word" + "_word" * 9
_KAFKA_INTERNALS = """it.consumer._getmany
it.client._metadata
from aiokafka import AIOKafkaProducer; sending = AIOKafkaProducer()
sending._sender
"""
_FIXTURES = "".join(f"@pytest.fixture\ndef {name}() -> None: ...\n" for name in ("opened", "own_static", "only_loopback"))
_LONG_FUNCTION = "async def long() -> None:\n" + "    await other()\n" * 51


def _refusal(*words: str) -> str:
    """A refusal without a test: its name and its code are composed here, so that no test contains them."""
    return f'class {"".join(map(str.capitalize, words))}(RuleBroken):\n    code = "{"-".join(words)}"\n'


@dataclass(frozen=True)
class Gate:
    """The command prints all of `expected` and fails after `appended` was added to existing files and `created` to new ones."""

    command: tuple[str, ...]
    expected: tuple[str, ...]
    appended: dict[str, str]
    created: dict[str, str] = field(default_factory=dict)
    replaced: tuple[tuple[str, str, str], ...] = ()


IMPORTS = Gate(
    ("lint-imports",),
    (
        "shared.kernel.target -> services.mdt.commands",
        "services.rapid_care.handlers.response -> services.mdt.commands",
        "services.mdt.queries.lead -> services.mdt.main",
        "services.mdt.domain.policy -> sqlalchemy",
        "services.mdt.domain.policy -> httpx",
        "services.mdt.domain.policy -> subprocess",
        "shared.messaging.outbound.relay -> faust",
        "services.navigation.worker -> aiokafka",
        "services.navigation.subscriptions -> shared.messaging.topics",
        "shared.kernel.actor -> shared.persistence",
        "services.referrals.api -> services.referrals.store",
        "services.referrals.handlers.receive -> services.referrals.settings",
        "No cycles are allowed in services.mdt.domain.",
        " 0 kept,",  # every contract has a planted violation
    ),
    {
        "shared/kernel/target.py": "import services.mdt.commands\n",
        "services/rapid_care/handlers/response.py": "import services.mdt.commands\n",
        "services/mdt/queries/lead.py": "import services.mdt.main\n",
        "services/mdt/domain/policy.py": "import sqlalchemy, httpx, subprocess\n",
        "shared/messaging/outbound/relay.py": "import faust\n",
        "services/navigation/worker.py": "import aiokafka\n",
        "services/navigation/subscriptions.py": "from shared.messaging.topics import create\n",
        "shared/kernel/actor.py": "import shared.persistence\n",
        "services/referrals/api/__init__.py": "import services.referrals.store\n",
        "services/referrals/handlers/receive.py": "import services.referrals.settings\n",
        "services/mdt/domain/agenda.py": "import services.mdt.domain.case\n",
        "services/mdt/domain/case.py": "import services.mdt.domain.agenda\n",
    },
)
FORMAT = Gate(
    ("ruff", "format", "--no-cache", "--check", "."),
    ("File would be reformatted --> services/mdt/subscriptions.py",),
    {"services/mdt/subscriptions.py": "X = {  'a' : 1}\n"},
)
LINT = Gate(
    ("ruff", "check", "--no-cache", "."),
    ("time is an input", "ids are inputs"),
    {"services/rapid_care/domain/clock.py": "import datetime as d\nimport uuid\nNOW, ID = d.datetime.now(d.UTC), uuid.uuid4()\n"},
)
TYPES = Gate(
    ("mypy", "--cache-dir=/dev/null", "--follow-imports=skip", "shared/kernel/target.py"),
    (
        'Incompatible types in assignment (expression has type "str", variable has type "int")',
        'Missing type arguments for generic type "dict"',
    ),
    {"shared/kernel/target.py": 'WRONG: int = "one"\nBARE: dict = {}\n'},
)
GENERATED = Gate(
    ("python", "-m", "infra.codegen.generate", "--check"),
    (
        "stale: docs/events.md",
        "stale: docs/states/mdt.md",
        "stale: docs/states/gone.md",
        "stale: docs/adr/README.md",
        "stale: shared/contracts/schemas/mdt.lead.ended.v1.json",
    ),
    {
        "docs/events.md": "\n",
        "docs/adr/README.md": "\n",
        "shared/contracts/schemas/mdt.lead.ended.v1.json": "\n",
    },
    created={"docs/states/gone.md": "# A removed context\n"},
    replaced=(("docs/states/mdt.md", "scheduled", "planned"),),
)
CONTRACTS = Gate(
    (*_PYTEST, "tests/contracts/test_events.py", "-k", "verb or nhs or free_text or personal or consumer or declared"),
    (
        "test_verb_is_a_word_of_the_field[rapid-care.capacity.updated.v1]",
        "test_event_has_a_consumer_or_is_public[rapid-care.capacity.updated.v1]",
        "test_public_event_has_no_free_text_field[rapid-care.capacity.updated.v1]",
        "test_public_event_has_no_personal_field_name[rapid-care.capacity.updated.v1]",
        "test_public_example_has_no_nhs_number[rapid-care.response.assigned.v1]",
        "test_declared_topics_are_the_used_topics",
    ),
    {"shared/contracts/rapid_care.py": _EVENT, "infra/kafka/topics.yaml": "  mdt.unused: {cleanup: delete, retention_days: 1}\n"},
    replaced=(("shared/contracts/examples/rapid-care.response.assigned.v1.json", "clch-enp-1", "999 054 8609"),),
)
ARCHITECTURE = Gate(
    (
        *_PYTEST,
        "-vvv",  # prints whole lists in spite of -q
        "tests/architecture/test_house.py",
        "tests/architecture/test_names.py",
        "tests/architecture/test_words.py",
        "tests/architecture/test_documents.py::test_record_has_the_form_of_a_decision",
        *(
            f"tests/architecture/test_totality.py::{name}"
            for name in (
                "test_every_mapping_with_members_as_keys_is_checked",
                "test_no_comparison_with_a_member_omits_others",
                "test_no_service_names_a_member_by_its_value",
                "test_every_group_of_members_is_checked",
            )
        ),
    ),
    (
        "test_database_access_uses_the_transaction",
        "test_no_condition_compares_with_a_volatile_time",
        "test_no_file_exceeds_its_line_limit",
        "test_no_function_exceeds_fifty_lines",
        "test_every_function_is_annotated",
        "test_every_handler_is_subscribed_or_called[rapid_care]",
        "test_every_refusal_is_asserted_by_a_test",
        "test_production_code_has_no_open_marks",
        "test_no_test_uses_mocks",
        "tests/unit/rapid_care/test_planted.py:4: _getmany",
        "tests/unit/rapid_care/test_planted.py:5: _metadata",
        "tests/unit/rapid_care/test_planted.py:7: _sender",
        f"tests/unit/rapid_care/test_planted.py: {_LONG_NAME}",
        "test_helpers_are_imported_from_plain_modules",
        "services/mdt/domain/calendar: standard library",
        f"shared/kernel/{_REFUSED_NAME}: adverb or preposition",
        "infra/deploy/stopping: participle",
        "infra/deploy/kept: participle",
        "infra/deploy/quiet: adjective",
        "infra/deploy/quiet.py: Quiet: adjective",
        "infra/deploy/quiet.py: _Held: participle",
        "tests/unit/rapid_care/test_planted.py: opened: participle",
        "tests/unit/rapid_care/test_planted.py: own_static: adjective",
        "tests/unit/rapid_care/test_planted.py: only_loopback: adverb or preposition",
        f"services/mdt/domain/agenda.py:1: {_REFUSED_WORD}",
        "test_every_mapping_with_members_as_keys_is_checked",
        *(f": Referral.urgency {comparison}" for comparison in _COMPARISONS),
        *(f": {comparison}'" for comparison in _IN_SQL),
        *(f": {value}'" for value in ("merged", "cancelled", "closed")),
        "services/referrals/domain/receipt.py: _SENT",
        "0003-commit-in-one-transaction.md: line 3 must be 'Status: Accepted' or 'Status: Superseded'",
    ),
    {
        "services/rapid_care/api/response.py": "async def end(it: Any) -> None:\n    await it.connection.execute(it)\n",
        "services/mdt/commands.py": "\n" * 400,
        "services/mdt/subscriptions.py": _LONG_FUNCTION,
        "services/navigation/domain/access.py": "PUBLIC = {SharingPreference.WITHHELD: False}\n",
        "services/navigation/commands.py": 'LATE = "due_at <= clock_timestamp()"\ndef bare(): ...\n',
        "services/rapid_care/handlers/response.py": "async def on_nothing() -> None: ...\n",
        "services/rapid_care/domain/response.py": _refusal("unheard", "of"),
        "services/referrals/domain/receipt.py": _SENT + "".join(f"Referral.urgency {comparison}\n" for comparison in _COMPARISONS),
        "services/referrals/queries/referrals.py": "\n".join((*_IN_SQL, _QUOTED)),
        "services/referrals/domain/policy.py": "# TO" + "DO\n",
        "tests/unit/rapid_care/test_clock.py": "def test_x(monkeypatch):\n    monkeypatch.set" + "attr(a, b, c)\n",
        "tests/unit/rapid_care/test_states.py": "from tests.unit.rapid_care.test_clock import test_x\n",
    },
    created={
        "services/mdt/domain/calendar.py": "",
        f"shared/kernel/{_REFUSED_NAME}.py": "",
        "infra/deploy/stopping.py": "",
        "infra/deploy/kept.py": "",
        "infra/deploy/quiet.py": "class Quiet: ...\n\n\nclass _Held: ...\n",
        "tests/unit/rapid_care/test_planted.py": f"def {_LONG_NAME}() -> None: ...\n\n\n" + _KAFKA_INTERNALS + _FIXTURES,
    },
    replaced=(
        ("services/mdt/domain/agenda.py", '"""', f'"""Text with {_REFUSED_WORD} in it. '),
        ("docs/adr/0003-commit-in-one-transaction.md", "Status: Accepted\n", ""),
    ),
)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy of the checkout for planted violations."""
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    yield tmp_path
    shutil.rmtree(tmp_path)


GATES = {
    "imports": IMPORTS,
    "format": FORMAT,
    "lint": LINT,
    "types": TYPES,
    "generated": GENERATED,
    "contracts": CONTRACTS,
    "architecture": ARCHITECTURE,
}


@pytest.mark.parametrize("gate", GATES.values(), ids=GATES)
def test_gate_fails_for_planted_violations(checkout: Path, gate: Gate) -> None:
    _plant(checkout, gate)

    program = Path(sys.executable).parent / gate.command[0]
    done = subprocess.run([program, *gate.command[1:]], cwd=checkout, capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stderr
    output = " ".join(done.stdout.split())
    assert [each for each in gate.expected if each not in output] == []


TOOLS = ("ruff format", "ruff check", "mypy", "lint-imports", "python -m infra.codegen.generate --check", "pytest")


@pytest.mark.parametrize("failing", TOOLS)
def test_make_check_fails_when_a_tool_fails(tmp_path: Path, failing: str) -> None:
    """A script replaces each tool and records its calls; the one of `failing` returns 1."""
    for name in {tool.split()[0] for tool in TOOLS}:
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\ncall="{name} $*"\necho "$call" >> {tmp_path}/calls\ncase "$call" in "{failing}"*) exit 1;; esac\n')
        script.chmod(0o755)

    done = subprocess.run(["make", "--old-file=.venv/.ready", "check", f"BIN={tmp_path}"], cwd=ROOT, capture_output=True, check=False)

    calls = (tmp_path / "calls").read_text().splitlines()
    assert done.returncode != 0
    assert [tool for tool in TOOLS[: TOOLS.index(failing) + 1] if not any(each.startswith(tool) for each in calls)] == []


def test_continuous_integration_runs_make_check() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make check"


def _plant(checkout: Path, gate: Gate) -> None:
    for name, text in gate.appended.items():
        assert (checkout / name).exists()
        with (checkout / name).open("a") as file:
            file.write(text)
    for name, text in gate.created.items():
        with (checkout / name).open("x") as file:
            file.write(text)
    for name, old, new in gate.replaced:
        text = (checkout / name).read_text()
        assert old in text
        (checkout / name).write_text(text.replace(old, new, 1))
