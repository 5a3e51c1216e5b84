"""infra/compose.yaml, infra/k8s and docs/configuration.md agree with the code that they start and describe."""

import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from infra.contexts import CONTEXTS, prefix, settings_of
from infra.dev_stack.local.jars import KAFKA_VERSION
from infra.dev_stack.local.postgres_programs import installed_programs
from shared.deployment import ContextSettings, Deployment, PseudonymSettings
from tests.architecture.care_commands import care_commands
from tests.architecture.sources import ROOT

COMPOSE = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["services"]
MANIFESTS = {path.stem: list(yaml.safe_load_all(path.read_text())) for path in sorted((ROOT / "infra" / "k8s").glob("*.yaml"))}
NETWORK = {each["metadata"]["name"]: each["spec"] for each in MANIFESTS["network"] if each["kind"] == "NetworkPolicy"}
COMPOSE_SECRETS = set(yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())["secrets"])
PRODUCT = {name: service for name, service in COMPOSE.items() if service["image"] == "care-coordination"}
#: Variables read by the command line alone.
_COMMANDS = {"DATABASE_URL", "CARE_DATABASE_ROLE_PREFIX", "CARE_TOPIC_PARTITIONS"}
_COMMANDS |= {"KAFKA_PASSWORD", "CARE_SECRETS_DIR", *(f"{context.upper()}_DATABASE_PASSWORD" for context in CONTEXTS)}
_COMMANDS |= {"CARE_TOPIC_REPLICATION_FACTOR", "CARE_TOPIC_MIN_INSYNC_REPLICAS", "CARE_EVENT_LOG_RETENTION_DAYS"}
#: The workloads that derive ids from NHS numbers: at the receipt and in searches, and for the risk scores.
_DERIVE_IDS = {"referrals-api", "mdt-api"}


def _variables(settings: type[BaseSettings], prefix: str, *, required: bool = False) -> set[str]:
    fields = settings.model_fields.items()
    return {str(field.validation_alias or prefix + name.upper()) for name, field in fields if field.is_required() or not required}


def _all(*, required: bool = False) -> set[str]:
    own = (_variables(ContextSettings, f"{context.upper()}_", required=required) for context in CONTEXTS)
    return (_variables(Deployment, "CARE_", required=required) | _variables(PseudonymSettings, "CARE_", required=required)).union(*own)


def _pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The template of each pod, by the name of its workload."""
    for each in [each for documents in MANIFESTS.values() for each in documents]:
        work = each.get("spec", {}).get("jobTemplate", each).get("spec", {})
        if isinstance(work, dict) and "template" in work:
            yield each["metadata"]["name"], work["template"]


PODS = dict(_pods())


def _containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in PODS.items():
        for container in pod["spec"]["containers"]:
            yield f"{name} {container['name']}", container


def _secrets(pod: dict[str, Any]) -> set[str]:
    """The keys that its volumes mount."""
    return {item["path"] for volume in pod["spec"]["volumes"] if "secret" in volume for item in volume["secret"]["items"]}


def _needed(name: str) -> set[str]:
    """The secrets of a workload, from the settings that are secret."""
    own = {f"{context.upper()}_" for context in CONTEXTS if name.startswith(prefix(context).removeprefix("/"))}
    shared = {"CARE_ENCRYPTION_KEYS"}
    match name.rpartition("-")[2]:
        case "api":
            pseudonyms = {"CARE_PERSON_ID_SECRET"} if name in _DERIVE_IDS else set()
            return shared | pseudonyms | {"CARE_METRICS_TOKEN", *(f"{each}DATABASE_URL" for each in own)}
        case "worker":
            return shared | {
                f"{each}{secret}" for each in own for secret in ("DATABASE_URL", "KAFKA_PASSWORD", "AUDIT_SIGNING_KEY", "MAC_KEYS")
            }
        case "prepare":
            passwords = (f"{context.upper()}_{server}_PASSWORD" for context in CONTEXTS for server in ("DATABASE", "KAFKA"))
            return {"DATABASE_URL", "KAFKA_PASSWORD", *passwords}
        case _:
            return {"DATABASE_URL"}


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
    variables = {*PRODUCT[name]["environment"], *PRODUCT[name]["secrets"]}
    own = [each for each in CONTEXTS if name == "api" or prefix(each) == f"/{name}"]
    required = _variables(Deployment, "CARE_", required=True).union(
        *(_variables(ContextSettings, f"{context.upper()}_", required=True) for context in own),
        _variables(PseudonymSettings, "CARE_", required=True) if name == "api" else (),
    )

    assert variables <= _all() | _COMMANDS
    assert name == "prepare" or variables >= required
    assert not {each for each in PRODUCT[name]["environment"] if each in COMPOSE_SECRETS}


def test_manifest_names_only_known_variables() -> None:
    for name, container in _containers():
        assert {each["name"] for each in container.get("env", [])} <= _all() | _COMMANDS, name
    for path in (ROOT / "infra" / "k8s").glob("*.yaml"):
        assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", path.read_text())) <= _all() | _COMMANDS | {"SASL_SSL"}, path.name


@pytest.mark.parametrize("context", CONTEXTS)
def test_each_context_has_containers_and_correct_probes(context: str) -> None:
    name = prefix(context).removeprefix("/")
    (serving,), (working,) = (PODS[f"{name}-{kind}"]["spec"]["containers"] for kind in ("api", "worker"))

    assert COMPOSE[name]["command"][-1] == f"services.{context}.worker"
    assert serving["readinessProbe"]["httpGet"]["path"] == f"{prefix(context)}/readyz"
    assert working["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert f"{context.upper()}_METRICS_PORT" in {each["name"] for each in working["env"]}


def test_compose_uses_server_versions_of_the_tests() -> None:
    version = subprocess.run([installed_programs().path("postgres"), "--version"], check=True, capture_output=True, text=True).stdout

    assert COMPOSE["postgres"]["image"] == f"${{POSTGRES_IMAGE:-postgres:{version.split()[-1]}}}"
    assert COMPOSE["kafka"]["image"] == f"${{KAFKA_IMAGE:-apache/kafka:{KAFKA_VERSION}}}"


@pytest.mark.parametrize("name", PODS)
def test_pod_has_no_rights_beyond_its_work(name: str) -> None:
    """Checkov has these rules too; here they need no other environment."""
    pod = PODS[name]["spec"]
    user = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    confined = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"], pod["securityContext"]) == (False, False, user)
    for container in pod["containers"]:
        assert container["securityContext"] == confined
        assert {"cpu", "memory"} == set(container["resources"]["requests"]) == set(container["resources"]["limits"])
        assert all(mount.get("readOnly") or mount["mountPath"] == "/tmp" for mount in container["volumeMounts"])  # noqa: S108


@pytest.mark.parametrize("name", PODS)
def test_pod_gets_the_secrets_it_needs_as_files(name: str) -> None:
    pod = PODS[name]["spec"]
    sources = [source for container in pod["containers"] for source in (*container.get("env", []), *container.get("envFrom", []))]

    assert _secrets(PODS[name]) == _needed(name)
    assert [each for each in sources if "secretRef" in each or "valueFrom" in each] == []
    assert [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume] == [
        name if name.startswith("care-") else f"care-{name}"
    ]


@pytest.mark.parametrize("name", PODS)
def test_pod_has_the_authority_of_the_database(name: str) -> None:
    pod = PODS[name]["spec"]
    mount = {"name": "database", "mountPath": "/etc/care/database", "readOnly": True}

    assert {"name": "database", "configMap": {"name": "care-database-authority"}} in pod["volumes"]
    assert all(mount in container["volumeMounts"] for container in pod["containers"])


def test_composed_database_has_a_socket_alone() -> None:
    postgres = COMPOSE["postgres"]

    assert (postgres["network_mode"], "networks" in postgres, "ports" in postgres) == ("none", False, False)
    assert "listen_addresses=" in postgres["command"]
    assert postgres["environment"]["POSTGRES_INITDB_ARGS"] == "--auth=scram-sha-256"
    assert [name for name, service in PRODUCT.items() if service["volumes"] != ["database:/run/postgresql:ro"]] == []


def test_needed_secrets_are_the_secret_settings() -> None:
    secret = {
        name
        for settings, start in ((Deployment, "CARE_"), (PseudonymSettings, "CARE_"), (ContextSettings, "MDT_"))
        for field, each in settings.model_fields.items()
        if "Secret" in str(each.annotation)
        for name in (str(each.validation_alias or start + field.upper()),)
    }

    assert secret == _needed("mdt-worker") | _needed("mdt-api")


def test_services_that_derive_ids_have_the_secret() -> None:
    """A service with the secret of the pseudonyms traces every one of them back to its NHS number."""
    deriving = {path.relative_to(ROOT).parts[1] for path in (ROOT / "services").rglob("*.py") if "secrets.pseudonym" in path.read_text()}

    assert deriving == {context for context in CONTEXTS if settings_of(context).DERIVES_IDS}
    assert {f"{prefix(context).removeprefix('/')}-api" for context in deriving} == _DERIVE_IDS


def test_network_permits_only_what_the_architecture_has() -> None:
    every = NETWORK["nothing-unless-permitted"]
    assert (every["podSelector"], every["policyTypes"], every.keys() & {"ingress", "egress"}) == ({}, ["Ingress", "Egress"], set())
    ports = {
        name: {(way, port["port"]) for way in ("ingress", "egress") for rule in spec.get(way, []) for port in rule["ports"]}
        for name, spec in NETWORK.items()
        if name != "nothing-unless-permitted"
    }
    assert ports == {
        "names": {("egress", 53)},
        "api": {("ingress", 8080), ("egress", 5432)},
        "openid-provider": {("egress", 443)},
        "worker": {("ingress", 9100), ("egress", 5432), ("egress", 9093)},
        "job": {("egress", 5432), ("egress", 9093)},
    }
    assert {pod["metadata"]["labels"]["component"] for pod in PODS.values()} == {"api", "worker", "job"}
    assert [
        rule for spec in NETWORK.values() for way in ("ingress", "egress") for rule in spec.get(way, []) if not {"from", "to"} & set(rule)
    ] == []


def test_ingress_serves_each_context_behind_tls() -> None:
    [ingress] = [each["spec"] for each in MANIFESTS["network"] if each["kind"] == "Ingress"]
    [rule] = ingress["rules"]

    assert [rule["host"]] == ingress["tls"][0]["hosts"]
    assert {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]} == {
        prefix(context): prefix(context).removeprefix("/") for context in CONTEXTS
    }


@pytest.mark.parametrize("name", PRODUCT)
def test_composed_container_has_no_rights_beyond_its_work(name: str) -> None:
    service = PRODUCT[name]

    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert set(service["secrets"]) <= COMPOSE_SECRETS
    assert service["networks"] == (["backend", "callers"] if name == "api" else ["backend"])


def test_composed_worker_gets_the_secrets_of_its_context() -> None:
    for context in CONTEXTS:
        name = prefix(context).removeprefix("/")
        assert set(PRODUCT[name]["secrets"]) == _needed(f"{name}-worker") - {f"{context.upper()}_KAFKA_PASSWORD"}


def test_image_runs_as_a_user_without_rights() -> None:
    lines = (ROOT / "infra" / "Dockerfile").read_text().splitlines()

    assert "USER 10001:10001" in lines
    assert [line for line in lines if line.startswith("COPY") and ("tests" in line or line == "COPY . .")] == []
    assert not {"pytest", "mypy", "ruff"} & set(
        re.findall(r"^([\w-]+)==", (ROOT / "infra" / "requirements-image.lock").read_text(), re.MULTILINE)
    )


def test_configuration_page_lists_every_variable_of_a_deployment() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    own = _variables(ContextSettings, "<CONTEXT>_")

    commands = {re.sub(rf"^({'|'.join(context.upper() for context in CONTEXTS)})_", "<CONTEXT>_", each) for each in _COMMANDS}
    assert [name for name in sorted(_variables(Deployment, "CARE_") | own | commands) if f"`{name}`" not in page] == []
