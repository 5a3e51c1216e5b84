"""Codes of the directory of services in requests: an unknown one is refused before anything changes."""

from collections.abc import Collection, Mapping

from shared.kernel.errors import InvalidField
from shared.kernel.nearest import nearest


class ServiceUnknown(InvalidField):
    """The directory has no service with this code today."""

    code = "service-unknown"
    advice = "Use a code that GET /referrals/directory lists for today."
    field = "service_code"


def require_known(codes: Mapping[str, str], known: Collection[str]) -> None:
    """`codes` are those of a request by the path of their field. Raises ServiceUnknown, which names the nearest known code."""
    unknown = {field: code for field, code in codes.items() if code not in known}
    if unknown:
        hints = dict.fromkeys(close for code in unknown.values() if (close := nearest(code, known)))
        advice = f" The nearest is {' or '.join(hints)}." if hints else ""
        raise ServiceUnknown(f"The directory has no such service today.{advice}", *unknown)
