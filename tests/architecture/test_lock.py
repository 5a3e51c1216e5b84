"""What is installed is what pyproject.toml asks for."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOT

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_ASKED = [Requirement(each) for each in (*_PROJECT["project"]["dependencies"], *_PROJECT["dependency-groups"]["dev"])]
_LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


@pytest.mark.parametrize("asked", _ASKED, ids=lambda asked: asked.name)
def test_lock_satisfies_each_requirement(asked: Requirement) -> None:
    locked = {canonicalize_name(name): version for name, version in _LOCKED.findall((ROOT / "infra" / "requirements.lock").read_text())}

    assert asked.specifier.contains(locked[canonicalize_name(asked.name)])
