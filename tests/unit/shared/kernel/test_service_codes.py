"""Service codes of requests are those of the directory."""

import pytest

from shared.kernel.service_codes import ServiceUnknown, require_known

KNOWN = frozenset({"district-nursing", "enablement", "befriending"})


def test_known_codes_are_accepted() -> None:
    require_known({"items.0.service_code": "enablement"}, KNOWN)


def test_unknown_code_is_refused_with_the_nearest_one() -> None:
    codes = {"items.0.service_code": "enablement", "items.1.service_code": "distric-nursing", "items.2.service_code": "x-ray"}

    with pytest.raises(ServiceUnknown, match=r"The nearest is district-nursing\.") as refused:
        require_known(codes, KNOWN)

    assert refused.value.fields == ("items.1.service_code", "items.2.service_code")


def test_code_without_near_one_has_no_hint() -> None:
    with pytest.raises(ServiceUnknown) as refused:
        require_known({"service_code": "zzz"}, KNOWN)

    assert refused.value.detail == "The directory has no such service today."
