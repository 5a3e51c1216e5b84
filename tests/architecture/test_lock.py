"""The lock satisfies the requirements of pyproject.toml."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOT

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_REQUIREMENTS = [Requirement(each) for each in (*_PROJECT["project"]["dependencies"], *_PROJECT["dependency-groups"]["dev"])]
_LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


@pytest.mark.parametrize("requirement", _REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_lock_satisfies_each_requirement(requirement: Requirement) -> None:
    locked = {canonicalize_name(name): version for name, version in _LOCKED.findall((ROOT / "infra" / "requirements.lock").read_text())}

    assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)])
