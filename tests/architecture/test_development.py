"""docs/development.md names make targets, commands, modules and scripts that exist."""

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.care_commands import care_commands
from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs" / "development.md").read_text()
_SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
_FILES = re.findall(r"[Ss]ave .*as `(\w+\.py)`", PAGE)
_RUFF = Path(sys.executable).with_name("ruff")


def test_named_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", PAGE))

    assert named
    assert named - targets == set()


def test_make_up_takes_port_and_name() -> None:
    plan = subprocess.run(["make", "--dry-run", "up", "PORT=8090", "NAME=other"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "care up --port 8090 --name other" in plan.stdout


def test_named_care_commands_exist() -> None:

    assert set(re.findall(r"bin/care ([a-z-]+)", PAGE)) <= care_commands()


def test_named_modules_exist() -> None:
    modules = set(re.findall(r"-m ((?:services|infra)[\w.]+)", PAGE))

    assert modules
    assert [module for module in modules if find_spec(module) is None] == []


def test_named_tests_exist() -> None:
    paths = set(re.findall(r"tests/[\w/.]+", PAGE))

    assert [path for path in paths if not (ROOT / path.rstrip(".")).exists()] == []


def test_scripts_parse_and_import_what_exists() -> None:
    imports = {node.module for script in _SCRIPTS for node in ast.walk(ast.parse(script)) if isinstance(node, ast.ImportFrom)}

    assert _SCRIPTS
    assert [module for module in imports if module is None or find_spec(module) is None] == []


@pytest.mark.parametrize("command", [("check", "--quiet"), ("format", "--check")])
@pytest.mark.parametrize(("name", "script"), list(zip(_FILES, _SCRIPTS, strict=True)), ids=_FILES)
def test_saved_script_passes_lint(name: str, script: str, command: tuple[str, ...]) -> None:
    run = subprocess.run(
        [_RUFF, *command, "--no-cache", "--stdin-filename", name, "-"], input=script, cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr


def test_saved_scripts_are_ignored_by_git() -> None:
    assert {f"/{name}" for name in _FILES} <= set((ROOT / ".gitignore").read_text().splitlines())
