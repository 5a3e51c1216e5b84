"""`pip-audit -f json | python -m infra.deploy.vulnerabilities`: what was checked, what was found, and what could not be checked.

pip-audit itself calls it a success when it could check nothing.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_FOUND, _UNCHECKED = 1, 2


def report(output: str) -> tuple[Sequence[str], int]:
    """Sentences and the exit code: 1 for a known vulnerability, 2 when a package could not be checked."""
    packages: Sequence[Mapping[str, Any]] = json.loads(output)["dependencies"] if output.strip() else []
    unchecked = [each["name"] for each in packages if "skip_reason" in each]
    found = [_sentence(each, hole) for each in packages for hole in each.get("vulns", [])]
    checked = len(packages) - len(unchecked)
    if not checked:
        return ["NOT CHECKED: the list of known vulnerabilities cannot be reached from here."], _UNCHECKED
    sentences = [f"{checked} of {len(packages)} packages were checked: {len(found) or 'no'} known vulnerabilities."]
    missing = [f"NOT CHECKED: {', '.join(unchecked)}."] if unchecked else []
    return [*sentences, *found, *missing], _FOUND if found else _UNCHECKED if unchecked else 0


def _sentence(package: Mapping[str, Any], hole: Mapping[str, Any]) -> str:
    mended = ", ".join(hole.get("fix_versions", [])) or "no version yet"
    return f"{package['name']} {package['version']}: {hole['id']}; mended in {mended}."


def main() -> int:
    sentences, code = report(sys.stdin.read())
    sys.stdout.write("".join(f"{each}\n" for each in sentences))
    return code


if __name__ == "__main__":
    sys.exit(main())
