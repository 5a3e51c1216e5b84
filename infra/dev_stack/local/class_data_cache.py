"""Builds Java's class cache for Kafka, once per machine in the background; it halves the start time.

A separate broker is started and stopped while Java records the classes it loads (about 12 s of one core, at the lowest priority).

Invariant: the cache file is complete or absent, and Kafka starts without it, only more slowly.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from infra.dev_stack.local.child import Child, run_child, start_child
from infra.dev_stack.local.jar_download import Listener
from infra.dev_stack.local.jars import verified_jars
from infra.dev_stack.local.java import cache_file, java_command
from infra.dev_stack.local.kafka import LocalKafka
from infra.dev_stack.local.lock import take
from infra.dev_stack.local.logs import open_log
from infra.dev_stack.local.paths import care_home
from infra.dev_stack.local.signals import sigterm_as_interrupt
from infra.errors import StackError

_LOWEST_PRIORITY = 19


async def start_building(jars: Sequence[Path]) -> Child | None:
    """Starts the build in the background; returns None when the cache exists."""
    if cache_file(jars).exists():
        return None
    with open_log(care_home() / "java-cache.log") as log:
        return await start_child([sys.executable, "-m", "infra.dev_stack.local.class_data_cache"], output=log.fileno())


async def _build(jars: Sequence[Path]) -> None:
    folder = care_home() / "java-cache.new"
    shutil.rmtree(folder, ignore_errors=True)
    recording = folder / "recording"
    await _record(LocalKafka(folder, jars, java_flags=["-XX:AOTMode=record", f"-XX:AOTConfiguration={recording}"]))
    if await _assemble(jars, recording, folder / "cache"):
        _replace(folder / "cache", cache_file(jars))
    shutil.rmtree(folder)


def _replace(cache: Path, target: Path) -> None:
    for outdated in target.parent.glob("kafka-*.aot"):
        outdated.unlink()
    cache.rename(target)


async def _record(broker: LocalKafka) -> None:
    try:
        await broker.start()
        await broker.stop(grace_seconds=60)  # it writes the recording during shutdown
    finally:
        await broker.kill()


async def _assemble(jars: Sequence[Path], recording: Path, cache: Path) -> bool:
    flags = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={recording}", f"-XX:AOTCache={cache}"]
    with open_log(care_home() / "java-cache.log") as log:
        return await run_child(java_command(jars, flags=flags), output=log.fileno())


def main() -> None:
    os.nice(_LOWEST_PRIORITY)
    with suppress(KeyboardInterrupt), take(care_home() / "java-cache.lock", "java cache"), sigterm_as_interrupt():
        jars = verified_jars(Listener())
        if not cache_file(jars).exists():
            asyncio.run(_build(jars))


if __name__ == "__main__":
    try:
        main()
    except StackError as problem:
        sys.exit(str(problem))
