"""infra/compose.yaml, infra/k8s and docs/configuration.md agree with the code that they start and describe."""

import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from infra.contexts import CONTEXTS, prefix
from infra.dev_stack.local.jars import KAFKA_VERSION
from infra.dev_stack.local.postgres_programs import installed_programs
from shared.deployment import ContextSettings, Deployment
from tests.architecture.care_commands import care_commands
from tests.architecture.sources import ROOT

COMPOSE = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]
MANIFESTS = {path.stem: list(yaml.safe_load_all(path.read_text())) for path in sorted((ROOT / "infra" / "k8s").glob("*.yaml"))}
PRODUCT = {name: service for name, service in COMPOSE.items() if service["image"] == "care-coordination"}
#: Variables read by the command line alone.
_COMMANDS = {"DATABASE_URL", "CARE_DATABASE_PASSWORD", "CARE_DATABASE_ROLE_PREFIX", "CARE_TOPIC_PARTITIONS"}
_COMMANDS |= {"CARE_TOPIC_REPLICATION_FACTOR", "CARE_TOPIC_MIN_INSYNC_REPLICAS", "CARE_EVENT_LOG_RETENTION_DAYS"}


def _variables(settings: type[BaseSettings], prefix: str, *, required: bool = False) -> set[str]:
    fields = settings.model_fields.items()
    return {str(field.validation_alias or prefix + name.upper()) for name, field in fields if field.is_required() or not required}


def _all(*, required: bool = False) -> set[str]:
    own = (_variables(ContextSettings, f"{context.upper()}_", required=required) for context in CONTEXTS)
    return _variables(Deployment, "CARE_", required=required).union(*own)


def _containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, documents in MANIFESTS.items():
        for each in documents:
            work = each["spec"].get("jobTemplate", each)["spec"]
            for container in work.get("template", {}).get("spec", {}).get("containers", []):
                yield f"{name} {container['name']}", container


def _commands() -> list[Any]:
    composed = [pytest.param(service["command"], id=f"compose {name}") for name, service in PRODUCT.items()]
    return composed + [pytest.param(container["command"], id=name) for name, container in _containers()]


@pytest.mark.parametrize("command", _commands())
def test_container_command_exists(command: list[str]) -> None:
    match command:
        case ["python", "-m", module]:
            assert callable(import_module(module).main)
        case ["python", "-c", code]:
            compile(code, "command", "exec")
            assert callable(import_module("infra.dev_stack.gateway").main)
        case ["care", *_] | ["sh", "-c", _]:
            assert set(re.findall(r"care ([a-z-]+)", " ".join(command))) <= care_commands()
        case _:
            pytest.fail(f"unknown command {command}")


@pytest.mark.parametrize("name", PRODUCT)
def test_compose_sets_required_and_known_variables(name: str) -> None:
    variables = set(PRODUCT[name]["environment"])

    assert variables <= _all() | _COMMANDS
    assert name == "prepare" or variables >= _all(required=True)


def test_manifest_names_only_known_variables() -> None:
    for name, container in _containers():
        assert {each["name"] for each in container.get("env", [])} <= _all() | _COMMANDS, name
    for path in (ROOT / "infra" / "k8s").glob("*.yaml"):
        assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", path.read_text())) <= _all() | _COMMANDS, path.name


@pytest.mark.parametrize("context", CONTEXTS)
def test_each_context_has_containers_and_correct_probes(context: str) -> None:
    name = prefix(context).removeprefix("/")
    api, _, worker = MANIFESTS[name]
    (serving,), (working,) = (each["spec"]["template"]["spec"]["containers"] for each in (api, worker))

    assert COMPOSE[name]["command"][-1] == f"services.{context}.worker"
    assert serving["readinessProbe"]["httpGet"]["path"] == f"{prefix(context)}/readyz"
    assert working["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert f"{context.upper()}_METRICS_PORT" in {each["name"] for each in working["env"]}


def test_compose_uses_server_versions_of_the_tests() -> None:
    version = subprocess.run([installed_programs().path("postgres"), "--version"], check=True, capture_output=True, text=True).stdout

    assert version.split()[-1] == COMPOSE["postgres"]["image"].partition(":")[2]
    assert COMPOSE["kafka"]["image"].partition(":")[2] == KAFKA_VERSION


def test_configuration_page_lists_every_variable_of_a_deployment() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    own = _variables(ContextSettings, "<CONTEXT>_")

    assert [name for name in sorted(_variables(Deployment, "CARE_") | own | _COMMANDS) if f"`{name}`" not in page] == []
