"""The nearest known name helps a caller to correct a typed one."""

import pytest

from shared.kernel.nearest import nearest

PRACTICES = ["W07", "W70", "B01", "C23", "E85001"]
NAMES = ["nhs_number", "given_name", "family_name", "telephone", "practice_code"]


@pytest.mark.parametrize(
    ("typed", "code"), [("W7O", "W70"), ("WO7", "W07"), ("BO1", "B01"), ("B0I", "B01"), ("E8500I", "E85001"), ("E8501", "E85001")]
)
def test_look_alike_has_a_nearest_code(typed: str, code: str) -> None:
    assert nearest(typed, PRACTICES) == code


@pytest.mark.parametrize(
    ("typed", "name"),
    [("nhsNumber", "nhs_number"), ("practiceCode", "practice_code"), ("phone", "telephone"), ("familyname", "family_name")],
)
def test_spelling_of_another_system_has_a_nearest_name(typed: str, name: str) -> None:
    assert nearest(typed, NAMES) == name


@pytest.mark.parametrize("typed", ["", "remark", "x" * 10_000])
def test_distant_name_has_none(typed: str) -> None:
    assert nearest(typed, NAMES) is None


def test_no_name_is_near_when_none_is_known() -> None:
    assert nearest("status", []) is None
