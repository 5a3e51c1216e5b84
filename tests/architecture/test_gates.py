"""The gates close: in a copy of the checkout the rules of the house are broken, and what guards each of them says no."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
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
_LONG_FUNCTION = "async def long() -> None:\n" + "    await other()\n" * 51


def _refusal(*words: str) -> str:
    """One whose name and code stand nowhere in the tests."""
    return f'class {"".join(map(str.capitalize, words))}(RuleBroken):\n    code = "{"-".join(words)}"\n'


@dataclass(frozen=True)
class Gate:
    """After `added` was written to the ends of files and words were `replaced`, the command fails and says all of `says`."""

    command: tuple[str, ...]
    says: tuple[str, ...]
    added: dict[str, str]
    replaced: tuple[tuple[str, str, str], ...] = ()


IMPORTS = Gate(
    ("lint-imports", "--no-cache"),
    (
        "services.rapid_care is not allowed to import services.mdt",
        "domain is pure BROKEN",
        "only shared.messaging touches Kafka BROKEN",
        "entrypoints never open the store themselves BROKEN",
    ),
    {
        "services/rapid_care/handlers.py": "import services.mdt.commands\n",
        "services/mdt/domain/policy.py": "import sqlalchemy\n",
        "services/navigation/agents.py": "import aiokafka\n",
        "services/referrals/api/__init__.py": "import services.referrals.store\n",
    },
)
LINT = Gate(
    ("ruff", "check", "--no-cache", "services"),
    ("time is an input", "ids are inputs"),
    {"services/rapid_care/domain/clock.py": "import datetime as d\nimport uuid\nNOW, ID = d.datetime.now(d.UTC), uuid.uuid4()\n"},
)
GENERATED = Gate(
    ("python", "-m", "infra.generate", "--check"),
    (
        "stale: docs/events.md",
        "stale: docs/states/mdt.md",
        "stale: docs/states/gone.md",
        "stale: shared/contracts/schemas/mdt.lead.ended.v1.json",
    ),
    {
        "docs/events.md": "\n",
        "docs/states/gone.md": "# A context that is no more\n",
        "shared/contracts/schemas/mdt.lead.ended.v1.json": "\n",
    },
    (("docs/states/mdt.md", "scheduled", "planned"),),
)
CONTRACTS = Gate(
    (*_PYTEST, "tests/contracts/test_events.py", "-k", "verb or nhs or free_text or personal or consumer or declared"),
    (
        "test_a_verb_is_one_of_the_field[rapid-care.capacity.updated.v1]",
        "test_an_event_has_a_consumer_or_is_made_for_subscribers[rapid-care.capacity.updated.v1]",
        "test_no_field_of_a_public_event_takes_free_text[rapid-care.capacity.updated.v1]",
        "test_no_field_of_a_public_event_is_named_like_something_personal[rapid-care.capacity.updated.v1]",
        "test_no_example_of_a_public_event_holds_an_nhs_number[rapid-care.response.assigned.v1]",
        "test_every_topic_is_declared_and_every_declaration_is_used",
    ),
    {"shared/contracts/rapid_care.py": _EVENT, "infra/kafka/topics.yaml": "  mdt.unused: {cleanup: delete, retention_days: 1}\n"},
    (("shared/contracts/examples/rapid-care.response.assigned.v1.json", "clch-enp-1", "999 054 8609"),),
)
HOUSE = Gate(
    (*_PYTEST, "tests/architecture/test_house.py"),
    (
        "test_only_the_door_to_the_database_begins_and_ends_transactions",
        "test_no_file_grows_over_four_hundred_lines",
        "test_no_function_grows_over_fifty_lines",
        "test_every_function_is_annotated",
        "test_every_handler_stands_in_the_wiring_or_is_called_by_the_api[rapid_care]",
        "test_every_refusal_is_named_by_a_test",
        "test_nothing_is_left_to_do",
        "test_nothing_of_ours_is_mocked",
    ),
    {
        "services/rapid_care/api/responses.py": "async def end(it: Any) -> None:\n    await it.commit()\n",
        "services/mdt/commands.py": "\n" * 400,
        "services/mdt/agents.py": _LONG_FUNCTION,
        "services/navigation/commands.py": "def bare(): ...\n",
        "services/rapid_care/handlers.py": "async def on_nothing() -> None: ...\n",
        "services/rapid_care/domain/response.py": _refusal("unheard", "of"),
        "services/referrals/domain/policy.py": "# TO" + "DO\n",
        "tests/unit/rapid_care/test_clock.py": "def test_x(monkeypatch):\n    monkeypatch.set" + "attr(a, b, c)\n",
    },
)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A copy that a test may break."""
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("gate", [IMPORTS, LINT, GENERATED, CONTRACTS, HOUSE], ids=["imports", "lint", "generated", "contracts", "house"])
def test_a_broken_rule_closes_its_gate(checkout: Path, gate: Gate) -> None:
    _break(checkout, gate)

    program = Path(sys.executable).parent / gate.command[0]
    done = subprocess.run([program, *gate.command[1:]], cwd=checkout, capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stderr
    said = " ".join(done.stdout.split())
    assert [each for each in gate.says if each not in said] == []


def _break(checkout: Path, gate: Gate) -> None:
    for name, text in gate.added.items():
        with (checkout / name).open("a") as file:
            file.write(text)
    for name, old, new in gate.replaced:
        text = (checkout / name).read_text()
        assert old in text
        (checkout / name).write_text(text.replace(old, new, 1))
