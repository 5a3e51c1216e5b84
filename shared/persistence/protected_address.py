"""Keeps the way to PostgreSQL protected: an address stays on this machine, or asks for TLS and a server of the right name.

Invariant: the address alone decides. What the environment says (`PGSSLMODE`, `PGHOST`) protects one process and is absent in the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote, urlsplit

UNPROTECTED = (
    "the connection may leave this machine unprotected: add sslmode=verify-full and sslrootcert=FILE to the address, or name a Unix socket "
    "or a loopback host (docs/runbook.md, Set up PostgreSQL)"
)
#: The rule, for the page of the configuration.
PROTECTED = "Elsewhere than on this machine it asks for `sslmode=verify-full`."
_Parameters = Mapping[str, Sequence[str]]


def protected(address: str) -> str:
    """Returns the address. Raises ValueError, which does not quote it, when names or stories could travel in clear text."""
    try:
        is_protected = _is_verified(parameters := _parameters(address)) or _is_local(address, parameters)
    except ValueError:
        is_protected = False
    if not is_protected:
        raise ValueError(UNPROTECTED)
    return address


def is_verified(address: str) -> bool:
    """Whether the address asks for TLS and a server of the right name. Raises ValueError."""
    return _is_verified(_parameters(address))


def _parameters(address: str) -> _Parameters:
    query = urlsplit(address).query
    return parse_qs(query, keep_blank_values=True, strict_parsing=True) if query else {}


def _is_verified(parameters: _Parameters) -> bool:
    """A repeated parameter counts in every place: libraries differ in which they take."""
    return set(parameters.get("sslmode", ())) == {"verify-full"}


def _is_local(address: str, parameters: _Parameters) -> bool:
    """An address without a host is not local: `PGHOST` or a service file may name any."""
    return "service" not in parameters and all(map(_is_this_machine, _hosts(address, parameters)))


def _hosts(address: str, parameters: _Parameters) -> Iterator[str]:
    """At least one: the hosts of both places, without ports. Libraries differ in which place they prefer."""
    before, at, after = urlsplit(address).netloc.partition("@")
    written = [unquote(after if at else before), *parameters.get("host", ()), *parameters.get("hostaddr", ())]
    for each in ",".join(filter(None, written)).split(","):
        yield each[1:].partition("]")[0] if each.startswith("[") else each.partition(":")[0]


def _is_this_machine(host: str) -> bool:
    if host.startswith("/") or host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
