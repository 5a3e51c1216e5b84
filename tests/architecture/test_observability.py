"""Alerts and dashboard query metrics that the code exports; every alert has its page in the runbook, whose names exist in the code."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from infra.contexts import CONTEXTS, prefix
from infra.operations.verify import metrics as verify
from infra.operations.verify.finding import Finding
from infra.operations.verify.pending_work import Backlog
from infra.operations.verify.verdict import Verdict
from shared.telemetry import metrics
from tests.architecture.care_commands import care_commands
from tests.architecture.sources import ROOT, production, sources

FOLDER = ROOT / "infra" / "observability"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
COMPOSE = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]
SCRAPE_CONFIGS = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
ALERTS = [pytest.param(rule, id=rule["alert"]) for rule in RULES]
QUERIES = {rule["alert"]: rule["expr"] for rule in RULES}
QUERIES |= {f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]}
EXPRESSIONS = [pytest.param(expression, id=name) for name, expression in QUERIES.items()]
PARTS = ["Symptom", "Check", "Act", "Confirm"]
#: Labels that Prometheus adds to every series.
_ADDED = {"job", "instance"}
_SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
_LOG_EVENT = re.compile(
    r"`((?:audit|batch|consumer|deadline|event|housekeeping|relay|request|scheduler|stream|streams|task|worker)\.[a-z-]+)`"
)

#: Methods and functions that write a log event; `write` stands for one of the others.
_LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log", "write"}
#: The pages that list the reasons of a log event or of a parked record; a list entry begins with them.
_PAGES_OF_REASONS = ("Relay key blocked", "Records parked", "Records not authentic")
_ENTRY = re.compile(r"^- ((?:`[^`]+`(?:, )?)+):", re.MULTILINE)
#: Stands for a value that the code or the page leaves open.
_OPEN = "\0"


def _logged(tree: ast.AST) -> set[str]:
    """The names of the log events that a module writes."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _LEVELS)
    arguments = (each for call in calls for each in call.args[:2] if isinstance(each, ast.Constant))
    return {each.value for each in arguments if isinstance(each.value, str) and re.fullmatch(r"[a-z]+\.[a-z-]+", each.value)}


def _exported_by_processes() -> dict[str, set[str]]:
    """Every series of the product by name, with its labels."""
    exported_series = {"up": set[str]()}
    for each in vars(metrics).values():
        if isinstance(each, MetricWrapperBase):
            (described,) = each.describe()
            for suffix in _SUFFIXES[described.type]:
                exported_series[described.name + suffix] = set(each._labelnames) | ({"le"} if suffix == "_bucket" else set())
    return exported_series


def _exported_by_verify(folder: Path) -> dict[str, set[str]]:
    file = folder / "care.prom"
    verify.write(file, Verdict([Finding("I1", "", 1, 0)], {"mdt unpublished": Backlog(1, 0.0)}, 1.0))
    families = text_string_to_metric_families(file.read_text())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.fixture(scope="session")
def exported_series(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    return _exported_by_processes() | _exported_by_verify(tmp_path_factory.mktemp("verify"))


def _series(expression: str) -> list[tuple[str, set[str]]]:
    """The series of an expression, with the labels of their selectors. Raises ValueError for invalid PromQL."""
    found: list[tuple[str, set[str]]] = []

    def visit(node: object) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((str(node.name), {matcher.name for matcher in node.matchers.matchers}))

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def _grouped(expression: str) -> set[str]:
    """The labels of its `by` clauses."""
    return {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}


def _pages() -> dict[str, str]:
    """The pages below the heading "Alerts", by heading."""
    (alerts,) = re.findall(r"^## Alerts\n(.*?)^## ", RUNBOOK, re.MULTILINE | re.DOTALL)
    heads = re.split(r"^### (.+)$", alerts, flags=re.MULTILINE)
    return dict(zip(heads[1::2], heads[2::2], strict=True))


def _text(node: ast.AST) -> str:
    """A text of the code with `_OPEN` for its values; empty for another node."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else _OPEN for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _pattern(reason: str) -> str:
    """Matches a whole text of the code: `...` and `<name>` stand for any part of it that has a value."""
    parts = [re.escape(part) for part in re.split(r"\.\.\.|<\w+>", reason)]
    return f"^{f'.*{_OPEN}.*'.join(parts)}$"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_queries_exported_series(expression: str, exported_series: dict[str, set[str]]) -> None:
    series = _series(expression)

    assert series
    for name, selectors in series:
        assert name in exported_series
        assert selectors <= exported_series[name] | _ADDED


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_groups_by_labels_of_its_series(expression: str, exported_series: dict[str, set[str]]) -> None:
    assert _grouped(expression) <= set[str]().union(*(exported_series[name] for name, _ in _series(expression))) | _ADDED


def test_every_metric_is_shown_or_alerted() -> None:
    shown = {name.removesuffix("_bucket").removesuffix("_count") for expression in QUERIES.values() for name, _ in _series(expression)}

    assert {name.removesuffix("_sum") for name in _exported_by_processes() if not name.endswith(("_bucket", "_count"))} <= shown


@pytest.mark.parametrize("rule", ALERTS)
def test_alert_has_texts_severity_and_page(rule: dict[str, Any]) -> None:
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)

    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    assert rule["annotations"]["runbook"] in headings
    assert rule["labels"]["severity"] in {"clinical", "page", "ticket"}


@pytest.mark.parametrize("rule", ALERTS)
def test_alert_page_has_four_parts(rule: dict[str, Any]) -> None:
    page = _pages()[rule["annotations"]["runbook"]]

    assert f"Alert `{rule['alert']}`, severity {rule['labels']['severity']}." in page
    assert re.findall(r"^\*\*(\w+)\.\*\*", page, re.MULTILINE) == PARTS


def test_alerts_and_pages_match_one_to_one() -> None:
    assert sorted(_pages()) == sorted(rule["annotations"]["runbook"] for rule in RULES)


@pytest.mark.parametrize("rule", ALERTS)
def test_alert_texts_use_labels_of_the_alert(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"] + rule["annotations"]["description"]))

    assert used <= _grouped(rule["expr"]) | _ADDED


def test_runbook_names_existing_metrics(exported_series: dict[str, set[str]]) -> None:
    named = set(re.findall(r"`(care_[a-z_]+)`", RUNBOOK))

    assert named
    assert named <= set(exported_series)


def test_runbook_names_existing_commands() -> None:

    assert set(re.findall(r"`care ([a-z-]+)", RUNBOOK)) <= care_commands()


def test_runbook_names_existing_log_events() -> None:
    code = "".join(source.text for source in production())

    assert [name for name in _LOG_EVENT.findall(RUNBOOK) if f'"{name}"' not in code] == []


def test_runbook_lists_every_log_event() -> None:
    listed = re.findall(r"^\| `([a-z]+\.[a-z-]+)` \|", RUNBOOK.partition("## Appendix: log events")[2], re.MULTILINE)

    assert listed == sorted({name for source in production() for name in _logged(source.tree)})


@pytest.mark.parametrize("heading", _PAGES_OF_REASONS)
def test_runbook_quotes_reasons_of_the_code(heading: str) -> None:
    reasons = [reason for entry in _ENTRY.findall(_pages()[heading]) for reason in re.findall(r"`([^`]+)`", entry)]
    texts = "\n".join(_text(node) for source in sources("shared") for node in ast.walk(source.tree))

    assert len(reasons) >= 2
    assert [reason for reason in reasons if not re.search(_pattern(reason), texts, re.MULTILINE)] == []


def test_runbook_links_to_existing_pages() -> None:
    anchors = {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)}

    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors


def test_every_context_is_scraped_where_it_listens() -> None:
    paths = {each.get("metrics_path") for each in SCRAPE_CONFIGS}
    (workers,) = (each["static_configs"][0]["targets"] for each in SCRAPE_CONFIGS if each["job_name"] == "care-workers")

    assert {f"{prefix(context)}/metrics" for context in CONTEXTS} <= paths
    for context in CONTEXTS:
        name = prefix(context).removeprefix("/")
        assert f"{name}:{COMPOSE[name]['environment'][f'{context.upper()}_METRICS_PORT']}" in workers
