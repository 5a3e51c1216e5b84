"""Addresses of hosts."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether the host is this machine; a name other than localhost is another one."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
