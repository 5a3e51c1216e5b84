"""The alerts and the dashboard ask for what the code tells, by labels that it has; every alert leads to a page of the runbook."""

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
from infra.operations.verify.lag import Backlog
from infra.operations.verify.verdict import Verdict
from shared.telemetry import metrics
from tests.architecture.sources import ROOT

FOLDER = ROOT / "infra" / "observability"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
COMPOSED = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]
SCRAPED = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
ALERTS = [pytest.param(rule, id=rule["alert"]) for rule in RULES]
ASKED = {rule["alert"]: rule["expr"] for rule in RULES}
ASKED |= {f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]}
EXPRESSIONS = [pytest.param(expression, id=name) for name, expression in ASKED.items()]
#: What Prometheus adds to every series.
_ADDED = {"job", "instance"}
_SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


def _told() -> dict[str, set[str]]:
    """Every series of the product by name, with its labels."""
    told = {"up": set[str]()}
    for each in vars(metrics).values():
        if isinstance(each, MetricWrapperBase):
            (described,) = each.describe()
            for suffix in _SUFFIXES[described.type]:
                told[described.name + suffix] = set(each._labelnames) | ({"le"} if suffix == "_bucket" else set())
    return told


def _left_by_verify(folder: Path) -> dict[str, set[str]]:
    file = folder / "care.prom"
    verify.write(file, Verdict([Finding("I1", "", 1, 0)], {"unsent": Backlog(1, 0.0)}, 1.0))
    families = text_string_to_metric_families(file.read_text())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    return _told() | _left_by_verify(tmp_path_factory.mktemp("verify"))


def _series(expression: str) -> list[tuple[str, set[str]]]:
    """The series that an expression asks for, and the labels that it chooses by. Raises ValueError when it is no PromQL."""
    found: list[tuple[str, set[str]]] = []

    def visit(node: object) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append((str(node.name), {matcher.name for matcher in node.matchers.matchers}))

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_asked_for_is_told_by_the_code(expression: str, told: dict[str, set[str]]) -> None:
    series = _series(expression)

    assert series
    for name, chosen_by in series:
        assert name in told
        assert chosen_by <= told[name] | _ADDED


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_grouped_by_is_a_label_of_what_is_asked_for(expression: str, told: dict[str, set[str]]) -> None:
    grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(",")}

    assert grouped <= set[str]().union(*(told[name] for name, _ in _series(expression))) | _ADDED


def test_nothing_that_is_told_is_shown_nowhere() -> None:
    shown = {name.removesuffix("_bucket").removesuffix("_count") for expression in ASKED.values() for name, _ in _series(expression)}

    assert {name.removesuffix("_sum") for name in _told() if not name.endswith(("_bucket", "_count"))} <= shown


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_what_is_wrong_how_urgent_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)

    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook"] in headings
    assert rule["labels"]["severity"] in {"clinical", "page", "ticket"}


@pytest.mark.parametrize("rule", ALERTS)
def test_a_summary_uses_labels_that_the_alert_has(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in labels.split(",")}

    assert used <= grouped | _ADDED


def test_every_context_is_asked_where_it_answers() -> None:
    paths = {each.get("metrics_path") for each in SCRAPED}
    (workers,) = (each["static_configs"][0]["targets"] for each in SCRAPED if each["job_name"] == "care-workers")

    assert {f"{prefix(context)}/metrics" for context in CONTEXTS} <= paths
    for context in CONTEXTS:
        name = prefix(context).removeprefix("/")
        assert f"{name}:{COMPOSED[name]['environment'][f'{context.upper()}_METRICS_PORT']}" in workers
