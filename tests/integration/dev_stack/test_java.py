"""The command line of Java is constant and uses the class cache when it exists."""

import subprocess
from pathlib import Path

import pytest

from infra.dev_stack.local.java import cache_file, java_command

_JARS = [Path("/jars/first.jar"), Path("/jars/second.jar")]


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_HOME", str(tmp_path))


def test_java_starts_without_a_class_cache() -> None:
    command = java_command(_JARS, "kafka.Kafka", "settings")
    assert command[-4:] == ["-cp", "/jars/first.jar:/jars/second.jar", "kafka.Kafka", "settings"]
    assert not any("AOT" in argument for argument in command)


def test_existing_class_cache_is_used() -> None:
    cache_file(_JARS).touch()
    assert f"-XX:AOTCache={cache_file(_JARS)}" in java_command(_JARS, "kafka.Kafka")


def test_other_jars_need_another_class_cache() -> None:
    assert cache_file(_JARS) != cache_file(_JARS[:1])


def test_java_ignores_a_damaged_class_cache(tmp_path: Path) -> None:
    cache = cache_file([tmp_path])
    subprocess.run([*java_command([tmp_path], flags=[f"-XX:AOTCacheOutput={cache}"]), "-version"], check=True, capture_output=True)
    size = cache.stat().st_size
    with cache.open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size // 2))
    command = java_command([tmp_path], "-version")
    assert f"-XX:AOTCache={cache}" in command
    assert (
        subprocess.run(command, check=False, capture_output=True, cwd=tmp_path).returncode == 0
    )  # Java writes crash reports into its folder


def test_environment_flags_reach_java_but_not_the_cache_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_KAFKA_JAVA_OPTS", "-Xmx256m -Dname='two words'")
    assert {"-Xmx256m", "-Dname=two words"} <= {*java_command(_JARS, "kafka.Kafka")}
    assert "-Xmx256m" not in java_command(_JARS, "kafka.Kafka", flags=["-XX:AOTMode=record"])
