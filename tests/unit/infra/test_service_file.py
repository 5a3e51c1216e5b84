"""The file of the directory of services is checked as a whole, and has what other code names."""

from pathlib import Path

import pytest

from infra.reference.service_file import SERVICES_FILE, ServiceFileRefused, read_services
from services.rapid_care.domain.policy import Policy as RapidCarePolicy
from services.referrals.domain import Policy
from shared.contracts.codes import STEP_DOWN_SERVICES, StepDown

HEAD, ROW = SERVICES_FILE.read_text(encoding="utf-8").splitlines()[:2]


@pytest.mark.parametrize("destination", StepDown)
def test_each_step_down_names_a_service_of_the_directory(destination: StepDown) -> None:
    assert STEP_DOWN_SERVICES[destination] in {service.code for service in read_services()}


def test_configured_alternatives_are_services_of_the_directory() -> None:
    codes = {
        Policy().closed_hours_service,
        Policy().emergency_service,
        RapidCarePolicy().emergency_service,
        *RapidCarePolicy().while_closed,
    }

    assert codes <= {service.code for service in read_services()}


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([ROW, ROW], "Line 3: rapid-care is valid on 2013-08-01 already."),
        ([ROW.replace("2013-08-01,", "2013-08-01,2013-08-01")], "Line 2: valid_until must be after valid_from, 2013-08-01."),
        ([ROW.replace(",4,", ",high,")], "Line 2: tier: "),
        ([ROW.replace("urgent-deterioration", "flying")], "Line 2: needs.0: "),
        ([], "The file has no service."),
    ],
)
def test_file_with_a_fault_is_refused_as_a_whole(tmp_path: Path, rows: list[str], fault: str) -> None:
    file = tmp_path / "services.csv"
    file.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")

    with pytest.raises(ServiceFileRefused) as refused:
        read_services(file)

    assert fault in str(refused.value)
