"""The ports of the workers of `care up`: set by the environment or free."""

import socket

import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.local.ports import HOST, free_ports
from infra.dev_stack.product import metrics_ports
from infra.errors import StackError


def test_set_port_is_used_and_others_are_free() -> None:
    port = free_ports(1)[0]

    ports = metrics_ports({"RAPID_CARE_METRICS_PORT": str(port), "MDT_METRICS_PORT": ""})

    assert ports["rapid_care"] == port
    assert list(ports) == list(CONTEXTS)
    assert len(set(ports.values())) == len(CONTEXTS)


@pytest.mark.parametrize("value", ["0", "-1", "65536", "many"])
def test_invalid_port_is_refused(value: str) -> None:
    with pytest.raises(StackError, match=f"MDT_METRICS_PORT must be a port from 1 to 65535, not “{value}”"):
        metrics_ports({"MDT_METRICS_PORT": value})


def test_one_port_for_two_workers_is_refused() -> None:
    port = str(free_ports(1)[0])

    with pytest.raises(StackError, match="MDT_METRICS_PORT and NAVIGATION_METRICS_PORT name the same port"):
        metrics_ports({"MDT_METRICS_PORT": port, "NAVIGATION_METRICS_PORT": port})


def test_port_of_the_api_is_refused() -> None:
    with pytest.raises(StackError, match="--port and MDT_METRICS_PORT name the same port"):
        metrics_ports({"MDT_METRICS_PORT": "8080"}, api_port=8080)


def test_port_in_use_is_refused() -> None:
    with socket.create_server((HOST, 0)) as server, pytest.raises(StackError, match="Choose another with MDT_METRICS_PORT"):
        metrics_ports({"MDT_METRICS_PORT": str(server.getsockname()[1])})
