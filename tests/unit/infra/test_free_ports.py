"""A chosen port is reserved: neither another process nor the same one chooses it again."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from infra.dev_stack.local.ports import HOST, free_ports
from infra.errors import StackError

_CHOOSE = "from infra.dev_stack.local.ports import free_ports; print(*free_ports({count}), flush=True); input()"


@pytest.fixture
def ports_of_another_process() -> Iterator[list[int]]:
    command = [sys.executable, "-c", _CHOOSE.format(count=20)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        yield [int(port) for port in other.stdout.readline().split()]
        other.communicate("\n")


def test_port_of_another_process_is_not_chosen(ports_of_another_process: list[int]) -> None:
    with pytest.raises(StackError, match="in use or reserved"):
        free_ports(1, ports_of_another_process)


def test_port_is_chosen_once_in_a_process() -> None:
    chosen = free_ports(20)

    with pytest.raises(StackError, match="in use or reserved"):
        free_ports(1, chosen)


def test_port_in_use_is_not_chosen() -> None:
    with socket.create_server((HOST, 0)) as server, pytest.raises(StackError, match="in use or reserved"):
        free_ports(1, [server.getsockname()[1]])
