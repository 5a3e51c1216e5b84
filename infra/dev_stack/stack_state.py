"""Where a local stack is running: written when it is up, read by the commands that operate it.

Invariant: a file that a killed run left is not believed: a stack is running while somebody holds its lock.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.dev_stack.local.external_servers import external_database_url, external_kafka_bootstrap
from infra.dev_stack.local.lock import is_taken
from infra.dev_stack.local.paths import stack_folders
from infra.errors import StackError


@dataclass(frozen=True, slots=True)
class Endpoints:
    url: str
    database_url: str
    kafka_bootstrap: str


@contextmanager
def publish_endpoints(name: str, whereabouts: Endpoints) -> Iterator[None]:
    path = _file(name)
    path.write_text(json.dumps(asdict(whereabouts)))
    path.chmod(0o600)  # a given address may hold a password
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def endpoints(name: str) -> Endpoints:
    """DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS go before. Raises StackError when neither they nor a running stack say where."""
    found = _published_endpoints(name)
    database = external_database_url() or found.database_url
    if not database:
        raise StackError(f"The stack “{name}” is not running: start it with `care up`, or name a server in DATABASE_URL.")
    return Endpoints(found.url, database, external_kafka_bootstrap() or found.kafka_bootstrap)


def _published_endpoints(name: str) -> Endpoints:
    path = _file(name)
    if not (path.exists() and is_taken(stack_folders(name).lock)):
        return Endpoints("", "", "")
    try:
        return Endpoints(**json.loads(path.read_text()))
    except (ValueError, TypeError) as damage:
        raise StackError(f"{path} cannot be read: stop the stack “{name}” and start it again.") from damage


def _file(name: str) -> Path:
    return stack_folders(name).root / "running.json"
