"""The addresses of a running local stack: written when it is ready, read by the commands that operate it.

Invariant: the file of a killed run is ignored: a stack runs while a process holds its lock.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.dev_stack.local.external_servers import external_database_url, external_kafka_bootstrap
from infra.dev_stack.local.lock import is_locked
from infra.dev_stack.local.paths import stack_folders
from infra.errors import StackError


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`metrics_ports` has the port of each context's worker."""

    url: str
    database_url: str
    kafka_bootstrap: str
    metrics_ports: Mapping[str, int] = field(default_factory=dict)


@contextmanager
def publish_endpoints(name: str, published: Endpoints) -> Iterator[None]:
    path = _file(name)
    path.write_text(json.dumps(asdict(published)))
    path.chmod(0o600)  # an external address may contain a password
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def endpoints(name: str) -> Endpoints:
    """DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS take precedence. Raises StackError without them and without a running stack."""
    found = _published_endpoints(name)
    database = external_database_url() or found.database_url
    if not database:
        raise StackError(f"The stack “{name}” is not running: start it with `{up_command(name)}`, or set DATABASE_URL.")
    return Endpoints(found.url, database, external_kafka_bootstrap() or found.kafka_bootstrap, found.metrics_ports)


def up_command(name: str) -> str:
    """The command that starts the stack `name`."""
    return "care up" if name == "default" else f"care up --name {name}"


def _published_endpoints(name: str) -> Endpoints:
    path = _file(name)
    if not (path.exists() and is_locked(stack_folders(name).lock)):
        return Endpoints("", "", "")
    try:
        return Endpoints(**json.loads(path.read_text()))
    except (ValueError, TypeError) as damage:
        raise StackError(f"{path} is damaged: stop the stack “{name}” and start it again.") from damage


def _file(name: str) -> Path:
    return stack_folders(name).root / "running.json"
