"""Apache Kafka's jars: downloaded once into the cache and checked against the lock before every start.

Invariant: the cache folder is complete or absent (download beside it, verify, rename), and the jars of `verified_jars` have the locked
hashes. `python -m infra.dev_stack.local.jars --lock` regenerates the lock.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.dev_stack.local.jar_download import Listener, download, repository
from infra.dev_stack.local.lock import file_lock
from infra.dev_stack.local.paths import care_home, make_folder
from infra.errors import JarRefused

KAFKA_VERSION = "4.3.0"
LOCK = Path(__file__).parents[2] / "kafka" / "jars.lock"
_ROOTS = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",  # without it the broker logs no errors
)
_REMEDY = "Kafka was not started; delete that folder to download it again."


@dataclass(frozen=True, slots=True, order=True)
class Jar:
    """A line of the lock: `sha256  group:artifact:version[:classifier]`."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        _, *rest = self.coordinate.split(":")
        return "-".join(rest) + ".jar"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    pairs = (line.split() for line in lock.read_text().splitlines())
    return [Jar(coordinate=coordinate, sha256=sha256) for sha256, coordinate in pairs]


def verified_jars(listener: Listener, *, lock: Path = LOCK) -> list[Path]:
    """Returns the paths of all jars, downloaded when absent. Raises JarsUnavailable or JarRefused."""
    jars = read_lock(lock)
    folder = care_home() / f"kafka-{KAFKA_VERSION}"
    make_folder(folder.parent)
    with file_lock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            _install(folder, jars, listener)
    verify(folder, jars)
    return [folder / jar.file_name for jar in jars]


def verify(folder: Path, jars: Iterable[Jar]) -> None:
    for jar in jars:
        path = folder / jar.file_name
        if not path.exists():
            raise JarRefused(f"{jar.file_name} is missing from {folder}. {_REMEDY}")
        if _sha256(path) != jar.sha256:
            raise JarRefused(f"{jar.file_name} in {folder} is not the jar that infra/kafka/jars.lock names. {_REMEDY}")


def _install(folder: Path, jars: list[Jar], listener: Listener) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for path, jar in zip(download([jar.coordinate for jar in jars], partial / "downloads", listener), jars, strict=True):
        path.rename(partial / jar.file_name)
    shutil.rmtree(partial / "downloads")
    verify(partial, jars)
    partial.rename(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve() -> list[Jar]:
    """Resolves Kafka's dependencies in the repository and hashes them."""
    with tempfile.TemporaryDirectory() as cache:
        source = repository(Path(cache))
        named, transitive = source.resolver.resolve([source.create_dependency(root) for root in _ROOTS])
        return sorted(_jar(dependency.artifact) for dependency in (*named, *transitive))


def _jar(artifact: Any) -> Jar:
    parts = (artifact.groupId, artifact.artifactId, artifact.version, artifact.classifier)
    return Jar(coordinate=":".join(part for part in parts if part), sha256=_sha256(artifact.resolve()))


def write_lock(jars: Iterable[Jar], lock: Path = LOCK) -> None:
    lock.write_text("".join(f"{jar.sha256}  {jar.coordinate}\n" for jar in jars))


if __name__ == "__main__":
    if sys.argv[1:] != ["--lock"]:
        sys.exit("usage: python -m infra.dev_stack.local.jars --lock")
    write_lock(resolve())
    print(f"{LOCK.name}: {len(read_lock())} jars")
